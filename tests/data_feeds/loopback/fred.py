"""FRED's public CSV, and the XML of its API with vintages."""

from dataclasses import dataclass, field
from xml.sax.saxutils import quoteattr

import numpy as np

from tests.data_feeds.loopback.server import Request, Response

CSV = "/graph/fredgraph.csv"
API = "/fred"
OBSERVATIONS = API + "/series/observations"
VINTAGES = API + "/series/vintagedates"
KEY = "madekey0123456789madekey01234567"
LAST_DAY = "9999-12-31"
MOST_VINTAGES = 2_000


@dataclass
class Fred:
    """Serves one series from its history: reference date -> [(date of release, value as text)].

    The CSV gives the last value of each date. ``archive_from`` is the first vintage that ALFRED
    kept: earlier releases are there, with that date.
    """

    series_id: str
    history: dict[str, list[tuple[str, str]]]
    archive_from: str = "1990-01-01"
    other_vintages: list[str] = field(default_factory=list)

    def __call__(self, request: Request) -> Response | None:
        """Answer one request."""
        if request.path == CSV:
            return self._csv(request.query)
        if not request.path.startswith(API):
            return None
        if request.query.get("api_key") != KEY:
            return refusal("Bad Request. The value for variable api_key is not registered.")
        if request.query.get("series_id") != self.series_id:
            return refusal("Bad Request. The series does not exist.")
        if request.path == VINTAGES:
            dates = "".join(f"<vintage_date>{day}</vintage_date>" for day in self.vintages())
            return xml(f"<vintage_dates>{dates}</vintage_dates>")
        return self._observations(request.query) if request.path == OBSERVATIONS else None

    def vintages(self) -> list[str]:
        """Return the days on which ALFRED's copy of the series changed."""
        days = {max(day, self.archive_from) for rows in self.history.values() for day, _ in rows}
        return sorted(days | set(self.other_vintages))

    def _csv(self, query: dict[str, str]) -> Response | None:
        if query["id"] != self.series_id:
            return None
        lines = [f"observation_date,{self.series_id}"]
        for date, rows in sorted(self.history.items()):
            if query["cosd"] <= date <= query["coed"]:
                value = rows[-1][1]
                lines.append(f"{date},{'' if value == '.' else value}")
        return Response("".join(f"{line}\n" for line in lines).encode(), 200, {})

    def _observations(self, query: dict[str, str]) -> Response:
        first, last = query["realtime_start"], query["realtime_end"]
        if sum(first <= day <= last for day in self.vintages()) > MOST_VINTAGES:
            return refusal("Bad Request. This exceeds the maximum number of vintage dates: 2000.")
        lines = []
        for date, rows in sorted(self.history.items()):
            if query["observation_start"] <= date <= query["observation_end"]:
                lines += self._periods(date, rows, first, last)
        return xml(f"<observations>{''.join(lines)}</observations>")

    def _periods(self, date: str, rows: list[tuple[str, str]], first: str, last: str) -> list[str]:
        """Return the periods of values, cut to the requested period as FRED does."""
        lines = []
        kept = {max(day, self.archive_from): value for day, value in rows}
        begins = sorted(kept)
        for i, day in enumerate(begins):
            ends = before(begins[i + 1]) if i + 1 < len(begins) else LAST_DAY
            if day <= last and ends >= first:
                lines.append(
                    f"<observation realtime_start={quoteattr(max(day, first))} "
                    f"realtime_end={quoteattr(min(ends, last))} date={quoteattr(date)} "
                    f"value={quoteattr(kept[day])}/>"
                )
        return lines


def before(day: str) -> str:
    """Return the day before."""
    return str(np.datetime64(day) - np.timedelta64(1, "D"))


def xml(text: str, status: int = 200) -> Response:
    """Return an XML document."""
    body = f'<?xml version="1.0" encoding="utf-8" ?>\n{text}'.encode()
    return Response(body, status, {"Content-Type": "text/xml"})


def refusal(message: str, status: int = 400) -> Response:
    """Return an error in FRED's form."""
    return xml(f"<error code={quoteattr(str(status))} message={quoteattr(message)}/>", status)
