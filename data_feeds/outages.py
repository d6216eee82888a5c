"""Stretches in which a venue was down, and the bars that fill nothing because of them."""

from collections.abc import Sequence
from datetime import UTC

import numpy as np
from numpy.typing import NDArray
from pydantic import AwareDatetime, Field, model_validator

from data_feeds.clock import datetime_ns
from data_feeds.strict_model import StrictModel


class Outage(StrictModel):
    """A stretch in which a venue took no orders, from its first instant to its end."""

    since: AwareDatetime = Field(description="First instant without trading, with its zone")
    until: AwareDatetime = Field(description="First instant with trading again, with its zone")
    source: str = Field(min_length=1, description="Who published or measured it, and when")

    @model_validator(mode="after")
    def _ends_after_start(self) -> "Outage":
        if self.until <= self.since:
            raise ValueError(f"until {self.until} must lie after since {self.since}")
        return self

    @property
    def words(self) -> str:
        """Text of the stretch in UTC and its source."""
        since, until = self.since.astimezone(UTC), self.until.astimezone(UTC)
        end = f"{until:%H:%M}" if until.date() == since.date() else f"{until:%Y-%m-%d %H:%M}"
        return f"{since:%Y-%m-%d %H:%M} to {end} UTC ({self.source})"


def opens_in_outage(outages: Sequence[Outage], opened_at: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return a flag per bar: it opens inside an outage, so that no order fills in it.

    A bar that opens before an outage and ends inside it keeps its fills: what it traded, it traded
    before. ``opened_at`` is int64 ns UTC.
    """
    inside = np.zeros(len(opened_at), np.bool_)
    for outage in outages:
        first, stop = datetime_ns(outage.since), datetime_ns(outage.until)
        inside |= (opened_at >= first) & (opened_at < stop)
    return inside
