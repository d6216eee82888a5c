"""Leave quantstats' pictures out of pages that tests write: a page takes a second less."""

from collections.abc import Iterator

import pytest

from engine.pages import quantstats_part

DRAWN = quantstats_part.pictures


@pytest.fixture(scope="session", autouse=True)
def no_pictures_of_quantstats() -> Iterator[None]:
    """Write pages with quantstats' tables and our own pictures only."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(quantstats_part, "pictures", lambda _: ())
        yield
