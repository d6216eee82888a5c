"""The run id covers all inputs of a result, and nothing else."""

import itertools
import json
import os
import random
import subprocess
import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from data_feeds.embedded import embedded_catalog
from data_feeds.schema import ChannelKey, ChannelKind
from engine.audit import audit_run
from engine.config.load import load_run_config
from engine.config.locations import find_config
from engine.config.models import PlaybookConfig
from engine.errors import PlaybookContractError
from engine.playbook import PlaybookParams
from engine.plugins import configured_playbook
from engine.results.contents import write_run
from engine.results.manifest import inputs_document, not_reusable, plain, run_id
from engine.run import prepare_playbook, run
from tests.engine.conftest import fake_run

ROOT = Path(__file__).resolve().parents[3]
_numbers = itertools.count(1)

PLUGIN = """
from pathlib import Path

import numpy as np

from engine import api

BARS = api.ChannelKey("BTCUSDT-PERP", api.ChannelKind.BARS, "1h")
HERE = Path(__file__).parent
AT_IMPORT


class ReadingParams(api.PlaybookParams):
    names: frozenset[str] = frozenset()
    sizes: dict[str, float] = {}


class Reading(api.Playbook[ReadingParams]):
    name = "reading"
    Params = ReadingParams

    def __init__(self, params):
        super().__init__(params)
        AT_INIT

    @classmethod
    def requirements(cls, params):
        return api.Requirements(
            BARS, frozenset({BARS}), frozenset(), ("BTCUSDT-PERP",), 1, files=(FILES)
        )

    def prepare(self, data):
        AT_PREPARE
        bars = data.bars("BTCUSDT-PERP", "1h")
        return api.Signals(bars["available_at"], {"close": bars["close"]})

    def on_bar(self, market, account):
        AT_BAR
        return ()
"""
PLACES = ("AT_IMPORT", "AT_INIT", "AT_PREPARE", "AT_BAR")


def prepared(config, playbook):
    """Return the playbook on a week of hours; the last two days are traded."""
    made = fake_run(hours=168)
    data = made.config.data.model_copy(update={"start": made.config.data.end - timedelta(days=2)})
    run = made.config.model_copy(update={"playbook": config, "data": data})
    return prepare_playbook(run, made.dataset, playbook)


class Project:
    """A folder with a plugin of its own name, and a folder of helpers elsewhere on ``sys.path``."""

    def __init__(self, root: Path) -> None:
        self.plugins, self.elsewhere = root / "plugins", root / "elsewhere"
        self.plugins.mkdir()
        self.elsewhere.mkdir()
        self.number = next(_numbers)
        self.name = f"plugin_reading_{self.number}"

    def write(self, *, files: str = "", **code: str) -> None:
        text = PLUGIN.replace("FILES", files)
        for place in PLACES:
            text = text.replace(place, code.get(place.lower(), "pass"))
        (self.plugins / f"{self.name}.py").write_text(text)

    def prepared(self, **params):
        config = PlaybookConfig(name=self.name, params=params)
        playbook = configured_playbook(config, self.plugins)
        return prepared(config, playbook)

    def forget(self) -> None:
        """Forget the plugin and the helpers, as another process would."""
        folders = (str(self.plugins), str(self.elsewhere))
        for name, module in list(sys.modules.items()):
            if str(getattr(module, "__file__", None) or "").startswith(folders):
                del sys.modules[name]

    def id(self) -> str:
        self.forget()
        return run_id(self.prepared().inputs)


@pytest.fixture
def project(tmp_path, monkeypatch):
    made = Project(tmp_path)
    monkeypatch.syspath_prepend(str(made.elsewhere))
    yield made
    made.forget()


IMPORTS = {
    "a module": ("import MODULE", "MODULE.py"),
    "a package": ("from MODULE.deep import SIZE", "MODULE/deep.py"),
    "a namespace package": ("import MODULE.deep.er", "MODULE/deep/er.py"),
    "a module by its name": (
        "import importlib; importlib.import_module('MODULE')", "MODULE.py",
    ),
    "a module by a name worked out": (
        "import importlib; importlib.import_module('MOD' + 'ULE'[0:])", "MODULE.py",
    ),
    "a module of a module": ("import MODULE_first", "MODULE.py"),
    "code run from a file": (
        "import runpy; runpy.run_path(str(HERE.parent / 'elsewhere' / 'MODULE.py'))", "MODULE.py",
    ),
}  # fmt: skip


