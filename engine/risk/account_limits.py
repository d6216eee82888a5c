"""Apply caps and guards to the sums over all sleeves of one account.

A sleeve is first sized by its own equity and its own rules. The unused part of each cap of the
account, at the account's equity, is one more cap. The account's guards act on the sum of the
sleeves' equities.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from engine.config.account import AccountRiskConfig
from engine.config.models import RiskConfig
from engine.decision_terms import ACCOUNT_GUARD_OF, Cap, GuardName, RiskTier
from engine.risk.guards import Guards


@dataclass(frozen=True, slots=True)
class SleeveExposure:
    """Hold the equity and the notionals of one sleeve, account currency.

    Attributes
    ----------
    gross : unsigned notional, approved tranches that still work included
    held : signed notional of each position, by instrument
    working : signed notional of approved tranches that still work, by instrument
    crypto : instruments that count in the crypto cap
    """

    equity: float
    gross: float
    held: Mapping[str, float] = field(default_factory=dict)
    working: Mapping[str, float] = field(default_factory=dict)
    crypto: frozenset[str] = frozenset()

    def signed(self, instrument: str) -> float:
        """Return the signed notional of an instrument, working tranches included."""
        return self.held.get(instrument, 0.0) + self.working.get(instrument, 0.0)

    def net(self, direction: int) -> float:
        """Return longs less shorts for an entry of a direction, see :func:`net_notional`."""
        return net_notional(self.held, self.working, direction)

    @property
    def crypto_gross(self) -> float:
        """Return the unsigned notional of perps and spot."""
        return sum(abs(self.signed(name)) for name in sorted(self.crypto))


def net_notional(held: Mapping[str, float], working: Mapping[str, float], direction: int) -> float:
    """Return longs less shorts, account currency, as the net cap of an entry counts them.

    Working tranches in the entry's direction take room. Working tranches against it may never fill
    and make no room.
    """
    return sum(held.values()) + sum(v for v in working.values() if direction * v > 0)


@dataclass(frozen=True, slots=True)
class FreedNotional:
    """Hold the notional that the sales and covers of one rebalancing give up, account currency.

    ``net`` counts a cover as negative. ``crypto`` is the part of perps and spot. Each order fills
    at the next open of its own market.
    """

    gross: float = 0.0
    net: float = 0.0
    crypto: float = 0.0


NOTHING_FREED = FreedNotional()


class AccountLimits:
    """Hold the caps and guards on the sum of an account's sleeves.

    ``sleeves`` returns each sleeve's exposure at the current instant; the code that runs the
    sleeves sets it.
    """

    def __init__(self, config: AccountRiskConfig, *, start_equity: float, ny_days: bool) -> None:
        self._config = config
        rules = RiskConfig(
            daily_loss=config.daily_loss,
            weekly_loss=config.weekly_loss,
            drawdown=config.drawdown,
            cool_down=None,
            max_trades_per_day=None,
        )
        self.guards = Guards(rules, start_equity=start_equity, ny_days=ny_days)
        self.sleeves: Callable[[], Sequence[SleeveExposure]] = tuple

    def blocked_by(self, at: int) -> GuardName | None:
        """Return the account's guard that forbids entries, None for none."""
        guard = self.guards.blocked_by(at)
        return None if guard is None else ACCOUNT_GUARD_OF[guard]

    def tier(self) -> tuple[RiskTier, float]:
        """Return the account's tier and its factor on new positions, at its current equity."""
        return self.guards.tier(sum(sleeve.equity for sleeve in self.sleeves()))

    def rooms(
        self,
        instrument: str,
        direction: int,
        *,
        is_crypto: bool,
        freed: FreedNotional = NOTHING_FREED,
    ) -> dict[Cap, float]:
        """Return the unused part of each active cap for a purchase or sale of an instrument.

        It is in the account's currency: infinite where the cap does not concern the instrument,
        zero where it is used up.
        """
        config, sleeves = self._config, self.sleeves()
        equity = sum(sleeve.equity for sleeve in sleeves)
        used = {
            Cap.ACCOUNT_LEVERAGE: (
                config.leverage_cap,
                sum(sleeve.gross for sleeve in sleeves) - freed.gross,
            ),
            Cap.ACCOUNT_NET: (
                config.net_cap,
                direction * (sum(sleeve.net(direction) for sleeve in sleeves) - freed.net),
            ),
            Cap.ACCOUNT_ASSET: (
                config.asset_cap,
                sum(abs(sleeve.signed(instrument)) for sleeve in sleeves),
            ),
            Cap.ACCOUNT_CRYPTO: (
                config.crypto_cap,
                sum(sleeve.crypto_gross for sleeve in sleeves) - freed.crypto
                if is_crypto
                else -math.inf,
            ),
        }
        return {
            cap: max(limit * equity - amount, 0.0)
            for cap, (limit, amount) in used.items()
            if limit is not None
        }


class SleeveGuards(Guards):
    """Hold the guards of one sleeve, and apply the account's guards after them."""

    def __init__(
        self, risk: RiskConfig, *, start_equity: float, ny_days: bool, limits: AccountLimits
    ) -> None:
        super().__init__(risk, start_equity=start_equity, ny_days=ny_days)
        self._limits = limits

    def blocked_by(self, at: int, *, adds: bool = False) -> GuardName | None:
        """Return the guard that forbids entries, the sleeve's own first."""
        return super().blocked_by(at, adds=adds) or self._limits.blocked_by(at)

    def tier(self, equity: float) -> tuple[RiskTier, float]:
        """Return the stricter of the sleeve's tier and the account's."""
        return min(super().tier(equity), self._limits.tier(), key=lambda tier: tier[1])
