"""Runs on imported files: a settlement is its hour, wrong data is no fault of the playbook."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from data_feeds.catalog import Catalog
from data_feeds.errors import IntegrityError
from data_feeds.schema import ChannelKey, ChannelKind
from data_feeds.sources.local_files import import_mapping
from engine.config.load import load_run_config
from engine.run import RunResult, run
from tests.slippage import RANGE_SETTING

# 2025-03-06T08:00Z in milliseconds; hourly bars from three days before to a day after.
EIGHT_MS = 1741248000000
HOUR_MS = 3_600_000
MAPPING = """\
instruments:
  - {id: P, kind: perp, tick_size: 0.1, lot_size: 0.001}
files:
  - path: bars.csv
    instrument: P
    kind: bars
    timeframe: 1h
    stamp: open
    time: {column: t, unit: ms}
    columns: {open: o, high: h, low: l, close: c, volume: v}
    label: observed
  - path: mark.csv
    instrument: P
    kind: mark
    timeframe: 1h
    stamp: close
    time: {column: t, unit: ms}
    columns: {open: o, high: h, low: l, close: c}
    label: observed
  - path: funding.csv
    instrument: P
    kind: funding
    stamp: event
    time: {column: t, unit: ms}
    columns: {rate: r}
    label: observed
"""
CONFIG = """\
name: held
data: {{source: {catalog}, start: 2025-03-06, end: 2025-03-07}}
playbook:
  name: hold
  params: {{instrument: P, enter_at: "{enter}", stop_fraction: 0.5}}
account: {{venue_cash: 100000}}
venue: binance_usdm
report: {{benchmark: P}}
"""


def market(folder: Path, late_ms: int) -> Catalog:
    """Flat at 50,000 with a mark of 50,100, and three settlements of 0.01%, each ``late_ms``."""
    hours = range(-96, 30)
    opens = [EIGHT_MS + n * HOUR_MS for n in hours]
    bars = "".join(f"{at},50000,50010,49990,50000,1000\n" for at in opens)
    marks = "".join(f"{at + HOUR_MS - 1},50100,50110,50090,50100\n" for at in opens)
    settled = [EIGHT_MS + n * 8 * HOUR_MS + late_ms for n in range(-12, 4)]
    (folder / "bars.csv").write_text("t,o,h,l,c,v\n" + bars)
    (folder / "mark.csv").write_text("t,o,h,l,c\n" + marks)
    (folder / "funding.csv").write_text("t,r\n" + "".join(f"{at},0.0001\n" for at in settled))
    (folder / "mapping.yaml").write_text(MAPPING)
    catalog = Catalog(folder / "catalog")
    import_mapping(folder / "mapping.yaml", catalog)
    return catalog


def held(folder: Path, late_ms: int, enter: str) -> RunResult:
    catalog = market(folder, late_ms)
    path = folder / "run.yaml"
    path.write_text(CONFIG.format(catalog=catalog.path, enter=enter))
    # The bars begin four days before the run.
    return run(load_run_config(path, [RANGE_SETTING]), catalog)


@pytest.mark.parametrize("late_ms", [0, 18, -1, 45_000])
def test_a_position_that_fills_at_the_settlement_s_hour_pays_nothing(
    tmp_path: Path, late_ms: int
) -> None:
    outcome = held(tmp_path, late_ms, "2025-03-06T08:00:00Z").outcome
    eight = EIGHT_MS * 10**6
    assert outcome.fills[0].at == eight
    paid = [fact for fact in outcome.facts if fact.kind == "funding"]
    # The one at 16:00, the last in the window: quantity x 50,100 x 0.01%, at the mark's open.
    quantity = outcome.fills[0].quantity
    assert [(fact.at - eight, fact.price) for fact in paid] == [(8 * 3600 * 10**9, 50_100.0)]
    assert paid[0].amount == pytest.approx(-quantity * 50_100 * 1e-4)


@pytest.mark.parametrize("late_ms", [18, -1])
def test_a_position_held_into_the_hour_pays_as_on_the_hour(tmp_path: Path, late_ms: int) -> None:
    (tmp_path / "off").mkdir()
    (tmp_path / "on").mkdir()
    off = held(tmp_path / "off", late_ms, "2025-03-06T05:00:00Z")
    on = held(tmp_path / "on", 0, "2025-03-06T05:00:00Z")
    assert off.dataset.fingerprint == on.dataset.fingerprint
    assert off.outcome.facts == on.outcome.facts
    assert len([fact for fact in on.outcome.facts if fact.kind == "funding"]) == 2


def test_the_import_counts_what_it_moved(tmp_path: Path) -> None:
    catalog = market(tmp_path, 18)
    reports = import_mapping(tmp_path / "mapping.yaml", catalog)
    notes = {str(report.key): report.notes for report in reports}
    assert notes == {
        "P/bars/1h": (),
        "P/mark/1h": ("mark.csv: 126 stamps moved onto the grid, by at most 0.001 s",),
        "P/funding": ("funding.csv: 16 stamps moved onto the grid, by at most 0.018 s",),
    }
    assert catalog.entry(ChannelKey("P", ChannelKind.FUNDING)).gaps == ()


@pytest.mark.parametrize(
    ("kind", "column", "row", "value", "rule"),
    [
        ("bars", "close", 100, np.nan, "close nan is not a positive price"),
        ("mark", "low", 100, -1.0, "low -1 is not a positive price"),
        ("funding", "rate", 3, np.nan, "rate nan is not a finite number"),
    ],
)
def test_a_wrong_stored_row_ends_a_run_as_an_error_of_the_data(
    tmp_path: Path, kind: str, column: str, row: int, value: float, rule: str
) -> None:
    catalog = market(tmp_path, 0)
    path = catalog.path / "index.json"
    index = json.loads(path.read_text())
    (entry,) = [entry for entry in index["channels"] if entry["kind"] == kind]
    (part,) = entry["parts"]
    file = catalog.path / part["file"]
    table = pq.read_table(file)
    values = table.column(column).to_numpy().copy()
    values[row] = value
    at = table.column_names.index(column)
    pq.write_table(table.set_column(at, column, pa.array(values)), file)
    part["sha256"] = hashlib.sha256(file.read_bytes()).hexdigest()
    path.write_text(json.dumps(index))
    config = tmp_path / "run.yaml"
    config.write_text(CONFIG.format(catalog=catalog.path, enter="2025-03-06T08:00:00Z"))
    with pytest.raises(IntegrityError) as caught:
        run(load_run_config(config), catalog)
    assert caught.value.exit_code == 3
    assert str(caught.value).startswith(f"{file}: P/{kind}")
    assert f"row {row} at " in str(caught.value)
    assert rule in str(caught.value)
