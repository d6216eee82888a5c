"""Parameters of the three scenarios: stabilization, tightening shock, reflation."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from data_feeds.errors import SchemaError


@dataclass(frozen=True)
class Scenario:
    """Mean behaviour of the market from the end of the data on; random moves are added.

    Returns and changes are totals of ``horizon_days`` calendar days, spread evenly; later there is
    no drift. Multiples are relative to the value at the end of the data. Multiples and quantities
    with a start and a target reach their target within ``settling_days`` along a straight line
    (multiples: of the logarithm).

    Parameters
    ----------
    name, title, story : ``A``, a short title, a description
    horizon_days, settling_days : see above
    equity_log_return : log return of the S&P 500
    tech_beta, tech_log_return : beta of the Nasdaq to it, and the Nasdaq's excess return
    own_noise : multiple of an equity's own noise; below 1 the index dominates
    rebound : fraction regained, while the scenario settles, of an asset's fall from its 60-day high
        beyond its factor's fall; crypto regains this fraction of its whole fall
    yield_change : change of the 10-year yield, percentage points
    dollar_log_return : log return of the dollar index
    spread_multiple, vix_multiple : multiples of the high-yield spread and VIX
    equity_volatility_multiple, yield_volatility_multiple, bitcoin_volatility_multiple : multiples
        of realized volatility; yields and dollar share one; bitcoin's volatility is higher if its
        beta requires, because at least 40% of the stated volatility is its own
    yield_correlation : correlation of yield changes with equity returns; negative: bonds fall with
        equities
    bitcoin_beta_start, bitcoin_beta_target : bitcoin's share of a Nasdaq return
    bitcoin_log_return : bitcoin's excess return, without cascades
    fragility_start, fragility_target : leverage of the perp's book and thinness of its order book,
        0 to 1 (``flywheel``)
    interest_multiple : multiple of the target open interest, base units
    """

    name: str
    title: str
    story: str
    equity_log_return: float
    tech_beta: float
    tech_log_return: float
    own_noise: float
    rebound: float
    yield_change: float
    dollar_log_return: float
    spread_multiple: float
    vix_multiple: float
    equity_volatility_multiple: float
    yield_volatility_multiple: float
    bitcoin_volatility_multiple: float
    yield_correlation: float
    bitcoin_beta_start: float
    bitcoin_beta_target: float
    bitcoin_log_return: float
    fragility_start: float
    fragility_target: float
    interest_multiple: float
    horizon_days: int = 60
    settling_days: int = 20


_A = Scenario(
    name="A",
    title="volatility normalization, shallow recovery",
    story="yields hold, the dollar stops rising, technology makes no lower lows and does not lead; "
    "volatility and correlations decline",
    equity_log_return=0.02,
    tech_beta=1.1,
    tech_log_return=-0.01,
    own_noise=1.0,
    rebound=0.1,
    yield_change=0.0,
    dollar_log_return=-0.005,
    spread_multiple=0.92,
    vix_multiple=0.75,
    equity_volatility_multiple=0.75,
    yield_volatility_multiple=0.8,
    bitcoin_volatility_multiple=0.6,
    yield_correlation=0.1,
    bitcoin_beta_start=1.6,
    bitcoin_beta_target=0.2,
    bitcoin_log_return=0.02,
    fragility_start=0.5,
    fragility_target=0.2,
    interest_multiple=1.05,
    settling_days=30,
)
_B = Scenario(
    name="B",
    title="liquidity tightening shock",
    story="policy expectations turn hawkish, financial conditions tighten, credit spreads widen; "
    "the index drives equities down and leverage makes crypto fall further",
    equity_log_return=-0.12,
    tech_beta=1.05,
    tech_log_return=0.0,
    own_noise=0.7,
    rebound=0.0,
    yield_change=0.45,
    dollar_log_return=0.04,
    spread_multiple=1.8,
    vix_multiple=1.7,
    equity_volatility_multiple=1.8,
    yield_volatility_multiple=1.4,
    bitcoin_volatility_multiple=1.2,
    yield_correlation=-0.25,
    bitcoin_beta_start=1.3,
    bitcoin_beta_target=1.6,
    bitcoin_log_return=-0.1,
    fragility_start=0.8,
    fragility_target=1.0,
    interest_multiple=0.8,
)
_C = Scenario(
    name="C",
    title="risk reflation via policy clarity",
    story="a clear policy path restores confidence; volatility collapses, technology leads again, "
    "the deepest falls rebound most",
    equity_log_return=0.08,
    tech_beta=1.25,
    tech_log_return=0.04,
    own_noise=1.1,
    rebound=0.5,
    yield_change=-0.15,
    dollar_log_return=-0.02,
    spread_multiple=0.8,
    vix_multiple=0.55,
    equity_volatility_multiple=0.6,
    yield_volatility_multiple=0.7,
    bitcoin_volatility_multiple=0.6,
    yield_correlation=0.1,
    bitcoin_beta_start=1.3,
    bitcoin_beta_target=1.1,
    bitcoin_log_return=0.08,
    fragility_start=0.4,
    fragility_target=0.3,
    interest_multiple=1.15,
)

SCENARIOS: Mapping[str, Scenario] = MappingProxyType({item.name: item for item in (_A, _B, _C)})


def scenario_of(scenario: str | Scenario) -> Scenario:
    """Return a scenario by its name, or the given scenario.

    Raises
    ------
    SchemaError : no scenario has this name.
    """
    if isinstance(scenario, Scenario):
        return scenario
    if scenario not in SCENARIOS:
        known = ", ".join(f"{item.name} ({item.title})" for item in SCENARIOS.values())
        raise SchemaError(f"scenario {scenario!r} is unknown; use one of {known}")
    return SCENARIOS[scenario]
