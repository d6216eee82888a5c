"""An inverse perp by the rules of BitMEX in March 2020, for tables whose account is in bitcoin."""

from data_feeds.instrument import Instrument, InstrumentKind, PerpContract
from data_feeds.trading_terms import (
    LiquidationPrice,
    MaintenanceBase,
    MaintenanceBracket,
    MaintenanceSteps,
    TradingTerms,
)

TERMS = TradingTerms(
    since="2019-09-01",
    source="test",
    taker_fee_bps=7.5,
    maker_fee_bps=-2.5,
    initial_margin=0.01,
    maintenance_base=MaintenanceBase.ENTRY,
    maintenance_steps=MaintenanceSteps.WHOLE,
    liquidation=LiquidationPrice.BANKRUPTCY,
    maintenance=(
        MaintenanceBracket(floor=0, rate=0.005),
        MaintenanceBracket(floor=200, rate=0.01),
    ),
)
XBT = Instrument(
    id="XBTUSD",
    kind=InstrumentKind.PERP,
    contract=PerpContract.INVERSE,
    contract_value=1.0,
    quote="USD",
    asset="BTC",
    venue="table",
    tick_size=0.5,
    lot_size=1.0,
    terms=(TERMS,),
)
