"""Tables that no second program can derive: the audit sees that they are no longer the run's."""

import shutil

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from data_feeds.embedded import embedded_catalog
from engine.audit import audit_run
from engine.config.load import load_run_config
from engine.config.locations import find_config
from engine.results import write_run
from engine.results.folder import SEALED_FILES
from engine.run import run


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    config = load_run_config(find_config("demo"))
    return write_run(run(config, embedded_catalog()), tmp_path_factory.mktemp("runs"))


def findings(folder):
    return [finding.table for finding in audit_run(folder, embedded_catalog()).findings]


def test_an_untouched_run_keeps_its_seals(demo):
    assert findings(demo) == []


@pytest.mark.parametrize("name", SEALED_FILES)
@pytest.mark.parametrize("change", ["delete a row", "repeat a row"])
def test_a_sealed_table_that_changed_is_found(demo, tmp_path, name, change):
    folder = tmp_path / "run"
    shutil.copytree(demo, folder)
    table = pq.read_table(folder / name)
    if len(table) == 0:
        # The demo hedges nothing: a row of nothing is a change, too.
        pq.write_table(pa.table({c.name: pa.nulls(1, c.type) for c in table.schema}), folder / name)
    elif change == "delete a row":
        pq.write_table(table.slice(1), folder / name)
    else:
        pq.write_table(pa.concat_tables([table.slice(0, 1), table]), folder / name)
    assert name in findings(folder)
