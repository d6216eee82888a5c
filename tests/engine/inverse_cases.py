"""The random runs of the search with inverse perps in the place of linear ones."""

from dataclasses import replace

from data_feeds.dataset import Dataset
from data_feeds.instrument import Instrument, InstrumentKind, PerpContract
from data_feeds.schema import ChannelKind
from data_feeds.trading_terms import (
    LiquidationPrice,
    MaintenanceBase,
    MaintenanceBracket,
    MaintenanceSteps,
    TradingTerms,
)
from tests.engine.random_cases import RandomCase, make_case

# The whole of a value pays its bracket's rate, as at BitMEX; brackets reach both sizes of a run.
TAKEN_OVER = TradingTerms(
    since="2020-01-01",
    source="test",
    taker_fee_bps=7.5,
    initial_margin=0.05,
    maintenance_base=MaintenanceBase.ENTRY,
    maintenance_steps=MaintenanceSteps.WHOLE,
    liquidation=LiquidationPrice.BANKRUPTCY,
    maintenance=(
        MaintenanceBracket(floor=0, rate=0.02),
        MaintenanceBracket(floor=60_000, rate=0.04),
    ),
)


def inverse_case(seed: int) -> RandomCase:
    """Return the random case of a seed with its perps inverse.

    A contract is worth the square of the first price, so that near it one contract moves like one
    unit of the linear perp. It settles in the currency of the other instruments, so that a run has
    one currency. Two of three perps are taken over at their bankruptcy price.
    """
    case = make_case(seed)
    return replace(case, dataset=with_inverse_perps(case.dataset, seed))


def with_inverse_perps(dataset: Dataset, seed: int) -> Dataset:
    """Return a dataset with its perps inverse."""
    instruments = {
        name: _inverse(item, _first_price(dataset, name), taken_over=(seed + i) % 3 > 0)
        if item.kind is InstrumentKind.PERP
        else item
        for i, (name, item) in enumerate(dataset.instruments.items())
    }
    return Dataset(instruments, dataset.channels)


def _inverse(item: Instrument, first: float, *, taken_over: bool) -> Instrument:
    return Instrument.model_validate(
        item.model_dump()
        | {
            "contract": PerpContract.INVERSE,
            "contract_value": first * first,
            "asset": item.quote,
            "terms": (TAKEN_OVER,) if taken_over else item.terms,
        }
    )


def _first_price(dataset: Dataset, name: str) -> float:
    bars = next(
        channel
        for key, channel in dataset.channels.items()
        if key.instrument == name and key.kind is ChannelKind.BARS
    )
    return float(bars["open"][0])
