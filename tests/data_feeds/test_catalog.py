"""The catalog returns the written rows, or names the damage in one line."""

import errno
import json
import os
from pathlib import Path

import filelock
import numpy as np
import pytest

from data_feeds import atomic
from data_feeds.catalog import Catalog, Origin, coverage_text
from data_feeds.catalog.index import FORMAT, load_index
from data_feeds.clock import HOUR_NS
from data_feeds.dataset import Dataset
from data_feeds.errors import CoverageError, IntegrityError, SchemaError, StorageError
from data_feeds.instrument import Instrument, InstrumentKind
from data_feeds.schema import Channel, ChannelKey, ChannelKind
from tests.data_feeds.factory import PERP, bars, ns, series

T0 = ns("2026-02-06T00:00")
KEY = ChannelKey(PERP.id, ChannelKind.BARS, "1h")
DGS10 = Instrument(id="DGS10", kind=InstrumentKind.SERIES)


def hours(*closes: float) -> Channel:
    return bars(
        [T0 + i * HOUR_NS for i in range(len(closes))],
        [(c, c, c, c, i) for i, c in enumerate(closes)],
    )


def same(left: Channel, right: Channel) -> bool:
    one, other = (Dataset({}, {KEY: channel}).fingerprint for channel in (left, right))
    return one == other


def contents(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != ".lock"
    }


@pytest.fixture
def catalog(tmp_path: Path) -> Catalog:
    made = Catalog(tmp_path / "catalog")
    made.write(PERP, [hours(10, 11, 12)], Origin(source="venue", licence="none"))
    return made


def test_written_rows_are_read_back(catalog: Catalog) -> None:
    catalog.write(DGS10, [series([1, 1], [2, 3], [4.0, 4.1])])
    assert same(catalog.read(KEY), hours(10, 11, 12))
    assert [str(entry.key) for entry in catalog.entries()] == [
        "BTCUSDT-PERP/bars/1h",
        "DGS10/series",
    ]
    assert catalog.instruments() == {"BTCUSDT-PERP": PERP, "DGS10": DGS10}
    assert not catalog.read(KEY)["close"].flags.writeable


def test_an_entry_tells_coverage_gaps_labels_and_origin(catalog: Catalog) -> None:
    channel = bars([T0, T0 + 3 * HOUR_NS], [(1, 1, 1, 1, 0), (1, 1, 1, 1, 4)])
    (entry,) = catalog.write(PERP, [channel], Origin(source="venue"))
    assert coverage_text(entry) == "2026-02-06T00:00Z to 2026-02-06T04:00Z"
    assert (entry.rows, entry.missing_rows, len(entry.idle)) == (2, 2, 1)
    assert entry.labels == {"observed": 2, "inferred": 0, "synthetic": 0}
    assert entry.origin.source == "venue"
    assert catalog.entry(KEY) == entry


def test_rows_are_selected_by_their_fact(catalog: Catalog) -> None:
    part = catalog.read(KEY, T0 + HOUR_NS, T0 + HOUR_NS)
    assert part["close"].tolist() == [11]


def test_writing_again_replaces_the_channel_and_its_file(catalog: Catalog) -> None:
    catalog.write(PERP, [hours(20, 21)])
    assert catalog.read(KEY)["close"].tolist() == [20, 21]
    assert len(list(catalog.path.rglob("*.parquet"))) == 1


def test_the_same_input_gives_the_same_bytes(catalog: Catalog, tmp_path: Path) -> None:
    other = Catalog(tmp_path / "other")
    other.write(PERP, [hours(10, 11, 12)], Origin(source="venue", licence="none"))
    assert contents(other.path) == contents(catalog.path)
    before = contents(catalog.path)
    catalog.write(PERP, [hours(10, 11, 12)], Origin(source="venue", licence="none"))
    assert contents(catalog.path) == before


def test_a_missing_channel_error_lists_the_catalogs_channels(catalog: Catalog) -> None:
    with pytest.raises(CoverageError, match=r"SPY/bars/1d: not in the catalog .*BTCUSDT-PERP/bars"):
        catalog.read(ChannelKey("SPY", ChannelKind.BARS, "1d"))


@pytest.mark.parametrize("failing_write", [1, 2, 3])
@pytest.mark.parametrize("step", ["fsync", "replace"])
@pytest.mark.parametrize(
    "failure", [KeyboardInterrupt(), OSError(errno.ENOSPC, "No space left on device")]
)
def test_a_failed_write_leaves_the_catalog_unchanged(
    catalog: Catalog,
    monkeypatch: pytest.MonkeyPatch,
    failing_write: int,
    step: str,
    failure: BaseException,
) -> None:
    before = contents(catalog.path)
    real = getattr(os, step)
    calls = 0

    def dying(*arguments: object) -> None:
        nonlocal calls
        calls += 1
        # Every file is synced twice, itself and its folder, and renamed once.
        if calls == (2 * failing_write - 1 if step == "fsync" else failing_write):
            raise failure
        real(*arguments)

    monkeypatch.setattr(atomic.os, step, dying)
    marks = bars([T0], [(1, 1, 1, 1)], kind=ChannelKind.MARK)
    expected = StorageError if isinstance(failure, OSError) else KeyboardInterrupt
    with pytest.raises(expected) as caught:
        catalog.write(PERP, [hours(1, 2), marks])
    monkeypatch.undo()
    assert contents(catalog.path) == before
    if expected is StorageError:
        assert "No space left on device; the catalog is unchanged" in str(caught.value)
    catalog.write(PERP, [hours(1, 2), marks])
    assert all(row.is_sound for row in catalog.verify())


