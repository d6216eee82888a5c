"""Every reading checks stored rows by the gate's rules, the index and the list of files.

Each case writes what somebody with an editor could write: a file with other rows whose hash in the
index is right, or an index whose numbers are not those of its files.
"""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from data_feeds.catalog import Catalog
from data_feeds.clock import DAY_NS, HOUR_NS
from data_feeds.errors import IntegrityError
from data_feeds.load import load_dataset
from data_feeds.schema import ChannelKey, ChannelKind
from tests.data_feeds.factory import PERP, bars, ns
from tests.data_feeds.quality_cases import funding

T0 = ns("2025-11-01")
# Two months of half hours but one hole, so two files; and settlements.
ROWS = [i for i in range(48 * 40) if i not in (7, 8)]
KEY = ChannelKey(PERP.id, ChannelKind.BARS, "30m")
Index = dict[str, Any]


@pytest.fixture
def catalog(tmp_path: Path) -> Catalog:
    made = Catalog(tmp_path)
    halves = bars([T0 + i * HOUR_NS // 2 for i in ROWS], [(10, 11, 9, 10, 5)] * len(ROWS), "30m")
    made.write(PERP, [halves, funding([T0 + i * 8 * HOUR_NS for i in range(120)])])
    return made


def edited(catalog: Catalog, change: Callable[[Index], None]) -> None:
    path = catalog.path / "index.json"
    index = json.loads(path.read_text())
    change(index)
    path.write_text(json.dumps(index))


def rewritten(catalog: Catalog, kind: int, change: Callable[[pa.Table], pa.Table]) -> Path:
    """Change the first file of a channel, and its hash in the index."""

    def renamed(index: Index) -> None:
        part = index["channels"][kind]["parts"][0]
        path = catalog.path / part["file"]
        pq.write_table(change(pq.read_table(path)), path)
        part["sha256"] = hashlib.sha256(path.read_bytes()).hexdigest()

    edited(catalog, renamed)
    return catalog.path / catalog.entries()[kind].parts[0].file


def with_value(column: str, row: int, value: float) -> Callable[[pa.Table], pa.Table]:
    def change(table: pa.Table) -> pa.Table:
        values = table.column(column).to_numpy().copy()
        values[row] = value
        return table.set_column(table.column_names.index(column), column, pa.array(values))

    return change


def refused(catalog: Catalog, key: ChannelKey = KEY) -> str:
    """Return the one message with which read, load and verify refuse a channel."""
    with pytest.raises(IntegrityError) as caught:
        catalog.read(key)
    with pytest.raises(IntegrityError) as loaded:
        load_dataset(catalog, [key], T0 + DAY_NS, T0 + 35 * DAY_NS)
    (row,) = [row for row in catalog.verify() if row.key == str(key)]
    assert row.problem == str(caught.value)
    assert str(loaded.value).partition(" says ")[0] == str(caught.value).partition(" says ")[0]
    assert caught.value.exit_code == 3
    assert f"import {key} again" in row.problem
    return row.problem


@pytest.mark.parametrize(
    ("column", "row", "value", "rule"),
    [
        ("close", 5, np.nan, "row 5 at 2025-11-01T02:30Z: close nan is not a positive price"),
        ("open", 3, np.inf, "row 3 at 2025-11-01T01:30Z: high 11 is below open or close"),
        ("low", 3, -1.0, "row 3 at 2025-11-01T01:30Z: low -1 is not a positive price"),
        ("low", 3, 0.0, "row 3 at 2025-11-01T01:30Z: low 0 is not a positive price"),
        ("high", 4, 8.0, "row 4 at 2025-11-01T02:00Z: high 8 is below low"),
        ("volume", 6, -2.0, "row 6 at 2025-11-01T03:00Z: volume -2 is negative"),
        ("opened_at", 1, T0, "row 1 at 2025-11-01T00:00Z: opened_at 2025-11-01T00:00Z is not"),
        ("opened_at", 0, T0 + 5 * 10**9, "opened_at 2025-11-01T00:00:05Z is not on a multiple"),
        ("available_at", 2, T0, "available_at 2025-11-01T00:00Z is before closed_at"),
        ("label", 2, 7, "label 7 is unknown"),
    ],
)  # fmt: skip
def test_a_row_that_breaks_a_rule_is_named_with_file_and_rule(
    catalog: Catalog, column: str, row: int, value: float, rule: str
) -> None:
    path = rewritten(catalog, 0, with_value(column, row, value))
    text = refused(catalog)
    assert text.startswith(f"{path}: {KEY}: row ")
    assert rule in text


def test_a_stored_settlement_off_its_hour_is_refused(catalog: Catalog) -> None:
    late = with_value("event_at", 2, T0 + 16 * HOUR_NS + 18 * 10**6)
    rewritten(catalog, 1, late)
    text = refused(catalog, ChannelKey(PERP.id, ChannelKind.FUNDING))
    assert "row 2 at 2025-11-01T16:00:00.018Z" in text


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda table: table.drop_columns(["high"]), "columns high are missing, not known or of"),
        (
            lambda table: table.append_column("vwap", table["close"]),
            "columns vwap are missing, not",
        ),
        (
            lambda table: table.set_column(6, "close", table["close"].cast("float32")),
            "columns close are missing, not known or of another type",
        ),
        (lambda table: table.slice(1), "holds 1437 rows, not 1438"),
        # No rule can show that a price was changed; the file's record can.
        (with_value("volume", 40, 0.0), "index.json says idle"),
        (with_value("available_at", 40, T0 + 30 * DAY_NS), "available_at"),
        (with_value("label", 40, 1), "index.json says labels"),
        (with_value("close", 40, 10.5), "its list of files is not the one that was written"),
    ],
)
def test_a_file_that_is_not_the_one_written_is_refused(
    catalog: Catalog, change: Callable[[pa.Table], pa.Table], words: str
) -> None:
    rewritten(catalog, 0, change)
    assert words in refused(catalog)


