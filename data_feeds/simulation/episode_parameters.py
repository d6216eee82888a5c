"""Generator parameters of the three episodes: windows, phases and hours of the flushes."""

from dataclasses import dataclass


@dataclass(frozen=True)
class PhaseParameters:
    """Parameters of the market from ``start`` (a date) until the next phase.

    ``equity_volatility`` is the realized volatility; ``bitcoin_volatility`` the volatility of the
    drawn path before it is moved onto published values; both are annualized fractions.
    ``bitcoin_beta`` is bitcoin's share of a Nasdaq return. ``yield_volatility`` is in percentage
    points a day, ``yield_correlation`` the correlation of yield changes with equity returns.
    ``fragility`` from 0 to 1 measures the leverage of the perp's book and the thinness of its order
    book.
    """

    start: str
    name: str
    equity_volatility: float
    bitcoin_volatility: float
    bitcoin_beta: float
    yield_volatility: float = 0.05
    yield_correlation: float = 0.2
    fragility: float = 0.3


@dataclass(frozen=True)
class ExcessReturn:
    """Total log return of an equity beyond its factors, from one date to another."""

    symbol: str
    start: str
    end: str
    log_return: float


@dataclass(frozen=True)
class EpisodeParameters:
    """One sell-off with a year before it; dates are UTC days, ``end`` is not included.

    ``flushes`` are hours of forced selling (first and last minute, multiple of the usual variance);
    moves between published values concentrate there. ``prices`` are round prices of the equities on
    the first day; ``normal_volume`` is the perp's volume on a quiet day, base units. ``premium`` is
    the perp's usual premium over its index, fraction; ``looseness`` scales its response to demand
    and forced flow, 1 in the young market of 2020.
    """

    name: str
    start: str
    end: str
    seed: int
    normal_volume: tuple[tuple[str, float], ...]
    phases: tuple[PhaseParameters, ...]
    flushes: tuple[tuple[str, str, float], ...]
    prices: dict[str, float]
    excess: tuple[ExcessReturn, ...] = ()
    premium: float = 0.0001
    looseness: float = 1.0


_2020 = EpisodeParameters(
    name="2020",
    start="2019-02-01",
    end="2020-08-01",
    seed=20200312,
    normal_volume=(("2019-02-01", 25_000), ("2020-02-01", 90_000), ("2020-03-20", 220_000),
                   ("2020-08-01", 150_000)),
    phases=(
        PhaseParameters("2019-02-01", "before", 0.12, 0.80, 0.1, 0.050, 0.35, 0.3),
        PhaseParameters("2020-02-20", "shock", 0.38, 0.55, 0.5, 0.085, 0.55, 0.6),
        PhaseParameters("2020-03-09", "flush", 0.85, 1.20, 1.0, 0.110, 0.30, 1.0),
        PhaseParameters("2020-03-24", "stabilization", 0.40, 0.75, 0.7, 0.050, 0.30, 0.3),
        PhaseParameters("2020-05-01", "recovery", 0.20, 0.55, 0.4, 0.035, 0.30, 0.3),
    ),
    flushes=(
        ("2020-03-08T14:00", "2020-03-08T23:00", 6), ("2020-03-12T10:15", "2020-03-12T11:30", 60),
        ("2020-03-12T22:45", "2020-03-13T02:15", 60), ("2020-03-13T02:15", "2020-03-13T06:00", 15),
        ("2019-10-25T13:00", "2019-10-26T04:00", 12), ("2019-09-24T18:00", "2019-09-24T20:00", 20),
        ("2020-05-10T00:00", "2020-05-10T00:45", 25),
    ),
    prices={"QQQ": 167, "SMH": 49, "IGV": 39, "NVDA": 145, "MSFT": 103, "TLT": 121, "IEF": 104,
            "SH": 116, "PSQ": 130},
    excess=(ExcessReturn("NVDA", "2019-06-03", "2020-07-31", 0.45),
            ExcessReturn("MSFT", "2019-02-01", "2020-02-19", 0.20)),
)  # fmt: skip