@pytest.mark.parametrize("place", ["at_import", "at_init", "at_prepare"])
@pytest.mark.parametrize("kind", IMPORTS)
def test_a_helper_anywhere_on_the_path_is_part_of_the_id(project, kind, place):
    line, file = IMPORTS[kind]
    name = f"helper_{project.number}"
    line = line.replace("'MOD' + 'ULE'[0:]", f"'helper' + '_{project.number}'")
    project.write(**{place: line.replace("MODULE", name)})
    helper = project.elsewhere / file.replace("MODULE", name)
    helper.parent.mkdir(parents=True, exist_ok=True)
    if kind == "a package":
        (helper.parent / "__init__.py").write_text("")
    (project.elsewhere / f"{name}_first.py").write_text(f"import {name}\n")
    helper.write_text("SIZE = 0.5\n")
    before = project.id()
    assert project.id() == before
    helper.write_text("SIZE = 0.25  # another one\n")
    assert project.id() != before
    helper.write_text("SIZE = 0.5\n")
    assert project.id() == before


@pytest.mark.parametrize("place", ["at_import", "at_init", "at_prepare"])
@pytest.mark.parametrize("kind", ["a module", "a module by a name worked out"])
def test_a_second_run_of_one_process_has_the_id_of_the_first(project, kind, place):
    name = f"helper_{project.number}"
    line = IMPORTS[kind][0].replace("'MOD' + 'ULE'[0:]", f"'helper' + '_{project.number}'")
    project.write(**{place: line.replace("MODULE", name)})
    (project.elsewhere / f"{name}.py").write_text("SIZE = 0.5\n")
    first = project.id()
    assert run_id(project.prepared().inputs) == run_id(project.prepared().inputs) == first


def test_a_helper_that_is_imported_late_is_in_the_id_before(project):
    name = f"helper_{project.number}"
    project.write(at_bar=f"import {name}")
    helper = project.elsewhere / f"{name}.py"
    helper.write_text("SIZE = 0.5\n")
    before = project.id()
    project.prepared().simulated()
    assert name in sys.modules
    helper.write_text("SIZE = 0.25\n")
    assert project.id() != before


def test_a_stranger_on_the_path_is_no_part_of_the_id(project):
    project.write()
    stranger = project.elsewhere / f"stranger_{project.number}.py"
    stranger.write_text("SIZE = 0.5\n")
    before = project.id()
    stranger.write_text("SIZE = 0.25\n")
    assert project.id() == before


READ = {
    "text": "(HERE.parent / 'levels.csv').read_text()",
    "open": "(lambda file: (file.read(), file.close()))(open(HERE.parent / 'levels.csv'))",
    "numpy": "np.loadtxt(HERE.parent / 'levels.csv')",
    "pandas": "__import__('pandas').read_csv(HERE.parent / 'levels.csv')",
    "os": "__import__('os').close(__import__('os').open(HERE.parent / 'levels.csv', 0))",
    "relative": "Path('levels.csv').read_text()",
}


def write_levels(folder, value):
    import pandas as pd  # noqa: PLC0415 - only here

    (folder / "levels.csv").write_text(f"{value}\n")
    pd.DataFrame({"level": [value]}).to_parquet(folder / "levels.parquet")


@pytest.mark.parametrize("place", ["at_import", "at_init", "at_prepare"])
@pytest.mark.parametrize("how", READ)
def test_a_file_that_is_read_is_part_of_the_id_and_makes_the_run_not_reusable(
    project, tmp_path, monkeypatch, how, place
):
    monkeypatch.chdir(tmp_path)
    write_levels(tmp_path, 1.0)
    project.write(**{place: READ[how]})
    before = project.id()
    (reason,) = project.prepared().inputs.playbook.reads.not_reusable
    assert "levels." in reason
    assert "Requirements.files" in reason
    assert project.id() == before
    write_levels(tmp_path, 2.0)
    assert project.id() != before


@pytest.mark.parametrize("place", ["at_import", "at_init", "at_prepare", "at_bar"])
@pytest.mark.parametrize(
    "files",
    [
        "HERE.parent / 'levels.csv',",
        "'../levels.csv',",
        "str(HERE.parent / 'levels.csv'),",
        "'..',",
    ],
)
def test_a_declared_file_is_part_of_the_id_and_leaves_the_run_reusable(
    project, tmp_path, files, place
):
    # A declared folder stands for the files in it.
    (tmp_path / "levels.csv").write_text("1\n")
    project.write(files=files, **{place: READ["text"]})
    before = project.id()
    prepared = project.prepared()
    assert prepared.simulated().playbook.reads.not_reusable == []
    assert project.id() == before
    (tmp_path / "levels.csv").write_text("2\n")
    assert project.id() != before


def test_a_declared_file_counts_though_only_compiled_code_opens_it(project, tmp_path):
    (tmp_path / "levels.csv").write_text("1\n")
    project.write(files="'../levels.csv',")
    before = project.id()
    (tmp_path / "levels.csv").write_text("2\n")
    assert project.id() != before


