"""A file's rules in plain English, trade by trade and state by state."""

from data_feeds.yaml_text import parse_yaml
from strategies.rules.params import RulesParams
from strategies.rules.sentences import rule_sentences

HEAD = """\
instruments: {btc: BTCUSDT-PERP@1h}
series: {vix: VIX}
clock: btc@1h
"""

# The sentence of the issue, as a file.
SENTENCE = f"""\
{HEAD}
let:
  vix_max: 25
  n: atr(btc, 14 bars)
trades:
  quiet_breakout:
    instrument: btc
    enter:
      checklist_waits: state.action == "wait" for 3d
      calm:
        when: vix < vix_max
        unknown: pass
      breakout: btc.close crosses above highest(btc.high, 20d)[1]
    stop: btc.close - 2 * n
    targets: [{{r: 1, fraction: 0.5}}, {{r: 3, fraction: 0.5}}]
    trail: btc.close - 3 * n
    exit:
      vix_back: vix > 30
      stale: position.age > 10d
"""

SESSIONS = """\
instruments: {spy: SPY@session, ief: IEF@session, bil: BIL@session}
clock: spy@session
weights:
  storm:
    when: state.tier >= "defensive"
    hold: {bil: 1.0}
    leave_after: 5 sessions
  below:
    when:
      trend: spy.close < sma(spy.close, 200 sessions)
      fear: state.vix > 20
    unknown: pass
    hold: {spy: 0.3, ief: 0.7}
  usual:
    otherwise: true
    hold: {spy: 0.6, ief: 0.4}
switch: month_end
rebalance: {when: quarterly, band: 5%}
"""


def told(text: str) -> list[str]:
    """Return the sentences of a file's parameters."""
    return list(rule_sentences(RulesParams.model_validate(parse_yaml(text).data)))


def trade(**more: str) -> str:
    """Return a file with one trade and further lines in it."""
    lines = "".join(f"    {key}: {value}\n" for key, value in more.items())
    given = "" if "enter" in more else "    enter: {calm: vix < 25}\n"
    return f"{HEAD}trades:\n  dip:\n    instrument: btc\n{given}    stop: btc.low\n{lines}"


def test_a_sentence_of_a_trader_comes_back_as_sentences() -> None:
    assert told(SENTENCE) == [
        "Decisions: at every close of BTCUSDT-PERP 1h; orders fill at the next open.",
        "Market state: one row a calendar day, taken at 18:30 New York.",
        "Named values:",
        "  n: the average true range of BTCUSDT-PERP 1h over 14 bars",
        "  vix_max: 25",
        "",
        "Trade quiet_breakout",
        "  Buy BTCUSDT-PERP at the next open, with the whole size that risk allows, when all of "
        "these hold:",
        '    - checklist_waits: the checklist\'s action is "wait", at every row of the last 3 days',
        "    - calm: VIX is below 25 (vix_max); an unknown counts as true",
        "    - breakout: the 1h close of BTCUSDT-PERP crosses above the highest 1h high of "
        "BTCUSDT-PERP in 20 days, one row earlier",
        "  Nothing is entered while vix_back below is true (no_exit).",
        "  The stop is the 1h close of BTCUSDT-PERP minus 2 times n, taken at the decision; it "
        "must be known and lie below the close (stop_below_price), or nothing is entered.",
        "  Targets, of the plan's quantity: 50% at 1 R and 50% at 3 R.",
        "  At each decision the stop moves to the 1h close of BTCUSDT-PERP minus 3 times n, if "
        "that is higher than the stop and below the close.",
        "  Sell all at the next open when any of these holds:",
        "    - vix_back: VIX is above 30",
        "    - stale: the age of the plan is above 10 days",
        "",
        "Notes",
        "  - stale of quiet_breakout reads the open plan. While such a plan is open every decision "
        "row is visited. What is read there is no part of the causality proof, and is not counted "
        "below.",
    ]


def test_states_are_told_in_the_order_of_the_file() -> None:
    assert told(SESSIONS) == [
        "Decisions: at 18:30 New York on every session of SPY; orders fill at the next open.",
        "Market state: one row a calendar day, taken at 18:30 New York.",
        "",
        "Weights: at the last decision of each month the first of these states that is true is "
        "held.",
        '  storm: hold 100% BIL when the risk tier is at least "defensive"',
        "    Once held, it is left only after 5 sessions in a row at which this is false.",
        "  below: hold 70% IEF and 30% SPY when all of these hold:",
        "    - below.trend: the session close of SPY is below the mean of the session close of SPY "
        "over 200 sessions; an unknown counts as true",
        "    - below.fear: state.vix is above 20; an unknown counts as true",
        "  usual: hold 40% IEF and 60% SPY when no state above is true.",
        "  A state sells what it does not name; the rest of the equity is cash.",
        "  An unknown state above the first true one keeps the weights held, and never falls to a "
        "state below.",
        "  Rebalance at a change of state, at the first decision of each quarter and when a weight "
        "is off by more than 5% of the equity; changes below 100 in the account's currency are "
        "left out.",
    ]


