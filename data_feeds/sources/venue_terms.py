"""Today's terms of a market at a venue: price and quantity steps, fees, leverage brackets.

Venues publish no history of brackets, so today's brackets stand for the past.
"""

from collections.abc import Sequence
from typing import Any

from pydantic import Field

from data_feeds.clock import utc_text
from data_feeds.errors import SchemaError
from data_feeds.sources.ccxt_client import CcxtMarket
from data_feeds.strict_model import StrictModel

_BASIS_POINT = 1e-4


class VenueBracket(StrictModel):
    """Maintenance margin from one notional on: ``notional * rate - deduction``, quote."""

    floor: float = Field(ge=0, description="Smallest notional of the bracket, quote")
    rate: float = Field(gt=0, le=1, description="Maintenance margin, fraction of notional")
    deduction: float = Field(description="Makes the margin continuous from bracket to bracket")


class VenueTerms(StrictModel):
    """Terms of one market on one day; None where the venue gives no value."""

    as_of: str = Field(description="Day they were asked, UTC, e.g. 2026-02-06")
    exchange: str = Field(description="ccxt's name of the venue")
    symbol: str = Field(description="ccxt's name of the market")
    tick_size: float | None = Field(description="Price step, quote per base unit")
    lot_size: float | None = Field(description="Quantity step, base units")
    min_notional: float | None = Field(description="Smallest order value, quote")
    maker_fee_bps: float | None = Field(description="Base tier, basis points, by ccxt's table")
    taker_fee_bps: float | None = Field(description="Base tier, basis points, by ccxt's table")
    brackets: tuple[VenueBracket, ...] = Field((), description="By ascending floor, the first at 0")
    note: str = Field("", description="Why there are no brackets")

    def as_yaml(self) -> str:
        """Return the text of a venue file such as ``configs/venues/binance_usdm.yaml``.

        The filters are comments, because they belong to the instrument. Without brackets the file
        has no ``maintenance``, and a run refuses it.
        """
        lines = [
            f"# {self.exchange}, {self.symbol}, as of {self.as_of}.",
            "# Their history is not published: today's brackets stand for the past.",
            "# Fees: the venue's base tier, by ccxt's table; check them against your own tier.",
            "# Deductions are not written: d_k = d_(k-1) + floor_k x (rate_k - rate_(k-1)).",
            "# Of the instrument:",
        ]
        for name in ("tick_size", "lot_size", "min_notional"):
            value = getattr(self, name)
            lines.append(f"#   {name}: {'not given' if value is None else _text(value)}")
        lines.append(f"name: {self.exchange}")
        for name in ("maker_fee_bps", "taker_fee_bps"):
            value = getattr(self, name)
            if value is not None:
                lines.append(f"{name}: {_text(value, point=True)}")
        if not self.brackets:
            return "\n".join([*lines, f"# maintenance: {self.note}", ""])
        rows = [f"  - {{ floor: {_text(b.floor)}, rate: {_text(b.rate)} }}" for b in self.brackets]
        return "\n".join([*lines, "maintenance:", *rows, ""])


def terms_of(market: CcxtMarket, now: int) -> VenueTerms:
    """Return the terms of a market; ``now`` is ns UTC.

    Raises
    ------
    SourceError : the venue does not answer or refuses.
    SchemaError : brackets do not start at 0, or rates are no fractions.
    """
    found = market.market()
    tiers, note = _tiers(market, found)
    return VenueTerms(
        as_of=utc_text(now)[:10],
        exchange=market.exchange,
        symbol=market.symbol,
        tick_size=found["precision"]["price"],
        lot_size=_lot_size(market.exchange, found),
        min_notional=found["limits"]["cost"]["min"],
        maker_fee_bps=_bps(found.get("maker")),
        taker_fee_bps=_bps(found.get("taker")),
        brackets=brackets_of(tiers, market.symbol),
        note=note,
    )


def brackets_of(tiers: Sequence[tuple[float, float]], symbol: str) -> tuple[VenueBracket, ...]:
    """Return brackets from (floor, rate), with ``d_k = d_(k-1) + floor_k (rate_k - rate_(k-1))``.

    >>> [b.deduction for b in brackets_of([(0, 0.25), (100, 0.5)], "X")]
    [0.0, 25.0]
    """
    ordered = sorted(tiers)
    if ordered and ordered[0][0] != 0:
        raise SchemaError(f"{symbol}: the lowest bracket begins at {ordered[0][0]:g}, not at 0")
    if any(not 0 < rate <= 1 for _, rate in ordered):
        raise SchemaError(f"{symbol}: maintenance rates are no fractions: {ordered}")
    found: list[VenueBracket] = []
    for floor, rate in ordered:
        deduction = 0.0
        if found:
            deduction = found[-1].deduction + floor * (rate - found[-1].rate)
        found.append(VenueBracket(floor=floor, rate=rate, deduction=deduction))
    return tuple(found)


def _tiers(market: CcxtMarket, found: dict[str, Any]) -> tuple[list[tuple[float, float]], str]:
    """Return (floor, rate) of each bracket and an empty note, or no brackets and the reason."""
    if not found["swap"]:
        return [], "spot markets have no brackets"
    if not found["linear"]:
        return [], "brackets of contracts margined in coin are not in quote"
    if market.exchange == "okx":
        return [], "okx counts its tiers in contracts, not in quote"
    if market.exchange.startswith("binance") and not market.has_key:
        return [], "needs BINANCE_API_KEY"
    tiers = market.ask(lambda client: client.fetch_market_leverage_tiers(market.symbol))
    if not tiers:
        raise SchemaError(
            f"{market.exchange} {market.symbol}: no leverage brackets came; ask again"
        )
    return [
        (float(tier["minNotional"]), float(tier["maintenanceMarginRate"])) for tier in tiers
    ], ""


def _lot_size(exchange: str, found: dict[str, Any]) -> float | None:
    amount = found["precision"]["amount"]
    if amount is None or not found["contract"] or exchange != "okx":
        return None if amount is None else float(amount)
    # OKX counts contracts: 0.01 contracts of 0.01 BTC are 0.0001 BTC.
    return float(amount) * float(found["contractSize"]) if found["linear"] else None


def _bps(rate: float | None) -> float | None:
    return None if rate is None else round(rate / _BASIS_POINT, 6)


def _text(value: float, *, point: bool = False) -> str:
    """Return a number as text without an exponent."""
    text = f"{value:.10f}".rstrip("0").rstrip(".")
    return f"{text}.0" if point and "." not in text else text
