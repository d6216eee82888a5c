"""The tests of pages write them with every picture."""

from collections.abc import Iterator

import pytest

from engine.pages import quantstats_part
from tests.quantstats_pictures import DRAWN


@pytest.fixture(scope="module", autouse=True)
def pictures_of_quantstats() -> Iterator[None]:
    """Write the pages of a module as users get them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(quantstats_part, "pictures", DRAWN)
        yield
