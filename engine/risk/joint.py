"""What binds the sleeves of one account together: caps and guards on their sums.

A sleeve is sized by its own equity and its own rules first; what is left of the account's caps, at
the account's equity, is one more cap. The account's guards act on the sum of the sleeves' equities.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from engine.config.models import RiskConfig
from engine.config.sleeves import AccountRiskConfig
from engine.risk.guards import Guards

ACCOUNT = "account"


@dataclass(frozen=True, slots=True)
class Exposure:
    """What a sleeve is worth and holds, approved tranches that still work included; quote.

    ``gross`` is unsigned, ``signed`` the notional of each instrument with its sign; ``crypto``
    names those that count in the crypto cap.
    """

    equity: float
    gross: float
    signed: Mapping[str, float] = field(default_factory=dict)
    crypto: frozenset[str] = frozenset()

    @property
    def net(self) -> float:
        """Longs less shorts."""
        return sum(self.signed.values())

    @property
    def crypto_gross(self) -> float:
        """Perps and spot, unsigned."""
        return sum(abs(amount) for name, amount in self.signed.items() if name in self.crypto)


class Joint:
    """Caps and guards on the sum of an account's sleeves.

    ``sleeves`` gives each sleeve's exposure at the present instant; whoever runs the sleeves sets
    it.
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
        self.sleeves: Callable[[], Sequence[Exposure]] = tuple

    def blocked_by(self, at: int) -> str:
        """Return the account's guard that forbids entries, or an empty text."""
        guard = self.guards.blocked_by(at)
        return f"{ACCOUNT} {guard}" if guard else ""

    def tier(self) -> tuple[str, float]:
        """Return the account's tier and its factor on new positions, at its present equity."""
        return self.guards.tier(sum(sleeve.equity for sleeve in self.sleeves()))

    def rooms(self, instrument: str, direction: int, *, is_crypto: bool) -> dict[str, float]:
        """Return what each cap that is on leaves for a purchase or sale of an instrument, quote.

        Infinite where it does not concern the instrument; zero where it is used up.
        """
        config, sleeves = self._config, self.sleeves()
        equity = sum(sleeve.equity for sleeve in sleeves)
        used = {
            "leverage": (config.leverage_cap, sum(sleeve.gross for sleeve in sleeves)),
            "net": (config.net_cap, direction * sum(sleeve.net for sleeve in sleeves)),
            "asset": (
                config.asset_cap,
                sum(abs(sleeve.signed.get(instrument, 0.0)) for sleeve in sleeves),
            ),
            "crypto": (
                config.crypto_cap,
                sum(sleeve.crypto_gross for sleeve in sleeves) if is_crypto else -math.inf,
            ),
        }
        return {
            f"{ACCOUNT}_{name}": max(cap * equity - amount, 0.0)
            for name, (cap, amount) in used.items()
            if cap is not None
        }


class SleeveGuards(Guards):
    """Guards of one sleeve, and above them those of its account."""

    def __init__(
        self, risk: RiskConfig, *, start_equity: float, ny_days: bool, joint: Joint
    ) -> None:
        super().__init__(risk, start_equity=start_equity, ny_days=ny_days)
        self._joint = joint

    def blocked_by(self, at: int, *, adds: bool = False) -> str:
        """Return the guard that forbids entries, the sleeve's own first."""
        return super().blocked_by(at, adds=adds) or self._joint.blocked_by(at)

    def tier(self, equity: float) -> tuple[str, float]:
        """Return the stricter of the sleeve's tier and the account's."""
        return min(super().tier(equity), self._joint.tier(), key=lambda tier: tier[1])
