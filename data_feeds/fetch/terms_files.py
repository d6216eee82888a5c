"""Store today's filters and leverage brackets of a plan's venues as dated files."""

from collections.abc import Iterator
from pathlib import Path

from data_feeds.atomic import storage_errors, write_atomically
from data_feeds.fetch.make_source import SourceOptions, make_source
from data_feeds.fetch.plan import CcxtEntry, FetchPlan
from data_feeds.instrument import Instrument
from data_feeds.sources.ccxt_perps import CcxtPerps

FOLDER = "terms"


def store_terms(
    plan: FetchPlan, instruments: dict[str, Instrument], options: SourceOptions, catalog: Path
) -> Iterator[Path]:
    """Write one YAML file for each entry with ``terms: true``; yield their paths.

    A file is named by instrument and day and holds the venue's terms of today, because venues
    publish no history of brackets.

    Raises
    ------
    SourceError : the venue does not answer or refuses;
    SchemaError : its terms cannot be read;
    StorageError : the disk refuses.
    """
    for entry in plan.fetch:
        if not isinstance(entry, CcxtEntry) or not entry.terms:
            continue
        for name in entry.ids:
            source = make_source(entry, instruments[name], options)
            assert isinstance(source, CcxtPerps)
            terms = source.venue_terms()
            path = catalog / FOLDER / f"{name}-{terms.as_of}.yaml"
            with storage_errors(path):
                write_atomically(path, terms.as_yaml().encode())
            yield path
