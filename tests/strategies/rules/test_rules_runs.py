"""Whole runs of rules files: the checks for playbooks, run ids, and reloading a written run."""

from pathlib import Path

import numpy as np
import pytest

from data_feeds.clock import DAY_NS, HOUR_NS
from data_feeds.dataset import Dataset
from engine.audit import audit_run
from engine.config.load import load_run_config
from engine.config.models import DataConfig, PlaybookConfig, RunConfig
from engine.config_files import read_config
from engine.pages.publish import publish
from engine.playbook_checks import playbook_checks
from engine.results.manifest import run_id
from engine.run import run
from engine.testing import ETF, START, candles, series, table, table_config
from strategies.rules import Rules
from tests.strategies.rules.rule_runs import params_of

BOND = ETF.model_copy(update={"id": "IEF"})

HOURLY = """
instruments: {btc: BTCUSDT-PERP@1h}
series: {vix: VIX}
clock: btc@1h
let: {n: "atr(btc, 5 bars)"}
trades:
  dip:
    instrument: btc
    enter:
      calm: {when: vix < 24, unknown: pass}
      low: btc.close < sma(btc.close, 12 bars)
      turned: btc.close crosses above btc.high[1]
    stop: btc.close - 2 * n
    targets: [{r: 1, fraction: 0.5}, {r: 3, fraction: 0.5}]
    trail: btc.close - 3 * n
    tranches:
      - {fraction: 0.5}
      - fraction: 0.5
        when: {running: position.r > 0.3R}
        after: 2 bars
    exit:
      vix_back: vix > 26
      stale: position.age > 20h
      gave_back: position.drawdown < -3% or equity.drawdown < -2%
  rally:
    instrument: btc
    side: short
    risk: 0.5
    enter:
      calm: vix < 24
      weak: btc.close crosses below lowest(btc.low, 12 bars)[1]
    stop: highest(btc.high, 6 bars)
    exit:
      back: btc.close > sma(btc.close, 12 bars)
"""

SESSIONS = """
instruments: {qqq: QQQ@session, ief: IEF@session}
series: {vix: VIX}
clock: qqq@session
weights:
  storm:
    when: vix > 23
    unknown: pass
    hold: {ief: 0.5}
    leave_after: 2 sessions
  below:
    when:
      trend: qqq.close < sma(qqq.close, 10 sessions)
      weak: qqq.close < ief.close
    hold: {ief: 0.6, qqq: 0.3}
  usual:
    otherwise: true
    hold:
      qqq: min(1, 0.1 / realized_vol(qqq.close, 10 sessions))
      ief: 0.3
rebalance: {when: weekly, band: 5%, min_ticket: 10}
"""


def walk(rng: np.random.Generator, count: int, move: float) -> list[tuple[float, ...]]:
    """Return bars of a random walk from 100, opens at the close before."""
    closes = 100 * np.exp(np.cumsum(rng.normal(0.0, move, count)))
    opens = np.concatenate(([100.0], closes[:-1]))
    spread = np.exp(np.abs(rng.normal(0.0, move / 2, (2, count))))
    high, low = np.maximum(opens, closes) * spread[0], np.minimum(opens, closes) / spread[1]
    return [tuple(row) for row in np.round(np.column_stack((opens, high, low, closes)), 2)]


def fear(rng: np.random.Generator, count: int) -> list[tuple[int, float]]:
    values = 21 + np.cumsum(rng.normal(0.0, 1.0, count)).clip(-6, 8)
    return [(START + day * DAY_NS, float(value)) for day, value in enumerate(values)]


def hourly_market() -> Dataset:
    rng = np.random.default_rng(5)
    return table(candles(walk(rng, 320, 0.008)), series(fear(rng, 14), "VIX"))


