"""An import that would lose or change stored rows lists them and requires --replace."""

from pathlib import Path

import pytest

from data_feeds.catalog import Catalog, Origin, TimeSpan
from data_feeds.clock import HOUR_NS
from data_feeds.errors import IntegrityError, LossError
from data_feeds.instrument import Instrument, InstrumentKind
from data_feeds.schema import ChannelKey, ChannelKind
from data_feeds.sources.local_files import import_mapping
from tests.data_feeds.factory import bars, ns
from tests.data_feeds.imports import BARS, HEAD, SERIES, imported, perp_bars, stored_files

HEADER = "t,o,h,l,c,v\n"


def hours(*numbers: int, close: int = 11) -> str:
    return HEADER + "".join(f"2026-02-06 {n:02}:00,10,12,9,{close},5\n" for n in numbers)


def imported_again(folder: Path, *, replace: bool = False, mapping: str = BARS) -> list[str]:
    (folder / "mapping.yaml").write_text(HEAD + mapping)
    reports = import_mapping(folder / "mapping.yaml", Catalog(folder / "catalog"), replace=replace)
    return [note for report in reports for note in report.notes]


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        (hours(0, 1), "1 stored row (2026-02-06T02:00Z) of 3 are lost"),
        (hours(5, 6, 7, 8), "3 stored rows (2026-02-06T00:00Z to 2026-02-06T02:00Z) of 3 are lost"),
        (hours(0, 2, 3, 4), "1 stored row (2026-02-06T01:00Z) of 3 are lost"),
        (hours(0, 1, 2, close=12), "3 stored rows (2026-02-06T00:00Z to 2026-02-06T02:00Z) change"),
    ],
)
def test_rows_are_lost_only_when_that_is_meant(tmp_path: Path, rows: str, words: str) -> None:
    catalog = imported(tmp_path, BARS, bars=hours(0, 1, 2))
    before = stored_files(catalog)
    (tmp_path / "bars.csv").write_text(rows)
    with pytest.raises(LossError) as caught:
        imported_again(tmp_path)
    assert f"P/bars/1h: {words}; add --replace to confirm" in str(caught.value)
    assert stored_files(catalog) == before
    assert imported_again(tmp_path, replace=True) == [f"replaced: {words}"]
    assert len(perp_bars(catalog)) == rows.count("\n") - 1


@pytest.mark.parametrize("rows", [hours(0, 1, 2), hours(0, 1, 2, 3), hours(0, 1, 2, 22)])
def test_the_same_rows_and_more_lose_nothing(tmp_path: Path, rows: str) -> None:
    catalog = imported(tmp_path, BARS, bars=hours(0, 1, 2))
    (tmp_path / "bars.csv").write_text(rows)
    assert imported_again(tmp_path) == []
    assert len(perp_bars(catalog)) == rows.count("\n") - 1


def test_a_label_that_gets_weaker_is_a_change(tmp_path: Path) -> None:
    imported(tmp_path, BARS, bars=hours(0, 1))
    with pytest.raises(LossError, match=r"2 stored rows .* change"):
        imported_again(tmp_path, mapping=BARS.replace("observed", "synthetic"))


def test_a_value_known_at_another_instant_is_a_change(tmp_path: Path) -> None:
    imported(tmp_path, SERIES, series="date,value\n2026-02-05,4.2\n2026-02-06,4.3\n")
    later = SERIES.replace('"16:15"', '"18:00"')
    with pytest.raises(LossError, match=r"S/series: 2 stored rows .* change"):
        imported_again(tmp_path, mapping=later)


def test_all_channels_with_losses_are_listed_at_once(tmp_path: Path) -> None:
    rows = "date,value\n2026-02-05,4.2\n2026-02-06,4.3\n"
    imported(tmp_path, BARS + SERIES, bars=hours(0, 1), series=rows)
    (tmp_path / "bars.csv").write_text(hours(1))
    (tmp_path / "series.csv").write_text(rows[:-15])
    with pytest.raises(LossError, match=r"P/bars/1h: 1 stored row .*; S/series: 1 stored row"):
        imported_again(tmp_path, mapping=BARS + SERIES)


def test_the_coverage_of_a_fetch_is_not_lost_silently(tmp_path: Path) -> None:
    catalog = Catalog(tmp_path / "catalog")
    first = ns("2026-02-06")
    rows = bars([first], [(10, 12, 9, 11, 5)])
    perp = Instrument(id="P", kind=InstrumentKind.PERP)
    fetched = type(rows)(ChannelKey("P", ChannelKind.BARS, "1h"), rows.columns)
    with catalog.batch() as batch:
        answered = TimeSpan(started_at=first, ended_at=first + 5 * HOUR_NS)
        batch.extend(perp, fetched, answered, Origin())
    (tmp_path / "bars.csv").write_text(hours(0, 1))
    with pytest.raises(LossError, match="the coverage of a fetch is lost"):
        imported_again(tmp_path)


def test_a_catalog_of_the_last_version_is_refused_with_its_remedy(
    tmp_path: Path,
) -> None:
    catalog = imported(tmp_path, BARS, bars=hours(0, 1, 2))
    index = catalog.path / "index.json"
    index.write_text(index.read_text().replace('"format": 3', '"format": 2'))
    before = stored_files(catalog)
    for door in (catalog.entries, lambda: imported_again(tmp_path)):
        with pytest.raises(
            IntegrityError, match=r"format 2, expected 3.*an earlier version"
        ) as caught:
            door()
        assert f"riskoff data import MAPPING.yaml --data {catalog.path} --replace" in str(
            caught.value
        )
    assert stored_files(catalog) == before
    (note,) = imported_again(tmp_path, replace=True)
    assert note.startswith("the whole catalog was started anew: ")
    assert "format 2, expected" in note
    assert len(perp_bars(catalog)) == 3
    # The old files are gone.
    assert len(list(catalog.path.rglob("*.parquet"))) == 1


def test_a_failed_replacement_of_an_old_catalog_leaves_it(tmp_path: Path) -> None:
    catalog = imported(tmp_path, BARS, bars=hours(0, 1, 2))
    index = catalog.path / "index.json"
    index.write_text(index.read_text().replace('"format": 3', '"format": 2'))
    before = stored_files(catalog)
    (tmp_path / "bars.csv").write_text(hours(1, 0))
    with pytest.raises(Exception, match="is not after the row before"):
        imported_again(tmp_path, replace=True)
    assert stored_files(catalog) == before


@pytest.mark.parametrize("rows", [hours(0, 1, 2), hours(0, 1, 2, 3)])
def test_a_broken_file_is_imported_again_without_asking(tmp_path: Path, rows: str) -> None:
    catalog = imported(tmp_path, BARS, bars=hours(0, 1, 2))
    (path,) = catalog.path.rglob("*.parquet")
    path.write_bytes(b"broken")
    (tmp_path / "bars.csv").write_text(rows)
    imported_again(tmp_path)
    assert all(row.is_sound for row in catalog.verify())


def test_a_broken_file_of_more_rows_is_not(tmp_path: Path) -> None:
    catalog = imported(tmp_path, BARS, bars=hours(0, 1, 2))
    (path,) = catalog.path.rglob("*.parquet")
    path.write_bytes(b"broken")
    (tmp_path / "bars.csv").write_text(hours(1, 2))
    with pytest.raises(LossError, match=r"3 stored rows, 2026-02-06T00:00Z to .* not all among 2"):
        imported_again(tmp_path)
