"""A catalog whose index and rows are read once and kept, for many runs over the same data."""

from collections.abc import Iterable
from functools import cached_property
from pathlib import Path

from data_feeds.catalog.catalog import Catalog
from data_feeds.catalog.index import CatalogEntry, Index, load_index
from data_feeds.instrument import Instrument
from data_feeds.schema import Channel, ChannelKey
from data_feeds.splits import FirstShares


class KeptCatalog(Catalog):
    """Read each stretch of a channel once; later imports change nothing that this object returns.

    The rows of a channel are the same arrays for every caller, and cannot be written to.
    """

    def __init__(self, path: Path | str) -> None:
        super().__init__(path)
        self._rows: dict[tuple[ChannelKey, int | None, int | None], Channel] = {}
        self._shares: dict[tuple[tuple[str, ...], int], dict[str, FirstShares]] = {}

    @cached_property
    def _index(self) -> Index:
        return load_index(self.path)

    def instruments(self) -> dict[str, Instrument]:
        """Return the instruments by id."""
        return {instrument.id: instrument for instrument in self._index.instruments}

    def entries(self) -> list[CatalogEntry]:
        """Return the entries of all channels, ordered by instrument, kind and timeframe."""
        return list(self._index.channels)

    def find(self, key: ChannelKey) -> CatalogEntry | None:
        """Return one channel's entry, or None when the catalog lacks it."""
        return self._index.find(key)

    def entry(self, key: ChannelKey) -> CatalogEntry:
        """Return one channel's entry; errors are those of :meth:`Catalog.entry`."""
        return self._located(self._index, key)

    def read(self, key: ChannelKey, start: int | None = None, end: int | None = None) -> Channel:
        """Return the rows of a channel as :meth:`Catalog.read` does, from memory if it can."""
        asked = (key, start, end)
        if asked not in self._rows:
            self._rows[asked] = super().read(key, start, end)
        return self._rows[asked]

    def first_shares(self, instruments: Iterable[str], end: int) -> dict[str, FirstShares]:
        """Return the share unit of some instruments as :meth:`Catalog.first_shares` does."""
        asked = (tuple(instruments), end)
        if asked not in self._shares:
            self._shares[asked] = super().first_shares(asked[0], end)
        return self._shares[asked]