_2022 = EpisodeParameters(
    name="2022",
    start="2020-11-01",
    end="2023-02-01",
    seed=20221109,
    normal_volume=(("2020-11-01", 300_000), ("2021-05-01", 450_000), ("2021-11-01", 260_000),
                   ("2022-06-01", 420_000), ("2023-02-01", 350_000)),
    phases=(
        PhaseParameters("2020-11-01", "before", 0.15, 0.75, 0.5, 0.045, 0.10, 0.5),
        PhaseParameters("2021-11-10", "shock", 0.17, 0.55, 1.2, 0.060, -0.05, 0.5),
        PhaseParameters("2022-01-04", "tightening", 0.26, 0.60, 1.1, 0.065, -0.10, 0.5),
        PhaseParameters("2022-05-05", "flush", 0.29, 0.80, 1.1, 0.085, -0.05, 0.8),
        PhaseParameters("2022-07-01", "bear-market rally", 0.21, 0.60, 1.0, 0.085, -0.15, 0.4),
        PhaseParameters("2022-08-17", "second flush", 0.25, 0.60, 1.0, 0.090, -0.25, 0.5),
        PhaseParameters("2022-11-05", "venue failure", 0.30, 0.85, 1.3, 0.080, -0.25, 1.0),
        PhaseParameters("2022-11-25", "stabilization", 0.20, 0.43, 0.8, 0.070, -0.20, 0.3),
    ),
    flushes=(
        ("2021-05-19T11:00", "2021-05-19T13:15", 50), ("2021-05-19T13:15", "2021-05-19T15:00", 20),
        ("2021-09-07T14:00", "2021-09-07T15:30", 25), ("2021-12-04T04:30", "2021-12-04T05:30", 60),
        ("2021-12-04T05:30", "2021-12-04T07:00", 15), ("2022-01-21T00:00", "2022-01-22T20:00", 3),
        ("2022-05-09T12:00", "2022-05-10T02:00", 6), ("2022-05-12T03:00", "2022-05-12T08:00", 10),
        ("2022-06-13T00:00", "2022-06-13T16:00", 7), ("2022-06-18T12:00", "2022-06-18T22:00", 8),
        ("2022-11-08T16:45", "2022-11-08T21:00", 25), ("2022-11-09T12:00", "2022-11-09T23:45", 8),
    ),
    prices={"QQQ": 270, "SMH": 88, "IGV": 60, "NVDA": 501, "MSFT": 202, "TLT": 159, "IEF": 120,
            "SH": 82, "PSQ": 70},
    excess=(ExcessReturn("NVDA", "2020-11-02", "2021-11-19", 0.35),
            ExcessReturn("SMH", "2020-11-02", "2021-11-19", 0.20),
            ExcessReturn("IGV", "2021-11-09", "2022-01-25", -0.10)),
    premium=-0.0001,
    looseness=0.7,
)  # fmt: skip

_2026 = EpisodeParameters(
    name="2026",
    start="2024-10-01",
    end="2026-04-16",
    seed=20260205,
    normal_volume=(("2024-10-01", 200_000), ("2025-02-01", 220_000), ("2025-09-01", 150_000),
                   ("2026-02-15", 230_000), ("2026-04-16", 160_000)),
    phases=(
        PhaseParameters("2024-10-01", "before", 0.16, 0.58, 0.8, 0.060, 0.10, 0.4),
        PhaseParameters("2025-03-28", "tariff shock", 0.40, 0.52, 0.7, 0.075, 0.10, 0.5),
        PhaseParameters("2025-05-10", "narrow leadership", 0.11, 0.40, 0.9, 0.048, 0.05, 0.4),
        PhaseParameters("2025-10-07", "leverage breaks", 0.14, 0.38, 1.9, 0.045, 0.10, 0.8),
        PhaseParameters("2026-01-29", "shock", 0.16, 0.60, 1.9, 0.045, 0.10, 0.8),
        PhaseParameters("2026-02-04", "flush", 0.22, 0.95, 1.6, 0.050, 0.10, 1.0),
        PhaseParameters("2026-02-08", "stabilization", 0.17, 0.58, 1.0, 0.050, 0.10, 0.4),
    ),
    flushes=(
        ("2025-02-24T22:00", "2025-02-26T18:00", 3), ("2025-10-10T14:45", "2025-10-10T16:00", 10),
        ("2025-10-10T20:45", "2025-10-10T21:30", 60), ("2025-10-10T21:30", "2025-10-10T22:15", 25),
        ("2025-11-20T15:00", "2025-11-21T13:00", 4), ("2026-01-29T15:00", "2026-01-29T17:00", 15),
        ("2026-01-31T15:30", "2026-01-31T18:15", 30), ("2026-02-05T13:45", "2026-02-05T15:30", 12),
        ("2026-02-05T19:30", "2026-02-05T23:00", 8), ("2026-02-05T23:00", "2026-02-06T00:15", 40),
        ("2026-02-06T00:15", "2026-02-06T03:00", 14),
    ),
    prices={"QQQ": 481, "SMH": 239, "IGV": 87, "NVDA": 117, "MSFT": 421, "TLT": 98, "IEF": 98,
            "SH": 44, "PSQ": 37},
    excess=(ExcessReturn("IGV", "2024-10-01", "2024-12-06", 0.10),
            ExcessReturn("IGV", "2025-10-28", "2026-02-05", -0.26),
            ExcessReturn("SMH", "2025-06-02", "2026-01-28", 0.28),
            ExcessReturn("NVDA", "2025-05-12", "2025-10-29", 0.28),
            ExcessReturn("MSFT", "2025-10-28", "2026-01-28", -0.10)),
    premium=-0.00046,
    looseness=0.15,
)  # fmt: skip

EPISODES = (_2020, _2022, _2026)
