"""A rules file as a model: what it takes, what it refuses, and the order that it keeps."""

from typing import Any

import pytest
from pydantic import ValidationError

from data_feeds.strict_model import by_key
from data_feeds.yaml_text import parse_yaml
from engine.config.problems import validate_strict
from strategies.liquidation_reclaim import ReclaimParams
from strategies.rules.flush_settings import FlushSettings
from strategies.rules.params import RulesParams
from strategies.rules.playbook import Rules
from strategies.rules.written import written_expressions

HEAD = """
instruments: {btc: BTCUSDT-PERP@1h, spy: SPY@session, ief: IEF@session}
series: {vix: VIX}
let:
  limit: 25
"""
TRADES = (
    HEAD
    + """
clock: btc@1h
trades:
  quiet:
    instrument: btc
    enter:
      zeal: btc.close > 100
      calm: {when: vix < limit, unknown: pass}
    stop: btc.close * 0.98
    targets: [{r: 1, fraction: 0.5}, {price: btc.close * 1.1, fraction: 0.5}]
    tranches:
      - {fraction: 0.4}
      - fraction: 0.6
        when: position.r > 1
        after: 3 bars
    exit:
      vix_back: vix > 30
      stale: position.age > 10d
"""
)
WEIGHTS = (
    HEAD
    + """
clock: spy@session
weights:
  storm:
    when: vix > 40
    hold: {}
    leave_after: 5 sessions
  low:
    when:
      trend: spy.close < sma(spy.close, 200 sessions)
      vix_up: vix > 20
    hold: {spy: 0.3, ief: 0.7}
  usual: {otherwise: true, hold: {spy: 0.6, ief: 0.4}}
rebalance: {when: month_end, band: 5%}
"""
)


def read(text: str) -> RulesParams:
    return validate_strict(RulesParams, parse_yaml(text).data)


def problems(text: str) -> dict[str, str]:
    """Return the messages of a file's problems by place; of the model's own one text, at ""."""
    try:
        params = read(text)
    except ValidationError as error:
        return {"": str(error)}
    return {".".join(map(str, item.path)): item.message for item in Rules.problems(params)}


def test_plain_text_is_a_condition_that_blocks_while_unknown():
    trade = read(TRADES).trades["quiet"]
    assert (trade.enter["zeal"].when, trade.enter["zeal"].unknown) == ("btc.close > 100", "block")
    assert trade.enter["calm"].unknown == "pass"


def test_the_order_of_the_file_survives_a_dump_sorted_by_key():
    params = read(TRADES)
    assert list(params.trades["quiet"].enter) == ["zeal", "calm"]
    again = validate_strict(RulesParams, by_key(params.model_dump(mode="json")))
    assert list(again.trades["quiet"].enter) == ["zeal", "calm"]
    assert list(again.trades["quiet"].exit) == ["vix_back", "stale"]
    assert again == params
    assert by_key(again.model_dump(mode="json")) == by_key(params.model_dump(mode="json"))


def test_two_orders_of_conditions_are_two_parameter_sets():
    other = TRADES.replace("      zeal: btc.close > 100\n", "").replace(
        "unknown: pass}\n", "unknown: pass}\n      zeal: btc.close > 100\n"
    )
    assert list(read(other).trades["quiet"].enter) == ["calm", "zeal"]
    assert read(other) != read(TRADES)


def test_states_keep_the_order_of_the_file():
    params = read(WEIGHTS)
    assert list(params.weights) == ["storm", "low", "usual"]
    again = validate_strict(RulesParams, by_key(params.model_dump(mode="json")))
    assert list(again.weights) == ["storm", "low", "usual"]


def test_a_written_order_that_does_not_fit_the_file_is_refused():
    data: dict[str, Any] = read(TRADES).model_dump(mode="json")
    del data["trades"]["quiet"]["enter"]["zeal"]
    with pytest.raises(ValidationError, match=r"trades.quiet.enter has calm, not zeal, calm; rem"):
        validate_strict(RulesParams, data)


def test_a_plain_when_takes_the_name_of_its_state_or_tranche():
    assert list(read(WEIGHTS).weights["storm"].when) == ["storm"]
    assert list(read(TRADES).trades["quiet"].tranches[1].when) == ["tranche_2"]


def test_conditions_are_named_by_trade_only_where_there_are_several():
    one = read(TRADES)
    assert one.trade_condition("quiet", "calm") == "calm"
    body = TRADES[TRADES.index("  quiet:") :].replace("quiet", "loud")
    two = read(TRADES + body)
    assert two.trade_condition("quiet", "calm") == "quiet.calm"
    assert two.state_condition("storm", "storm") == "storm"
    assert two.state_condition("low", "trend") == "low.trend"


