"""Parameters of playbook C; weights and changes are fractions of equity, windows sessions."""

from collections.abc import Mapping
from typing import Literal, Self

from pydantic import Field, model_validator

from engine.api import (
    ChannelKey,
    ChannelKind,
    ConfigError,
    Instrument,
    MarketStateConfig,
    NameSet,
    PlaybookParams,
    SpreadRule,
    signals,
)
from strategies.target_weights import bars_key, check_weights


class Rung(PlaybookParams):
    """A rung: from ``drawdown`` on, risk assets keep ``multiplier`` of their weights."""

    drawdown: float = Field(gt=0, lt=1, description="Fall of equity from its reference peak")
    multiplier: float = Field(ge=0, lt=1, description="Share of the risk weights kept")


class InverseHedge(PlaybookParams):
    """An inverse ETF held while hedged."""

    instrument: str = Field(
        "SH",
        description="Inverse fund, traded at its own prices; left out beside another clock than "
        "SPY: the one that the clock's record names",
    )
    weight: float = Field(0.10, gt=0, le=0.5, description="Share of equity at full hedge")


class PutHedge(PlaybookParams):
    """A put spread bought when the hedge goes on, rolled while it stays, sold when it is off."""

    underlying: str = Field(
        "SPY",
        description="Fund whose puts are bought; left out beside another clock than SPY: the clock",
    )
    long_moneyness: float = Field(
        0.95, gt=0, le=1.1, description="Strike of the put bought, share of spot"
    )
    short_moneyness: float = Field(
        0.80, gt=0, lt=1.1, description="Strike of the put sold, share of spot"
    )
    tenor_days: int = Field(60, ge=7, le=400, description="Wanted days to expiry")
    roll_days: int = Field(
        21, ge=1, description="Days to expiry at which the next contract is bought"
    )
    strike_step: float = Field(1.0, gt=0, description="Grid of strikes, quote")
    cover: float = Field(
        0.5, gt=0, le=1, description="Share of equity that the upper strikes stand for"
    )
    purchase_budget: float = Field(
        0.01, gt=0, lt=1, description="Equity that one purchase may cost at most"
    )
    tries: int = Field(
        5, ge=1, description="Sessions from the choice of a contract in which it may be bought"
    )

    @model_validator(mode="after")
    def _has_width_and_time(self) -> Self:
        if self.short_moneyness >= self.long_moneyness:
            raise ValueError("short_moneyness must lie below long_moneyness")
        if self.roll_days >= self.tenor_days:
            raise ValueError("roll_days must be fewer than tenor_days")
        return self

    @property
    def rule(self) -> SpreadRule:
        """Return the rule that chooses the contract."""
        return SpreadRule(
            self.underlying,
            self.long_moneyness,
            self.short_moneyness,
            self.tenor_days,
            self.strike_step,
            least_days=self.roll_days,
        )

    @property
    def key(self) -> ChannelKey:
        """Return the bars whose closes choose the strikes."""
        return ChannelKey(self.underlying, ChannelKind.BARS, "1d")


class ShortHedge(PlaybookParams):
    """A fund sold short while hedged, as much as the beta of the risk weights to it asks for.

    The account lends it: ``account.short_sales`` of the run file sets margin and carry.
    """

    instrument: str = Field(description="Fund that is borrowed and sold; it has no weight")
    share: float = Field(
        1.0, gt=0, le=1, description="Share of the risk weights' beta that is sold at full hedge"
    )
    closes: int = Field(
        60,
        ge=20,
        le=500,
        description="Closes at the same instants, before the last one, that beta is measured over",
    )
    max_weight: float = Field(0.3, gt=0, le=1, description="Largest short, share of equity")
    band: float = Field(
        0.2,
        ge=0,
        lt=1,
        description="Set the short again when the beta asks for this share more or less",
    )


class Hedges(PlaybookParams):
    """The hedges, each alone or together; null is off."""

    cash: float | None = Field(
        0.4, gt=0, le=1, description="Share of the risk weights turned into cash at full hedge"
    )
    crypto: float | None = Field(
        0.5, gt=0, le=1, description="Further share of the crypto weights cut at full hedge"
    )
    inverse: InverseHedge | None = Field(None, description="Inverse fund; null: none")
    puts: PutHedge | None = Field(None, description="Put spreads; null: none")
    short: ShortHedge | None = Field(None, description="Fund sold short; null: none")
    yearly_budget: float = Field(
        0.02,
        gt=0,
        lt=1,
        description="Equity that puts, inverse fund and short together may lose in a calendar year",
    )

    @property
    def funds(self) -> dict[str, str]:
        """Return the funds traded beside the book by the name of their hedge."""
        named = {"inverse": self.inverse, "short": self.short}
        return {name: hedge.instrument for name, hedge in named.items() if hedge is not None}


class WalletRule(PlaybookParams):
    """Cash that the venue wallet keeps for its instruments; the rest goes to the brokerage."""

    cushion: float = Field(
        0.02,
        ge=0,
        lt=1,
        description="Cash kept at the venue beyond the crypto weights, share of equity",
    )
    band: float = Field(
        0.01, gt=0, lt=1, description="Difference above which cash is sent, share of equity"
    )


