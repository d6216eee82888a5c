"""The guards of the account are told with the config's own numbers."""

from engine.config.models import (
    DailyLossConfig,
    DrawdownConfig,
    GuardScope,
    MarketTiersConfig,
    RiskConfig,
    WeeklyLossConfig,
)
from engine.rules_check.account_guards import guard_sentences

OFF = {"daily_loss": None, "drawdown": None, "cool_down": None, "max_trades_per_day": None}


def test_the_default_guards_are_told_with_their_numbers() -> None:
    heading, *lines = guard_sentences(RiskConfig())
    assert heading.startswith("Besides your rules, the account's guards")
    assert [line.split(":")[0].strip(" -") for line in lines] == [
        *("daily_loss", "drawdown", "drawdown", "drawdown", "cool_down", "max_trades_per_day")
    ]
    assert lines[0] == (
        "  - daily_loss: after a loss of 3% of the day's opening equity every position is closed "
        "and no entry is approved until the day ends"
    )
    assert "at 15% below" in lines[3]
    assert lines[3].endswith("for 10 days")
    assert "12h after a losing exit" in lines[4]


def test_guards_that_are_off_are_not_told() -> None:
    assert len(guard_sentences(RiskConfig.model_validate(OFF))) == 1
    _, line = guard_sentences(RiskConfig.model_validate({**OFF, "cool_down": "3d"}))
    assert line == "  - cool_down: no entry for 3d after a losing exit"


def test_scopes_and_a_halt_without_end_are_told() -> None:
    risk = RiskConfig(
        daily_loss=DailyLossConfig(limit=0.025, scope=GuardScope.BLOCK_ENTRIES),
        weekly_loss=WeeklyLossConfig(),
        drawdown=DrawdownConfig(halt_days=None),
        market_tiers=MarketTiersConfig(),
    )
    text = "\n".join(guard_sentences(risk))
    assert "after a loss of 2.5% of the day's opening equity no entry is approved" in text
    assert "weekly_loss: after a loss of 6% of the week's opening equity every position" in text
    assert "no entry approved for good" in text
    assert "market_tiers:" in text