@pytest.mark.parametrize("call", range(1, 7))
def test_an_interrupt_at_any_sync_leaves_the_old_state_or_the_new(
    catalog: Catalog, monkeypatch: pytest.MonkeyPatch, call: int
) -> None:
    real = os.fsync
    calls = 0

    def interrupted(handle: int) -> None:
        nonlocal calls
        calls += 1
        if calls == call:
            raise KeyboardInterrupt
        real(handle)

    monkeypatch.setattr(atomic.os, "fsync", interrupted)
    with pytest.raises(KeyboardInterrupt):
        catalog.write(PERP, [hours(1, 2), bars([T0], [(1, 1, 1, 1)], kind=ChannelKind.MARK)])
    monkeypatch.undo()
    # The sixth sync is the folder's, after the new index took its name.
    assert len(catalog.entries()) == (2 if call == 6 else 1)
    assert all(row.is_sound for row in catalog.verify())


def test_a_truncated_or_changed_file_is_one_clear_line(catalog: Catalog) -> None:
    (path,) = catalog.path.rglob("*.parquet")
    whole = path.read_bytes()
    for broken in (whole[: len(whole) // 2], b"", bytes([whole[0] ^ 1]) + whole[1:]):
        path.write_bytes(broken)
        with pytest.raises(IntegrityError, match="differs from the written file") as caught:
            catalog.read(KEY)
        assert path.name in str(caught.value)
        assert "import BTCUSDT-PERP/bars/1h again" in str(caught.value)
        (row,) = catalog.verify()
        assert not row.is_sound
        assert path.name in row.problem
    path.unlink()
    with pytest.raises(IntegrityError, match="is missing"):
        catalog.read(KEY)
    catalog.write(PERP, [hours(10, 11, 12)])
    assert same(catalog.read(KEY), hours(10, 11, 12))


@pytest.mark.parametrize("text", ["", "{", f'{{"format": {FORMAT}}}', "[]"])
def test_a_broken_index_is_one_clear_line(catalog: Catalog, text: str) -> None:
    (catalog.path / "index.json").write_text(text)
    with pytest.raises(IntegrityError, match="not a catalog index; make it again with"):
        catalog.entries()


def test_an_index_of_another_format_is_refused(catalog: Catalog) -> None:
    path = catalog.path / "index.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"format": 99}))
    with pytest.raises(IntegrityError, match=f"format 99, expected {FORMAT}"):
        catalog.read(KEY)


def test_an_index_is_parsed_again_exactly_when_its_bytes_change(catalog: Catalog) -> None:
    first = load_index(catalog.path)
    assert load_index(catalog.path) is first
    before = (catalog.path / "index.json").stat()
    # The same length, inode and time of writing: only the bytes tell.
    text = (catalog.path / "index.json").read_text()
    with (catalog.path / "index.json").open("r+") as file:
        file.write(text.replace('"rows": 3', '"rows": 4'))
    os.utime(catalog.path / "index.json", ns=(before.st_atime_ns, before.st_mtime_ns))
    assert catalog.entry(KEY).rows == 4
    assert first.channels[0].rows == 3


def test_a_reader_follows_a_channel_replaced_under_it(
    catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    stale = load_index(catalog.path)
    catalog.write(PERP, [hours(30, 31)])
    answers = [stale, load_index(catalog.path)]
    monkeypatch.setattr("data_feeds.catalog.catalog.load_index", lambda _: answers.pop(0))
    assert catalog.read(KEY)["close"].tolist() == [30, 31]
    assert not answers


def test_broken_rows_never_reach_the_disk(catalog: Catalog) -> None:
    before = contents(catalog.path)
    with pytest.raises(SchemaError, match="open -1 is not a positive price"):
        catalog.write(PERP, [hours(1, -1)])
    with pytest.raises(SchemaError, match="does not belong to DGS10"):
        catalog.write(DGS10, [hours(1, 2)])
    with pytest.raises(SchemaError, match="no rows"):
        catalog.write(PERP, [hours()])
    sly = Instrument(id="../evil", kind=InstrumentKind.PERP)
    channel = Channel(ChannelKey("../evil", ChannelKind.BARS, "1h"), hours(1, 2).columns)
    with pytest.raises(SchemaError, match="use letters"):
        catalog.write(sly, [channel])
    assert contents(catalog.path) == before


def test_a_folder_that_cannot_be_made_is_a_storage_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match=r"cannot write: .*the catalog is unchanged"):
        Catalog(tmp_path / "file" / "catalog").write(PERP, [hours(1, 2)])


def test_an_old_file_that_stays_does_not_undo_a_write(
    catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(path: Path, missing_ok: bool = False) -> None:
        raise OSError(errno.EACCES, f"Permission denied: {path} {missing_ok}")

    monkeypatch.setattr(Path, "unlink", refused)
    catalog.write(PERP, [hours(20, 21)])
    monkeypatch.undo()
    assert same(catalog.read(KEY), hours(20, 21))


def test_a_catalog_locked_by_another_import_is_a_storage_error(
    catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("data_feeds.catalog.batch.LOCK_SECONDS", 0)
    with (
        filelock.FileLock(str(catalog.path / ".lock")),
        pytest.raises(StorageError, match="locked by another import for 0 s"),
    ):
        catalog.write(PERP, [hours(20, 21)])


def test_an_empty_folder_is_an_empty_catalog(tmp_path: Path) -> None:
    catalog = Catalog(tmp_path)
    assert not catalog.exists()
    assert catalog.entries() == []
    assert list(catalog.verify()) == []


def test_values_survive_to_the_last_bit(catalog: Catalog) -> None:
    odd = np.array([0.1 + 0.2, 1e-300, 12345.678901234567])
    channel = series([1, 2, 3], [1, 2, 3], odd.tolist())
    catalog.write(DGS10, [channel])
    assert catalog.read(channel.key)["value"].tobytes() == odd.tobytes()