class HedgedParams(PlaybookParams):
    """Weights, and the rules for restoring and hedging them."""

    weights: Mapping[str, float] = Field(
        {"SPY": 0.40, "QQQ": 0.15, "IEF": 0.25, "GLD": 0.10, "BTCUSDT-SPOT": 0.05},
        description="Share of equity by instrument; the rest is cash",
    )
    risk_assets: NameSet = Field(
        ("SPY", "QQQ", "BTCUSDT-SPOT"), description="Instruments that ladder and hedges cut"
    )
    crypto_assets: NameSet = Field(("BTCUSDT-SPOT",), description="Crypto among the weights")
    timeframes: Mapping[str, str] = Field(
        {"BTCUSDT-SPOT": "1h"}, description="Bars that orders fill in where they are not 1d"
    )
    clock: str = Field("SPY", description="Equity whose sessions decide, after their close")
    rebalance: signals.Calendar = Field(
        "quarterly", description="Calendar by which all weights are restored"
    )
    absolute_band: float | None = Field(
        0.05, gt=0, lt=1, description="Restore when a weight is off by this much; null: off"
    )
    relative_band: float | None = Field(
        0.25, gt=0, description="Restore when a weight is off by this share of itself; null: off"
    )
    band_rest: int = Field(
        5, ge=1, description="Sessions between two restorations by band: cash may be in a wallet"
    )
    min_ticket: float = Field(
        250.0, ge=0, description="Smaller changes are left out, account currency"
    )
    tolerance: tuple[Rung, ...] = Field(
        (
            Rung(drawdown=0.08, multiplier=0.8),
            Rung(drawdown=0.12, multiplier=0.6),
            Rung(drawdown=0.16, multiplier=0.4),
        ),
        description="De-risking ladder up to the drawdown that is tolerated; empty: none",
    )
    hedges: Hedges = Field(default_factory=Hedges, description="Hedges, each alone or together")
    wallets: WalletRule | None = Field(
        default_factory=WalletRule, description="Cash between the wallets; null: it stays"
    )
    hedge_from: Literal["cautious", "defensive", "halt"] = Field(
        "defensive", description="Risk tier of the market from which hedges go on"
    )
    hedge_on_early_warning: bool = Field(
        True, description="Hedge in a single risk book as well, whatever the tier"
    )
    calm_sessions: int = Field(
        10, ge=1, description="Sessions of normal correlation and volatility until risk returns"
    )
    add_steps: int = Field(3, ge=1, description="Steps in which risk returns")
    add_rest: int = Field(5, ge=1, description="Sessions between two steps")
    warmup_sessions: int = Field(
        280,
        ge=100,
        description="Sessions of history required before the first decision; with fewer than 280 "
        "the correlation's place in its own year is unknown at first, and unknown is not calm. "
        "What the market state remembers beyond them is read where the data hold it",
    )
    state: MarketStateConfig = Field(
        default_factory=MarketStateConfig, description="Thresholds of the market state"
    )

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        check_weights(self.weights)
        for name, group in (
            ("risk_assets", self.risk_assets),
            ("crypto_assets", self.crypto_assets),
        ):
            unknown = sorted(set(group) - set(self.weights))
            if unknown:
                raise ValueError(f"{name}: {', '.join(unknown)} has no weight")
        for name, fund in self.hedges.funds.items():
            if fund in self.weights:
                raise ValueError(f"hedges.{name}: {fund} has a weight of its own")
        if len(set(self.hedges.funds.values())) < len(self.hedges.funds):
            raise ValueError("hedges: inverse and short must name two funds")
        levels = [rung.drawdown for rung in self.tolerance]
        kept = [rung.multiplier for rung in self.tolerance]
        if levels != sorted(set(levels)) or kept != sorted(kept, reverse=True):
            raise ValueError("tolerance: drawdowns must rise and multipliers must not")
        return self

    def with_companions(self, instruments: Mapping[str, Instrument]) -> Self:
        """Return the parameters with hedges of the clock's own market where none are named.

        Raises
        ------
        ConfigError : the clock has no record in the data, or it names no inverse fund.
        """
        hedges, inverse, puts = self.hedges, self.hedges.inverse, self.hedges.puts
        if self.clock == type(self).model_fields["clock"].default:
            return self
        if inverse is not None and "instrument" not in inverse.model_fields_set:
            record = instruments.get(self.clock)
            if record is None:
                raise ConfigError(
                    f"hedges.inverse: the clock {self.clock} is not in the data, so that no record "
                    "names its inverse fund; import it, or write hedges.inverse.instrument"
                )
            fund = record.companions.inverse
            if fund is None:
                raise ConfigError(
                    f"hedges.inverse: the record of {self.clock} names no inverse fund; write "
                    "hedges.inverse.instrument, or name companions.inverse in the record"
                )
            inverse = inverse.model_copy(update={"instrument": fund})
        if puts is not None and "underlying" not in puts.model_fields_set:
            puts = puts.model_copy(update={"underlying": self.clock})
        hedges = hedges.model_copy(update={"inverse": inverse, "puts": puts})
        return self.model_copy(update={"hedges": hedges})

    @property
    def clock_key(self) -> ChannelKey:
        """Return the bars whose sessions decide."""
        return ChannelKey(self.clock, ChannelKind.BARS, "1d")

    @property
    def traded(self) -> tuple[str, ...]:
        """Return every instrument that may be held."""
        return (*self.weights, *self.hedges.funds.values())

    def key(self, instrument: str) -> ChannelKey:
        """Return the bars that an instrument trades in."""
        return bars_key(instrument, self.timeframes)