def session_market() -> Dataset:
    rng = np.random.default_rng(8)
    dates = [START + day * DAY_NS for day in range(100) if day % 7 < 5]
    opened, closed = ([day + at for day in dates] for at in (29 * HOUR_NS // 2, 21 * HOUR_NS))
    places = {"timeframe": "1d", "opened_at": opened, "closed_at": closed}
    return table(
        candles(walk(rng, len(dates), 0.02), instrument="QQQ", **places),
        candles(walk(rng, len(dates), 0.004), instrument="IEF", **places),
        series(fear(rng, 100), "VIX"),
        instruments=(ETF, BOND),
    )


def test_trades_pass_the_checks_for_playbooks():
    report = playbook_checks(Rules, params_of(HOURLY), hourly_market())
    assert report.entries >= 5
    assert report.cuts >= 20
    assert {key.instrument for key in report.absent} == {"VIX"}


def test_weights_pass_the_checks_for_playbooks():
    report = playbook_checks(Rules, params_of(SESSIONS), session_market())
    assert report.entries >= 10
    assert report.cuts >= 20
    assert {key.instrument for key in report.absent} == {"VIX"}


def config_of(text: str, data: Dataset) -> RunConfig:
    whole = table_config(data)
    params = params_of(text).model_dump(mode="json")
    start = whole.data.start.replace(day=10)
    return whole.model_copy(
        update={
            "name": "written",
            "data": DataConfig(start=start, end=whole.data.end),
            "playbook": PlaybookConfig(name="rules", params=params),
        }
    )


def test_two_orders_of_trades_and_of_conditions_have_ids_of_their_own():
    data = hourly_market()
    dip, rally = HOURLY.index("  dip:"), HOURLY.index("  rally:")
    trades = HOURLY[:dip] + HOURLY[rally:] + HOURLY[dip:rally]
    calm, weak = "      calm: vix < 24\n", "      weak: btc.close crosses below"
    line = next(item for item in HOURLY.splitlines(keepends=True) if item.startswith(weak))
    conditions = HOURLY.replace(calm + line, line + calm)
    assert len({HOURLY, trades, conditions}) == 3
    ids = {run_id(run(config_of(text, data), data)) for text in (HOURLY, trades, conditions)}
    assert len(ids) == 3


def test_a_written_run_audits_clean_and_its_config_gives_the_same_id(tmp_path: Path):
    data = hourly_market()
    result = run(config_of(HOURLY, data), data)
    assert result.outcome.fills
    folder = publish(result, tmp_path)
    assert audit_run(folder, data).findings == ()
    again = read_config(str(folder / "config.resolved.yaml"), (), None)
    assert run_id(run(again, data)) == run_id(result)


FILE = """
name: file
data: {{start: 2026-02-10, end: 2026-02-20}}
playbook:
  name: rules
  params:
{params}
venue: binance_usdm
"""


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "file.yaml"
    body = "".join(f"    {line}\n" for line in text.splitlines() if line)
    path.write_text(FILE.format(params=body))
    return path


def test_a_file_of_weights_has_the_risk_of_a_book_and_a_file_of_trades_the_built_in_one(
    tmp_path: Path,
):
    book = read_config(str(written(tmp_path, SESSIONS)), (), None)
    assert (book.risk.daily_loss, book.risk.drawdown) == (None, None)
    trades = read_config(str(written(tmp_path, HOURLY)), (), None)
    assert trades.risk.daily_loss is not None


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("calm: vix < 24", "calm: vixx < 24", "trades.rally.enter.calm: nothing is named vixx"),
        ("let: {n: ", "let: {m: ", "trades.dip.stop: nothing is named n"),
        ("clock: btc@1h", "clock: btc@1h\nmax_age: {dxy: 2d}", "max_age.dxy"),
        ("low: btc.close", "low: position.r", "may stand in exits, tranches and trails only"),
    ],
)
def test_a_wrong_expression_is_told_with_its_place(
    tmp_path: Path, old: str, new: str, message: str
):
    with pytest.raises(Exception, match=r"file\.yaml:") as caught:
        read_config(str(written(tmp_path, HOURLY.replace(old, new))), (), None)
    assert message in str(caught.value)


def test_weights_that_nothing_would_follow_are_refused(tmp_path: Path):
    text = SESSIONS.replace("when: weekly, band: 5%, ", "")
    with pytest.raises(Exception, match=r"weights\.usual\.hold\.qqq: this weight changes"):
        read_config(str(written(tmp_path, text)), (), None)


def test_a_channel_that_the_data_lack_is_told():
    data = hourly_market()
    without = data.only(key for key in data.channels if key.instrument != "VIX")
    told = Rules(params_of(HOURLY)).prepare(without).remarks
    assert told == ("The data hold no VIX/series, so every condition that reads it is unknown.",)


def test_a_config_without_its_playbooks_model_keeps_the_order(tmp_path: Path):
    path = written(tmp_path, HOURLY)
    raw = load_run_config(path)
    assert list(raw.playbook.params["trades"]) == ["dip", "rally"]