def test_a_declared_file_that_is_not_there_is_named(project):
    project.write(files="'nowhere.csv',")
    with pytest.raises(
        PlaybookContractError, match=r"files names nowhere\.csv, but .* does not exist"
    ):
        project.prepared()


@pytest.mark.parametrize("how", ["text", "open", "relative"])
def test_a_file_read_while_deciding_is_refused(project, tmp_path, monkeypatch, how):
    monkeypatch.chdir(tmp_path)
    write_levels(tmp_path, 1.0)
    project.write(at_bar=READ[how])
    prepared = project.prepared()
    with pytest.raises(PlaybookContractError, match=r"reading: .*levels\.csv was read while"):
        prepared.simulated()


def test_a_module_that_nothing_names_is_refused_while_deciding(project):
    name = f"helper_{project.number}"
    (project.elsewhere / f"{name}.py").write_text("")
    call = f"__import__('helper' + '_{project.number}')"
    project.write(at_bar=call)
    prepared = project.prepared()
    with pytest.raises(PlaybookContractError, match=rf"module {name} .* was imported while"):
        prepared.simulated()


@pytest.mark.parametrize(
    "code",
    [
        "import pandas; pandas.read_parquet(HERE.parent / 'levels.parquet')",
        "import pyarrow.parquet as pq; pq.read_table(HERE.parent / 'levels.parquet')",
        "from pyarrow import feather as f; f.read_feather if True else None",
    ],
)
def test_files_that_only_compiled_code_opens_must_be_declared(project, tmp_path, code):
    write_levels(tmp_path, 1.0)
    project.write(at_prepare=code)
    (reason, *_) = not_reusable(project.prepared().inputs)
    assert "opened unseen: name them in Requirements.files" in reason
    project.forget()
    project.write(at_prepare=code, files="'../levels.parquet',")
    assert not_reusable(project.prepared().inputs) == []
    before = project.id()
    write_levels(tmp_path, 2.0)
    assert project.id() != before


def test_a_database_and_a_process_are_seen(project, tmp_path):
    import sqlite3  # noqa: PLC0415 - only here

    sqlite3.connect(tmp_path / "levels.db").close()
    project.write(
        at_prepare="import sqlite3, subprocess; "
        "sqlite3.connect(HERE.parent / 'levels.db').close(); subprocess.run(['true'])"
    )
    reasons = " ".join(project.prepared().inputs.playbook.reads.not_reusable)
    assert "levels.db" in reasons
    assert "subprocess.Popen" in reasons


def test_what_is_written_and_what_libraries_read_changes_nothing(project, tmp_path):
    project.write(
        at_prepare="(HERE.parent / 'log.txt').write_text('x'); import zoneinfo, json.tool; "
        "zoneinfo.ZoneInfo('Asia/Tokyo'); import tzdata, email.mime.text"
    )
    assert project.prepared().inputs.playbook.reads.not_reusable == []


def test_reads_of_one_run_are_none_of_the_next(project, tmp_path):
    write_levels(tmp_path, 1.0)
    project.write(at_prepare=f"self.params.sizes and {READ['text']}")
    assert project.prepared(sizes={"a": 1.0}).inputs.playbook.reads.undeclared
    assert project.prepared().inputs.playbook.reads.undeclared == []


def test_a_folder_that_moves_keeps_its_id(project, tmp_path):
    name = f"helper_{project.number}"
    project.write(at_import=f"import {name}", files="'levels.csv',")
    (project.plugins / f"{name}.py").write_text("SIZE = 0.5\n")
    (project.plugins / "levels.csv").write_text("1\n")
    before = project.id()
    project.forget()
    project.plugins = project.plugins.rename(tmp_path / "moved")
    assert project.id() == before


def permutations(value):
    """Yield a document with its mappings in other orders."""
    rng = random.Random(7)

    def shuffled(item):
        if isinstance(item, dict):
            keys = list(item)
            rng.shuffle(keys)
            return {key: shuffled(item[key]) for key in keys}
        return [shuffled(part) for part in item] if isinstance(item, list) else item

    for _ in range(5):
        yield shuffled(value)


def test_the_order_of_keys_changes_neither_id_nor_file(project, tmp_path):
    project.write()
    sizes = {"c": 3.0, "a": 1.0, "b": 2.0}
    texts, ids = set(), set()
    for number, order in enumerate(permutations(sizes)):
        run = project.prepared(sizes=order).simulated()
        ids.add(run_id(run))
        texts.add((write_run(run, tmp_path / str(number)) / "config.resolved.yaml").read_bytes())
    assert (len(ids), len(texts)) == (1, 1)


