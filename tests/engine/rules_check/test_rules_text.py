"""The report on rules as a trader reads it."""

from dataclasses import replace

import numpy as np
import pytest

from data_feeds.schema import ChannelKey, ChannelKind
from engine.conditions import Condition, condition
from engine.rules_check.channel_needs import LATE, OPTIONAL, REQUIRED, ChannelNeed
from engine.rules_check.condition_counts import count_conditions
from engine.rules_check.rules_report import RulesReport
from engine.rules_check.rules_text import indented, report_lines

HOUR = 3_600 * 10**9
DAY = 24 * HOUR
CLOCK = ChannelKey("X-PERP", ChannelKind.BARS, "1h")


def need(channel: str, use: str = OPTIONAL, **more: object) -> ChannelNeed:
    given = {"stored": channel, "first_at": 0, "last_at": 9 * DAY, "max_age_ns": None}
    return ChannelNeed(channel, use, **{**given, "unknown": 0.0, **more})


def report(*needs: ChannelNeed, **more: object) -> RulesReport:
    return RulesReport(
        run="mine",
        playbook="rules",
        start="2026-02-01T00:00:00Z",
        end="2026-02-05T00:00:00Z",
        source="embedded",
        clock=CLOCK,
        warmup_bars=20,
        sentences=("Trade dip", "  Buy."),
        needs=needs or (need(str(CLOCK), REQUIRED),),
        counts=None,
        **more,
    )


def told(name: str, truths: str, *, required: bool = True) -> Condition:
    rows = np.array(list(truths))
    blank = np.full(len(rows), np.nan)
    return condition(
        name,
        rows == "T",
        known=rows != "?",
        measured=blank,
        threshold=np.nan,
        unit="",
        description="",
        required=required,
    )


def counted(*conditions: Condition) -> RulesReport:
    at = np.arange(len(conditions[0].truth), dtype=np.int64) * HOUR
    return replace(report(), counts=count_conditions(conditions, at, 0, 99 * HOUR))


def text(told_of: RulesReport) -> str:
    lines = list(report_lines(told_of))
    assert max(map(len, lines)) <= 100
    return "\n".join(lines)


def test_a_report_begins_with_run_window_data_and_sentences() -> None:
    assert text(report(synthetic=True)).splitlines()[:5] == [
        "mine: rules of the playbook rules",
        "2026-02-01 to 2026-02-05, data: embedded (SYNTHETIC DATA)",
        "",
        "Trade dip",
        "  Buy.",
    ]


def test_channels_show_use_coverage_and_the_shares_of_decisions() -> None:
    needs = (
        need(str(CLOCK), REQUIRED, max_age_ns=2 * HOUR, stale=0.0),
        need("SPY/bars/1d", LATE),
        need("VIX/series", unknown=0.00001, stale=0.5, max_age_ns=6 * DAY),
        need("GONE/series", stored="", first_at=None, last_at=None, unknown=1.0),
    )
    lines = text(report(*needs)).splitlines()
    begin = lines.index(
        "Needs (decisions at the closes of X-PERP/bars/1h; 20 rows before the window)"
    )
    assert lines[begin + 1 : begin + 6] == [
        "  channel         use       in the data               no row yet  too old  limit",
        "  X-PERP/bars/1h  required  1970-01-01 to 1970-01-10       never    never     2h",
        "  SPY/bars/1d     late      1970-01-01 to 1970-01-10       never        -      -",
        "  VIX/series      optional  1970-01-01 to 1970-01-10       <0.1%    50.0%     6d",
        "  GONE/series     optional  no                            always        -      -",
    ]
    assert "Not in the data: GONE/series. A condition that reads nothing else" in text(
        report(*needs)
    )


def test_many_optional_channels_without_a_limit_are_folded() -> None:
    needs = [need(f"S{i}/series", unknown=0.25 * (i == 3)) for i in range(9)]
    shown = text(report(need(str(CLOCK), REQUIRED), *needs))
    assert "  S0/series  optional" not in shown
    assert "Read besides, where there: S0/series, S1/series, S2/series, S4/series" in shown
    assert "without a row yet at a share of the decisions: S3/series (25.0%)." in shown
    assert "  S0/series" in text(report(need(str(CLOCK), REQUIRED), *needs[:8]))


def test_bars_made_from_shorter_ones_and_missing_required_channels_are_named() -> None:
    needs = (
        need("X-PERP/bars/4h", REQUIRED, stored="X-PERP/bars/1h", unknown=None),
        need("Y/bars/1h", REQUIRED, stored="", first_at=None, last_at=None, unknown=None),
    )
    shown = text(report(*needs))
    assert "X-PERP/bars/4h is made from X-PERP/bars/1h." in shown
    assert "Not in the data, and required: Y/bars/1h. The run cannot start." in shown
    assert "no row yet" not in shown  # nothing was counted


def test_counts_are_shares_and_what_decides_nothing_is_pointed_out() -> None:
    shown = text(
        counted(
            told("calm", "TTF?"), told("up", "TTTT"), told("never", "FFFF"), told("gone", "????")
        )
    )
    assert "  1  calm       50.0%   25.0%    25.0%      0       1        2  1970-01-01" in shown
    assert "Here never true: never." in shown
    assert "Here always true: up." in shown
    assert "Here unknown at every row: gone." in shown
    assert "two are both true" not in shown  # one condition varies


def test_pairs_are_shown_once_each() -> None:
    lines = text(
        counted(told("a", "TTFT"), told("b", "TFTT"), told("c", "FTTF", required=False))
    ).splitlines()
    begin = lines.index("Decisions at which two are both true (numbers as above)")
    assert lines[begin + 1 :] == ["        1  2", "  2  b  2", "  3  c  1  1"]


def test_rows_at_which_all_hold_are_told_with_first_and_last() -> None:
    lines = text(counted(told("a", "TTFT"), told("b", "TFTT"))).splitlines()
    begin = next(i for i, line in enumerate(lines) if line.startswith("All required"))
    assert lines[begin + 2].split() == ["all", "2", "2", "1970-01-01T00:00Z", "1970-01-01T03:00Z"]


@pytest.mark.parametrize(
    ("conditions", "words"),
    [
        ((), "The rules name no conditions."),
        ((told("a", ""),), "No close of X-PERP/bars/1h lies in the window"),
    ],
)
def test_nothing_to_count_is_said(conditions: tuple[Condition, ...], words: str) -> None:
    at = np.zeros(0 if conditions else 3, dtype=np.int64)
    counts = count_conditions(conditions, at, 0, HOUR)
    assert words in text(replace(report(), counts=counts))


def test_later_lines_of_a_sentence_hang_below_its_first() -> None:
    first, second = indented("    - name: " + "word " * 20)
    assert first.startswith("    - name: word")
    assert second.startswith("      word")
