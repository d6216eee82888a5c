"""Random runs in which one of several instruments is delisted inside the window."""

from dataclasses import dataclass, replace
from datetime import date, timedelta

import numpy as np

from data_feeds.clock import HOUR_NS, datetime_ns, midnight_ns, midnights_ns
from data_feeds.dataset import Dataset
from data_feeds.delisting import Delisting
from data_feeds.load import load_dataset
from data_feeds.schema import ChannelKind
from data_feeds.timeframe import Timeframe
from data_feeds.trading_end import last_session
from engine.bt import simulate
from engine.config.models import RunConfig, RunMode
from engine.records import SimulationOutcome
from tests.engine.audit.simulated import cut
from tests.engine.inverse_cases import inverse_case
from tests.engine.mixed_cases import MixedCase, mixed_case
from tests.engine.random_cases import RandomCase, make_case
from tests.engine.random_markets import ETF, PERP


@dataclass(frozen=True)
class DelistedCase:
    """A random run with a delisting, the same run without, and the outcome of the latter."""

    case: RandomCase | MixedCase
    whole: SimulationOutcome
    instrument: str

    @property
    def settled_at(self) -> int:
        """Return the close of the last bar of the delisted instrument."""
        return int(traded_bars(self.case.dataset, self.instrument)["closed_at"][-1])


def delisted_case(seed: int) -> DelistedCase | None:
    """Return a case with a delisting of the instrument that is held most.

    None for a case that trades a single instrument, whose account nothing would mark afterwards,
    and for one of two in which nothing is held at the end of any day.
    """
    case = inverse_case(seed) if seed % 4 == 3 else make_case(seed)
    if len(case.requirements.traded) == 1:
        return None
    case = cut(case)
    whole = case.run(RunMode.SPARSE)
    held = {n: len(_days_held(case.config, whole, n)) for n in case.requirements.traded}
    name = max(held, key=lambda known: held[known])
    if seed % 2 and not held[name]:
        return None
    dataset = with_delisting(case.dataset, case.config, whole, name, seed)
    return DelistedCase(replace(case, dataset=dataset), whole, name)


def delisted_mixed_case(seed: int) -> DelistedCase:
    """Return a case with all kinds of contracts and a delisting of its perp or its fund.

    No option is priced by a fund that is delisted: a run refuses that.
    """
    case, name = mixed_case(seed), PERP if seed % 2 else ETF
    if name == ETF:
        none = np.full(len(case.signals.decided_at), "", np.dtype("U64"))
        case = replace(case, signals=replace(case.signals, contract=none))
    whole = simulate(case.inputs())
    dataset = with_delisting(case.dataset, case.config, whole, name, seed)
    return DelistedCase(replace(case, dataset=dataset), whole, name)


def with_delisting(
    dataset: Dataset, config: RunConfig, whole: SimulationOutcome, name: str, seed: int
) -> Dataset:
    """Return a dataset whose instrument ends on a random day of the window.

    It is a day on which ``whole`` held the instrument, if there is one. In one of three cases the
    last bars fall out before that day is over; rows of later days are still in the source, and the
    loader leaves them out.
    """
    rng = np.random.default_rng((seed, 40))
    middle = config.data.start.date() + (config.data.end - config.data.start) / 2
    held = _days_held(config, whole, name) or [middle]
    day = held[int(rng.integers(len(held)))]
    item = dataset.instruments[name]
    mean = float(np.median(traded_bars(dataset, name)["close"]))
    price = [None, 0.0, mean / 2, mean * 1.2][int(rng.integers(4))]
    if price == 0.0 and item.is_inverse:
        price = mean / 4
    ended = Delisting(last_day=day, final_price=price, reason="random")
    instruments = {**dataset.instruments, name: item.model_copy(update={"delisted": ended})}
    channels = dict(dataset.channels)
    if rng.random() < 1 / 3:
        until = midnight_ns(np.datetime64(day + timedelta(days=1), "D"))
        since = until - int(rng.integers(1, 12)) * HOUR_NS
        # A session without any bar is refused.
        session = last_session(instruments[name])
        assert session is not None
        since = max(since, session[0] + HOUR_NS)
        for key, channel in dataset.channels.items():
            if key.instrument != name or key.timeframe in ("", "1d"):
                continue
            # The mark bar under way when trading stops is in force until then.
            shown = channel["opened_at" if key.kind is ChannelKind.MARK else "closed_at"]
            channels[key] = channel.take((shown <= since) | (channel["closed_at"] > until))
    source = Dataset(instruments, channels, dataset.shares)
    return load_dataset(source, (), 0, datetime_ns(config.data.end), optional=tuple(channels))


def _days_held(config: RunConfig, whole: SimulationOutcome, name: str) -> list[date]:
    """Return the days inside the window at whose end a run holds an instrument."""
    first, days = config.data.start.date(), (config.data.end - config.data.start).days
    inside = [first + timedelta(days=i) for i in range(1, days - 1)]
    fills = [fill for fill in whole.fills if fill.instrument == name]
    at = np.array([fill.at for fill in fills], np.int64)
    ends = midnights_ns(np.array(inside, "datetime64[D]") + np.timedelta64(1, "D"))
    found = []
    for day, end in zip(inside, ends.tolist(), strict=True):
        done = int(np.searchsorted(at, end - 3 * HOUR_NS))
        if done and fills[done - 1].position_after != 0:
            found.append(day)
    return found


def traded_bars(dataset: Dataset, name: str):
    """Return the finest bars of an instrument."""
    keys = [
        key
        for key in dataset.channels
        if (key.instrument, key.kind) == (name, ChannelKind.BARS) and len(dataset.channels[key])
    ]
    return dataset.channels[min(keys, key=lambda key: Timeframe(key.timeframe))]


def before(outcome, at: int) -> dict[str, object]:
    """Return everything that an outcome holds from before an instant."""
    known = outcome.curve.at < at
    return {
        "decisions": repr([row for row in outcome.decisions if row.decided_at < at]),
        "orders": repr([_asked(row) for row in outcome.orders if row.decided_at < at]),
        "fills": repr([row for row in outcome.fills if row.at < at]),
        "facts": repr([row for row in outcome.facts if row.at < at]),
        "guards": repr([row for row in outcome.guard_events if row.at < at]),
        "equity": outcome.curve.equity[known].tobytes(),
    }


def _asked(row):
    """Return what an order asks for; how it ends may belong to the future."""
    return (row.order_id, row.plan_id, row.instrument, row.role, row.side, row.quantity, row.price)