def entry(index: Index) -> Index:
    found: Index = index["channels"][0]
    return found


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda part: part.update(first_at=T0 + HOUR_NS), "says first_at 2025-11-01T01:00Z, the"),
        (lambda part: part.update(last_at=T0 + 90 * DAY_NS), "says last_at 2026-01-30T00:00Z, the"),
        (lambda part: part.update(last_available_at=T0), "says last_available_at 2025-11-01"),
        (lambda part: part.update(rows=1437), "holds 1438 rows, not 1437"),
        (lambda part: part.update(gaps=[]), "says other holes"),
        (lambda part: part["labels"].update(observed=1, synthetic=1437), "says labels"),
        (lambda part: part.update(sha256="0" * 64), "differs from the written file"),
        (lambda part: part.update(file="channels/x.parquet"), "is missing"),
    ],
)
def test_an_index_that_says_something_else_than_the_files_is_refused(
    catalog: Catalog, change: Callable[[Index], None], words: str
) -> None:
    edited(catalog, lambda index: change(entry(index)["parts"][0]))
    assert words in refused(catalog)


@pytest.mark.parametrize("taken", [0, 1])
def test_a_file_taken_out_of_the_list_is_missed(catalog: Catalog, taken: int) -> None:
    edited(catalog, lambda index: entry(index)["parts"].pop(taken))
    with pytest.raises(IntegrityError, match="its list of files is not the one that was written"):
        catalog.read(KEY)
    (row, _) = catalog.verify()
    assert "its list of files is not the one that was written" in row.problem


def test_files_in_another_order_are_refused(catalog: Catalog) -> None:
    edited(catalog, lambda index: entry(index)["parts"].reverse())
    assert "rows from 2025-11-01T00:00Z overlap those stored to 2025-12-11T00:00Z" in refused(
        catalog
    )


def test_invented_holes_are_refused(catalog: Catalog) -> None:
    hole = {"started_at": T0, "ended_at": T0 + DAY_NS, "rows": 48}
    edited(catalog, lambda index: entry(index).update(seams=[hole]))
    assert "its holes are not those between its files" in refused(catalog)


def test_a_channel_without_its_instrument_is_refused(catalog: Catalog) -> None:
    edited(catalog, lambda index: index.update(instruments=[]))
    assert "no instrument BTCUSDT-PERP" in refused(catalog)