def test_a_short_trade_sells_first_and_buys_back() -> None:
    lines = told(trade(side="short", risk="0.25", exit="{back: vix < 20}"))
    text = "\n".join(lines)
    assert "Sell short BTCUSDT-PERP at the next open, with 25% of the size that risk allows" in text
    assert "lie above the close (stop_above_price)" in text
    assert "Buy back all at the next open when this holds:" in text


def test_a_trail_of_a_short_trade_moves_down() -> None:
    text = "\n".join(told(trade(side="short", trail="btc.high")))
    assert "BTCUSDT-PERP, if that is lower than the stop and above the close." in text


def test_a_plan_without_targets_trail_and_exit_ends_at_its_stop() -> None:
    lines = told(trade())
    assert lines[-2:] == [
        "  There are no targets.",
        "  No exit is written: the plan ends at its stop.",
    ]


def test_tranches_and_price_targets_are_told() -> None:
    lines = told(
        trade(
            targets="[{price: btc.high, fraction: 1}]",
            tranches="[{fraction: 0.5}, {fraction: 0.3, when: vix < 20, after: 3 bars}, "
            "{fraction: 0.2, after: 1 bar}]",
        )
    )
    assert (
        "  Targets, of the plan's quantity: 100% at the 1h high of BTCUSDT-PERP; a price must lie "
        "above the close (target_above_price)."
    ) in lines
    begin = next(i for i, line in enumerate(lines) if "tranches" in line)
    assert lines[begin : begin + 4] == [
        "  The plan has 3 tranches. The first one, 50%, is bought with the entry.",
        "  Tranche 2, 30%, follows at least 3 bars after the tranche before, when this holds:",
        "    - tranche_2: VIX is below 20",
        "  Tranche 3, 20%, follows at least 1 bar after the tranche before.",
    ]


def test_trades_of_one_instrument_say_which_one_wins() -> None:
    second = "  rise:\n    instrument: btc\n    side: short\n    enter: {panic: vix > 40}\n"
    lines = told(f"{trade()}{second}    stop: btc.high\n")
    assert lines[-1] == (
        "  - dip and rise trade BTCUSDT-PERP. One plan holds it at a time; where several may enter "
        "at once, the first in this order does: dip, rise. The plan is managed by its own trade's "
        "rules."
    )


def test_a_named_value_that_reads_the_plan_is_found_in_exit_and_trail() -> None:
    text = trade(trail="floor", exit="{lost: vix < 20}").replace(
        "trades:", "let: {floor: entry - 3}\ntrades:"
    )
    assert told(text)[-1].startswith("  - the trail of dip reads the open plan.")


def test_weights_of_one_state_are_always_held() -> None:
    text = (
        "instruments: {spy: SPY@session}\nclock: spy@session\nweights:\n  scaled:\n"
        "    otherwise: true\n    hold:\n"
        "      spy: min(1, 10% / realized_vol(spy.close, 21 sessions))\n"
    )
    assert told(text)[2:] == [
        "Weights, read at every decision",
        "  scaled: hold SPY with a weight of the smaller of 1 and (10% divided by the realized "
        "volatility of the session close of SPY over 21 sessions).",
        "  The rest of the equity is cash.",
        "  An unknown weight keeps the weights held; a weight below 0 counts as 0; a sum above 1 "
        "is scaled to 1.",
        "  Rebalance once, at the start; changes below 100 in the account's currency are left out.",
    ]


def test_a_remark_stands_behind_its_expression() -> None:
    params = RulesParams.model_validate(parse_yaml(trade()).data)
    lines = list(rule_sentences(params, lambda text: "remark" if "25" in text else ""))
    assert "    - calm: VIX is below 25 [remark]" in lines


def test_conditions_of_the_market_state_are_told_in_the_checklists_words() -> None:
    lines = told(trade(enter="{turn: state.vix_off_peak, step: state.step_macro}"))
    assert "    - turn: VIX is off its peak of the month (state.vix_off_peak)" in lines
    assert "    - step: rates and the dollar shrink the risk budget (state.step_macro)" in lines


def test_the_bars_of_the_flush_detector_are_named_where_a_file_reads_it() -> None:
    text = trade(enter="{back: flush.reclaimed}")
    assert "Flush detector: watches sell-offs of BTCUSDT-PERP 1h." in told(text)
    changed = text.replace("trades:", "flush: {bars: btc@4h, side: short}\ntrades:")
    assert "Flush detector: watches rallies of BTCUSDT-PERP 4h." in told(changed)
    assert not any("Flush" in line for line in told(trade()))
