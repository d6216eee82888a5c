"""The limits of the kernel: which runs and which swept values the engine must simulate."""

from collections.abc import Iterable, Mapping

import numpy as np

from data_feeds.clock import datetime_ns
from data_feeds.trading_end import ended_by
from engine.bracket_plan import BracketPlan
from engine.broker.along_instants import NO_ROW
from engine.broker.timeline import Timeline
from engine.bt import SimulationInputs
from engine.config.models import RunConfig
from engine.contracts import contract_of
from engine.contracts.contract import ContractKind
from engine.costs import RangeSlippage, SlippageModel, SquareRootSlippage
from engine.costs.arithmetic import has_plain_steps
from engine.costs.slippage_models.fixed import FixedSlippage
from engine.errors import ConfigError
from engine.screening.layout import FIXED, MAX_TARGETS, RANGE, ROOT

# The slippage models that the kernel computes, and their numbers there. A model derived from one of
# them has formulas of its own.
SLIPPAGE_NUMBERS: Mapping[type[SlippageModel], int] = {
    FixedSlippage: FIXED,
    RangeSlippage: RANGE,
    SquareRootSlippage: ROOT,
}
# Sections of a run file of which any value inside can differ from set to set.
SWEPT = ("playbook.params", "risk", "account", "venue")
# Keys inside them that change the data of a run, or its market state.
FIXED_KEYS = (
    "account.currency",
    "account.venue_currency",
    "account.brokerage_currency",
    "account.rates",
    "account.interest_series",
    "account.venue_interest_series",
    "account.short_sales",
    "account.transfer_days",
    "risk.market_tiers",
    "venue.maintenance",
    "venue.general",
)


class UnscreenedError(ConfigError):
    """A run that the screening kernel does not simulate; the engine does."""


def refused_paths(paths: Iterable[str]) -> tuple[str, ...]:
    """Return the swept config paths that screening cannot vary, with the reason."""
    found = []
    for path in paths:
        if any(f"{name}.".startswith(f"{path}.") for name in SWEPT):
            found.append(f"{path} is a whole section; name the values inside it, a path each")
            continue
        within = any(path.startswith(f"{name}.") for name in SWEPT)
        if not within or any(path == key or path.startswith(f"{key}.") for key in FIXED_KEYS):
            found.append(f"{path} changes the data or the account, not only its numbers")
    return tuple(found)


def config_reasons(config: RunConfig) -> list[str]:
    """Return why a run file needs the engine."""
    account, reasons = config.account, []
    if account.interest_series is not None and account.brokerage_cash > 0:
        reasons.append("account.interest_series pays interest on brokerage cash")
    if account.venue_interest_series is not None:
        reasons.append("account.venue_interest_series pays interest on the venue wallet")
    if config.sleeve_of:
        reasons.append("a sleeve of an account shares caps and guards with others")
    if type(config.venue.slippage) not in SLIPPAGE_NUMBERS:
        reasons.append(_not_compiled(config.venue.slippage))
    return reasons


def slippage_number(model: SlippageModel) -> int:
    """Return the number of a slippage model in the kernel.

    Raises
    ------
    UnscreenedError : the kernel does not compute the model.
    """
    found = SLIPPAGE_NUMBERS.get(type(model))
    if found is None:
        raise UnscreenedError(_not_compiled(model))
    return found


def _not_compiled(model: SlippageModel) -> str:
    return f"the slippage model {model.model_name()} is not compiled"


def input_reasons(inputs: SimulationInputs) -> list[str]:
    """Return why the plan or the instruments of a run need the engine."""
    if inputs.signals.plan is None:
        return ["the playbook declares no bracket plan (Signals.plan)"]
    reasons = market_reasons(inputs)
    return (
        reasons
        if len(inputs.bars) != 1
        else reasons + plan_reasons(inputs.signals.plan, *inputs.bars)
    )


def market_reasons(inputs: SimulationInputs) -> list[str]:
    """Return why the instruments of a run need the engine."""
    if len(inputs.bars) != 1:
        return [f"the run trades {len(inputs.bars)} instruments, not one"]
    (name,) = inputs.bars
    instrument, reasons = inputs.dataset.instruments[name], []
    if contract_of(instrument).kind is not ContractKind.LINEAR_PERP:
        reasons.append(f"{name} is no linear perp")
    for what, step in (("tick", instrument.tick_size), ("lot", instrument.lot_size)):
        if not has_plain_steps(step):
            reasons.append(f"the {what} of {name}, {step:g}, is neither whole nor a part of 1")
    if ended_by(instrument, datetime_ns(inputs.config.data.end)) is not None:
        reasons.append(f"{name} is delisted")
    if inputs.has_ny_days:
        reasons.append(f"{name} has days of New York")
    return reasons


def plan_reasons(plan: BracketPlan, name: str) -> list[str]:
    """Return why a bracket plan needs the engine."""
    reasons = []
    if plan.instrument != name:
        reasons.append(f"the plan enters {plan.instrument}, and the run trades {name}")
    if len(plan.fractions) > MAX_TARGETS:
        reasons.append(f"the plan has {len(plan.fractions)} targets, more than {MAX_TARGETS}")
    if plan.fractions:
        # An entry whose nearest target lies behind its stop is refused.
        placed = plan.direction * (plan.targets[:, 0] - plan.stop) > 0
        if (plan.direction * np.diff(plan.targets[placed], axis=1) < 0).any():
            reasons.append("the targets of an entry are not in the order of their distance")
    return reasons


def timeline_reasons(timeline: Timeline, plan: BracketPlan) -> list[str]:
    """Return why the instants of a run need the engine."""
    inside = has_instant_inside_a_bar(timeline)
    return instant_reasons(plan, at_par=is_at_par(timeline), inside=inside)


def instant_reasons(plan: BracketPlan, *, at_par: bool, inside: bool) -> list[str]:
    """Return why a plan needs the engine on a timeline of which two facts are known."""
    reasons = []
    if not at_par:
        reasons.append("a wallet's currency is not at par with the account's")
    if plan.breakeven and inside:
        reasons.append("an instant (of funding, or a late decision) lies inside a bar, and a stop")
        reasons[-1] += " moved there works beside the old one until the bar closes"
    return reasons


def is_at_par(timeline: Timeline) -> bool:
    """Return whether all wallets are worth their number in the account's currency."""
    return bool((timeline.wallet_rates == 1.0).all())


def has_instant_inside_a_bar(timeline: Timeline) -> bool:
    """Return whether a bar opens before an instant and closes after it."""
    (path,) = timeline.paths
    opening, closing = path.opening != NO_ROW, path.closing != NO_ROW
    open_bars = np.cumsum(opening) - np.cumsum(closing)
    return bool((open_bars[~opening & ~closing] > 0).any())