def test_the_order_of_keys_of_every_section_changes_no_id(make_run):
    run = make_run(hours=60)
    document = plain(run.config)
    document["report"]["benchmark"] = {"SPY": 0.6, "IEF": 0.4}
    document["risk"]["daily_loss"] = {"limit": 0.02, "scope": "flatten"}
    configs = [type(run.config).model_validate(order) for order in permutations(document)]
    assert len({run_id(replace(run, config=config)) for config in configs}) == 1
    assert len({json.dumps(plain(config)) for config in configs}) == 1


def test_defaults_written_out_change_no_id(make_run):
    run = make_run(hours=60)
    short = run.config.model_dump(mode="json", exclude_unset=True)
    whole = plain(run.config)
    assert len(str(short)) < len(str(whole))
    assert run_id(replace(run, config=type(run.config).model_validate(short))) == run_id(
        replace(run, config=type(run.config).model_validate(whole))
    )


class Sets(PlaybookParams):
    names: frozenset[str] = frozenset()
    keys: frozenset[ChannelKey] = frozenset()
    pairs: dict[str, frozenset[int]] = {}
    nested: tuple[frozenset[str], ...] = ()


def test_sets_are_written_in_one_order():
    names = frozenset({"SPY", "QQQ", "IEF", "GLD", "TLT", "HYG"})
    model = Sets(names=names, pairs={"b": frozenset({3, 1}), "a": frozenset({2})}, nested=(names,))
    assert plain(model) == {
        "names": sorted(names),
        "keys": [],
        "pairs": {"a": [2], "b": [1, 3]},
        "nested": [sorted(names)],
    }
    code = (
        "from tests.engine.results.test_run_id import Sets; from engine.results.manifest import "
        "plain; import json; print(json.dumps(plain(Sets(names=frozenset('abcdefgh')))))"
    )
    told = {
        subprocess.run(
            [sys.executable, "-c", code],
            cwd=ROOT,
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2", "3")
    }
    assert len(told) == 1


def test_sets_of_records_are_written_in_one_order():
    keys = frozenset(ChannelKey(name, ChannelKind.BARS, "1d") for name in ("SPY", "IEF", "GLD"))
    written = plain(Sets(keys=keys))["keys"]
    assert [item["instrument"] for item in written] == ["GLD", "IEF", "SPY"]


def test_the_name_by_which_a_playbook_is_found_changes_no_id(project):
    project.write()
    named = project.prepared().inputs
    config = PlaybookConfig(name=f"{project.name}:Reading")
    playbook = configured_playbook(config, project.plugins)
    assert run_id(named) == run_id(prepared(config, playbook).inputs)


@pytest.mark.parametrize("group", ["leaders", "book", "earnings"])
def test_a_set_of_names_has_one_id_and_names_each_once(make_run, group):
    run = make_run(hours=60)
    inputs = type(run.config.market.inputs)

    def id_of(names):
        market = run.config.market.model_copy(update={"inputs": inputs(**{group: names})})
        return run_id(replace(run, config=run.config.model_copy(update={"market": market})))

    assert id_of(["SMH", "IGV", "NVDA"]) == id_of(["NVDA", "SMH", "IGV"])
    assert id_of(["SMH", "IGV"]) != id_of(["SMH", "NVDA"])
    with pytest.raises(ValueError, match="more than once"):
        inputs(**{group: ["SMH", "SMH"]})


def test_a_list_of_preference_keeps_its_order(make_run):
    inputs = type(make_run(hours=60).config.market.inputs)
    assert inputs(vix=["VIXCLS", "VIX"]).vix == ("VIXCLS", "VIX")


def test_inputs_name_what_prices_options_and_compiles(make_run):
    packages = inputs_document(make_run(hours=60))["packages"]
    assert {"quantlib", "llvmlite", "numba", "exchange_calendars"} <= set(packages)


def test_a_plugins_own_libraries_are_named_by_version(project):
    project.write(at_import="import requests")
    packages = inputs_document(project.prepared().inputs)["packages"]
    # requests requires urllib3; only tests require pytest.
    assert {"requests", "urllib3"} <= set(packages)
    assert "pytest" not in packages


def test_permuted_weights_are_one_run_to_the_last_byte(tmp_path):
    written = {}
    for number, weights in enumerate(
        permutations(dict.fromkeys(["SPY", "QQQ", "IEF", "GLD"], 0.25))
    ):
        config = load_run_config(
            find_config("weights_2020"),
            [
                f"playbook.params.weights={json.dumps(weights)}",
                "data.source=embedded",
                "data.start=2020-03-12",
                "data.end=2020-06-30",
                "account.brokerage_cash=100000",
            ],
        )
        folder = write_run(run(config, embedded_catalog()), tmp_path / str(number))
        assert audit_run(folder, embedded_catalog()).ok
        written[number] = {path.name: path.read_bytes() for path in folder.iterdir()} | {
            "folder": folder.name
        }
    assert all(files == written[0] for files in written.values())