def test_numbers_stay_numbers_and_shares_are_read_from_percent():
    params = read(WEIGHTS)
    assert params.let["limit"] == 25
    assert params.weights["low"].hold == {"ief": 0.7, "spy": 0.3}
    assert params.rebalance.band == pytest.approx(0.05)


def test_every_expression_is_listed_with_its_place_and_kind():
    found = {".".join(map(str, e.place)): e for e in written_expressions(read(TRADES))}
    assert list(found) == [
        "trades.quiet.enter.zeal",
        "trades.quiet.enter.calm",
        "trades.quiet.stop",
        "trades.quiet.targets.1.price",
        "trades.quiet.tranches.1.when.tranche_2",
        "trades.quiet.exit.vix_back",
        "trades.quiet.exit.stale",
    ]
    assert found["trades.quiet.stop"].wants == "price"
    assert found["trades.quiet.exit.stale"].plan_values
    assert not found["trades.quiet.enter.zeal"].plan_values


def test_the_flush_detector_starts_from_the_thresholds_of_playbook_a():
    own = FlushSettings.model_fields
    for name in set(own) - {"bars", "side", "reclaimed_window"}:
        assert own[name].default == ReclaimParams.model_fields[name].default, name


@pytest.mark.parametrize(
    ("old", "new", "place", "message"),
    [
        ("limit: 25", "btc: 25", "let.btc", "btc is bound in instruments and in let"),
        ("limit: 25", "state: 25", "let.state", "state has a meaning of its own"),
        ("zeal:", "Zeal:", "", "Zeal is no name"),
        (
            "zeal:",
            "stop_below_price:",
            "trades.quiet.enter.stop_below_price",
            "stop_below_price has a meaning of its own",
        ),
        ("zeal:", "setup:", "trades.quiet.enter.setup", "setup is a column of the journal"),
        ("zeal:", "measured:", "trades.quiet.enter.measured", "measured after a dot is a column"),
        ("stale:", "calm:", "trades.quiet.exit.calm", "calm is a condition of enter and of exit"),
        ("zeal:", "calm_known:", "trades.quiet.enter.calm", "calm_known is a condition of enter"),
        ("instrument: btc", "instrument: eth", "trades.quiet.instrument", "known: btc, ief, spy"),
        ("clock: btc@1h", "clock: eth@1h", "clock", "eth is no name of instruments"),
        ("clock: btc@1h", "clock: btc@1h\nflush: {bars: eth@1h}", "flush.bars", "eth is no name"),
        ("fraction: 0.6", "fraction: 0.5", "trades.quiet.tranches", "fractions sum to 0.9"),
        (
            "{r: 1, fraction: 0.5}",
            "{r: 1, fraction: 0.4}",
            "trades.quiet.targets",
            "to 0.9; they must sum to 1; give the rest a price out of",
        ),
        ("{r: 1, fraction: 0.5}", "{fraction: 0.5}", "trades.quiet.targets.0", "either r or price"),
        (
            "{fraction: 0.4}",
            "{fraction: 0.4, after: 2 bars}",
            "trades.quiet.tranches.0.after",
            "bought with the entry",
        ),
        (
            "after: 3 bars",
            "after: 3 sessions",
            "trades.quiet.tranches.1.after",
            "are no sessions; write 3 bars",
        ),
        ("after: 3 bars", "after: 3d", "", "a count of rows, such as 3 bars"),
        ("clock: btc@1h", "clock: btc@1h\nswitch: monthly", "switch", "switch belongs to weights"),
        ("BTCUSDT-PERP@1h", "BTCUSDT-PERP@hourly", "", "names no bars"),
    ],
)
def test_what_cannot_be_a_trade_is_refused_at_its_place_with_the_remedy(
    old: str, new: str, place: str, message: str
):
    assert old in TRADES
    assert message in problems(TRADES.replace(old, new))[place]


