"""Tell which guards of the account can overrule a run's rules."""

from collections.abc import Iterator

from engine.config.models import GuardScope, LossLimitConfig, RiskConfig


def guard_sentences(risk: RiskConfig) -> tuple[str, ...]:
    """Return a heading and a line for each guard in force; one sentence where all are off."""
    guards = tuple(f"  - {line}" for line in _guards(risk))
    if not guards:
        return ("Besides your rules no guard of the account acts: all are off in risk.",)
    return (
        "Besides your rules, the account's guards can close positions and refuse entries (keys of "
        "risk; null turns one off):",
        *guards,
    )


def _guards(risk: RiskConfig) -> Iterator[str]:
    for name, period, limit in (
        ("daily_loss", "day", risk.daily_loss),
        ("weekly_loss", "week", risk.weekly_loss),
    ):
        if limit is not None:
            yield f"{name}: {_loss_limit(limit, period)}"
    if risk.drawdown is not None:
        for rung in risk.drawdown.ladder:
            yield (
                f"drawdown: from {_share(rung.drawdown)} below the equity's peak new sizes are "
                f"multiplied by {rung.multiplier:g}"
            )
        days = risk.drawdown.halt_days
        end = "for good" if days is None else f"for {days} day{'s' if days > 1 else ''}"
        yield (
            f"drawdown: at {_share(risk.drawdown.halt_at)} below the equity's peak every position "
            f"is closed and no entry approved {end}"
        )
    if risk.cool_down is not None:
        yield f"cool_down: no entry for {risk.cool_down} after a losing exit"
    if risk.max_trades_per_day is not None:
        yield f"max_trades_per_day: {risk.max_trades_per_day} approved entries a day at most"
    if risk.market_tiers is not None:
        yield "market_tiers: the market's risk tier scales new sizes; a factor of 0 refuses them"


def _loss_limit(limit: LossLimitConfig, period: str) -> str:
    flat = "every position is closed and " if limit.scope is GuardScope.FLATTEN else ""
    return (
        f"after a loss of {_share(limit.limit)} of the {period}'s opening equity {flat}no entry "
        f"is approved until the {period} ends"
    )


def _share(fraction: float) -> str:
    return f"{100 * fraction:g}%"