@pytest.mark.parametrize(
    ("old", "new", "place", "message"),
    [
        ("otherwise: true", "when: vix > 0", "weights.usual", "must say otherwise: true"),
        (
            "when: vix > 40\n    hold: {}\n    leave_after: 5 sessions",
            "otherwise: true\n    hold: {}",
            "weights.storm.otherwise",
            "only the last state, usual",
        ),
        ("when: vix > 40", "otherwise: true", "weights.storm.leave_after", "drop leave_after"),
        ("when: vix > 40", "unknown: pass", "weights.storm", "either when or otherwise: true"),
        ("{spy: 0.3, ief: 0.7}", "{spy: 0.3, ief: 0.8}", "weights.low.hold", "sum to 1.1; 1 at"),
        ("{spy: 0.3, ief: 0.7}", "{spy: -0.3}", "weights.low.hold.spy", "must not be negative"),
        (
            "{spy: 0.3, ief: 0.7}",
            "{ief: 0.7}\n    short: {spy: 1.3}",
            "weights.low.short.spy",
            "lies in [0, 1], not 1.3",
        ),
        (
            "{spy: 0.3, ief: 0.7}",
            "{spy: 0.3}\n    short: {spy: 0.2}",
            "weights.low.short.spy",
            "holds spy, too",
        ),
        (
            "{spy: 0.3, ief: 0.7}",
            "{spy: 0.3}\n    short: {qqq: 0.2}",
            "weights.low.short.qqq",
            "qqq is no name of instr",
        ),
        ("{spy: 0.3, ief: 0.7}", "{qqq: 0.3}", "weights.low.hold.qqq", "qqq is no name of instr"),
        (
            "clock: spy@session",
            "clock: btc@1h",
            "weights.storm.leave_after",
            "the rows of the clock btc@1h are no sessions; write 5 bars",
        ),
        (
            "vix_up: vix > 20",
            "trend_known: vix > 20\n    unknown: pass",
            "weights.low.when.trend_known",
            "rename one",
        ),
        ("storm:", "setup:", "weights.setup", "setup is a column of the journal"),
        ("vix_up:", "decisions:", "weights.low.when.decisions", "is a column of the journal"),
        ("IEF@session", "SPY@session", "weights.low.hold.spy", "ief and spy both hold SPY"),
    ],
)
def test_what_cannot_be_weights_is_refused_at_its_place_with_the_remedy(
    old: str, new: str, place: str, message: str
):
    assert old in WEIGHTS
    assert message in problems(WEIGHTS.replace(old, new))[place]


def test_a_file_has_trades_or_weights_but_not_both():
    assert "exactly one of them" in problems(HEAD + "clock: btc@1h")[""]
    both = TRADES + WEIGHTS[WEIGHTS.index("weights:") :]
    found = problems(both)
    assert list(found) == ["weights", "weights.storm.leave_after"]
    assert "drop one of them" in found["weights"]


def test_problems_of_the_file_and_of_its_expressions_are_told_at_once():
    text = TRADES.replace("clock: btc@1h", "clock: eth@1h").replace("vix > 30", "vixx > 30")
    text = text.replace("fraction: 0.6", "fraction: 0.5").replace("limit: 25", "ief: 25")
    assert sorted(problems(text)) == [
        "clock",
        "let.ief",
        "trades.quiet.enter.calm.when",
        "trades.quiet.exit.vix_back.when",
        "trades.quiet.tranches",
    ]


def test_files_without_a_mistake_have_no_problems():
    assert problems(TRADES) == problems(WEIGHTS) == {}


@pytest.mark.parametrize("passing", ["unknown: pass, when: vix > 30", "when: {storm: {PASS}}"])
def test_two_states_with_a_condition_of_one_name_are_refused(passing: str):
    passing = passing.replace("PASS", "when: vix > 30, unknown: pass")
    text = f"""
clock: spy@session
weights:
  storm: {{{passing}, hold: {{ief: 0.5}}}}
  storm_known: {{when: vix > 20, hold: {{}}}}
  usual: {{otherwise: true, hold: {{spy: 0.6}}}}
"""
    # Beside a condition where unknown passes stands the known one.
    assert problems(HEAD + text) == {
        "weights.storm_known.when.storm_known": "storm_known is a condition of storm and of "
        "storm_known; rename one of them"
    }
    assert problems(HEAD + text.replace("storm_known:", "rough:")) == {}


@pytest.mark.parametrize("circle", ["n: atr(btc, m)\n  m: n * 2", "m: n * 2\n  n: sma(m, 3 bars)"])
def test_named_values_that_need_each_other_are_told_once(circle: str):
    text = TRADES.replace("limit: 25", f"limit: 25\n  {circle}\n  k: m + 1")
    text = text.replace("vix > 30", "vix > k").replace("btc.close > 100", "btc.close > n")
    assert problems(text) == {"let.m": "let: a value needs itself: m -> n -> m"}


def test_a_named_value_that_is_wrong_only_where_it_is_used_is_told_there():
    text = TRADES.replace("limit: 25", "limit: 25\n  half: position.r / 2\n  own: half + 1")
    (place,) = problems(text.replace("btc.close > 100", "own > 100"))
    assert place == "trades.quiet.enter.zeal.when"


def test_a_wrong_named_value_is_told_once_however_it_is_reached():
    text = TRADES.replace("limit: 25", "limit: 25\n  a: b + 1\n  b: vixx * 2")
    assert list(problems(text.replace("btc.close > 100", "a > 100"))) == ["let.b"]
