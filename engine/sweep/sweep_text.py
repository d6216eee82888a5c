"""The verdict of a sweep as sentences, and its summary for a terminal."""

from collections.abc import Sequence

from engine.config.sweep import ChoiceRule, SweepMetric
from engine.formatting import columns, counted_noun, number, percent, share_against, wrapped
from engine.sell_offs import HINDSIGHT
from engine.statistics import Missing
from engine.sweep.judged_words import (
    family_sentences,
    held_out_sentences,
    sensitivity_sentences,
)
from engine.sweep.judgement import CONVINCING, Judgement, Number
from engine.sweep.number_text import number_text
from engine.sweep.set_choice import ranked
from engine.sweep.sweep_run import SweepResult
from engine.sweep.verification import BEST_SETS
from engine.sweep.walk_words import walk_sentences

METRIC_WORDS = {
    SweepMetric.SHARPE: "Sharpe ratio",
    SweepMetric.EXCESS_RETURN: "excess return a year",
    SweepMetric.EXCESS_OVER_DRAWDOWN: "excess return a year over the deepest fall",
}
FILES = (
    ("report.html", "the page"),
    ("best.yaml", "the chosen set as a run file"),
    ("sets.parquet", "one row a set"),
    ("results.parquet", "one row a set and window, with the daily excess"),
    ("summary.json", "these numbers for programs"),
    ("config.resolved.yaml", "the sweep, every default filled in"),
)


def summary_text(result: SweepResult, found: Judgement | Missing, name: str) -> str:
    """Return the summary of a sweep; ``name`` is the name of its folder."""
    parts = [
        [*_shout(result), heading(result), *(line for s in about(result) for line in wrapped(s))],
        ["VERDICT", *(line for sentence in verdict(result, found) for line in wrapped(sentence))],
        [f"BEST {BEST_SETS}", *columns(best_rows(result), left=1)],
        ["FILES", *columns(FILES, left=2)],
        [f"Sweep  {name}"],
    ]
    return "\n\n".join("\n".join(part) for part in parts) + "\n"


def _shout(result: SweepResult) -> list[str]:
    return ["*** SYNTHETIC DATA: nothing here happened ***"] if result.inputs.is_synthetic else []


def heading(result: SweepResult) -> str:
    """Return the name of a sweep and its playbook."""
    config = result.job.config
    return f"{config.title or config.name}: {result.inputs.playbook.name}"


def about(result: SweepResult) -> list[str]:
    """Return sentences on what was run."""
    job, config = result.job, result.job.config
    instruments = (
        f", {counted_noun(len(config.instruments), 'instrument')}" if config.instruments else ""
    )
    runs = len(result.results) * len(job.cells)
    stored = f"; {result.reused} sets were stored by an earlier run" if result.reused else ""
    return [
        f"{counted_noun(len(result.results), 'set')} ({config.sampler.kind.value}) in "
        f"{counted_noun(len(result.inputs.windows), 'window')}{instruments}: "
        f"{counted_noun(runs, 'run')}{stored}.",
        _who(result),
        f"Windows {', '.join(_window_words(result))}.",
        f"{len(result.checked)} sets were run again with every check (decisions causal, numbers "
        "equal); the books of the chosen set were audited.",
        *_not_reusable(result),
        *_hindsight(result),
        *_idle_cash(result),
        *_lacking(result),
    ]


def _window_words(result: SweepResult) -> list[str]:
    spans = dict.fromkeys(
        (cell.window, cell.start[:10], cell.end[:10]) for cell in result.job.cells
    )
    return [f"{name} ({start} to {end})" for name, start, end in spans]


def _not_reusable(result: SweepResult) -> list[str]:
    reasons = result.inputs.not_reusable
    if not reasons:
        return []
    told = "; ".join(reasons)
    return [f"No result of an earlier sweep is used, and none of this one will be: {told}."]


def _hindsight(result: SweepResult) -> list[str]:
    """Return the sentences on windows that were chosen because a market fell in them."""
    config = result.job.config
    is_named = any(isinstance(item, str) for item in config.episodes)
    if config.sell_offs is None and not is_named:
        return []
    which = "The windows" if config.sell_offs is not None else "The named episodes"
    found = [HINDSIGHT] if config.sell_offs is not None else []
    return [
        *found,
        f"{which} were chosen because the market fell in them, which favours cash and shorts: an "
        "excess over the bill shows exposure, and not that the rules find sell-offs.",
    ]


def _who(result: SweepResult) -> str:
    if result.inputs.is_screened:
        return (
            "The compiled screening ran the sets; the chosen one, the ten best and a random sample "
            "were also run by the engine, with equal fills."
        )
    return f"The engine ran every set: {'; '.join(result.inputs.engine_reasons)}."


def _lacking(result: SweepResult) -> list[str]:
    lacking = result.job.lacking
    if not lacking:
        return []
    return [
        f"Every sell-off that the data suffice for is used; {len(lacking)} lack data: "
        f"{', '.join(lacking)}."
    ]


def _idle_cash(result: SweepResult) -> list[str]:
    account = result.job.run_config(result.results[0].item, result.job.cells[0]).account
    wallets = (
        ("venue", account.venue_cash, account.venue_interest_series),
        ("brokerage", account.brokerage_cash, account.interest_series),
    )
    idle = [name for name, cash, series in wallets if cash > 0 and series is None]
    if not idle:
        return []
    return [
        f"The {' and '.join(idle)} wallet earns no interest here: a set that rests loses the bill "
        "every day, and sets are ranked by that, too. account.venue_interest_series or "
        "account.interest_series lets idle cash earn it."
    ]


def verdict(result: SweepResult, found: Judgement | Missing) -> list[str]:
    """Return the verdict in sentences."""
    words = METRIC_WORDS[result.job.config.choose.metric]
    if isinstance(found, Missing):
        return [f"No set was chosen: {found.reason}."]
    chosen = result.chosen
    assert chosen is not None
    return [
        f"Chosen {chosen.item.set_id}: {values_words(result)}.",
        _rule_sentence(result, found, words),
        *_edge_sentence(found),
        *_luck_sentences(result, found),
        *family_sentences(result, found),
        *held_out_sentences(result, found),
        *walk_sentences(result),
        *sensitivity_sentences(result),
    ]


def values_words(result: SweepResult) -> str:
    """Return the values of the chosen set by their short names."""
    names = result.job.space.names()
    assert result.chosen is not None
    return ", ".join(f"{names[path]} {value}" for path, value in result.chosen.item.values.items())


def _rule_sentence(result: SweepResult, found: Judgement, words: str) -> str:
    reached = f"its {words} in excess of the bill is {said(found.number)}"
    if result.choice.rule is ChoiceRule.PLATEAU:
        return (
            f"Plateau: {reached}; a quarter of the {found.neighbours} sets within one step of it "
            f"lie at or below {said(found.plateau)}, which is the highest of all sets."
        )
    if result.job.config.choose.rule is ChoiceRule.PLATEAU:
        return (
            f"Peak, because no set has a neighbour within one step: {reached}, the highest. Draw "
            "more sets, or give fewer levels."
        )
    return f"Peak: {reached}, the highest. Nothing is known about the sets around it."


def _edge_sentence(found: Judgement) -> list[str]:
    if not found.edges:
        return []
    return [
        f"EDGE: it lies at the end of {', '.join(found.edges)}; better values may lie outside the "
        "sweep, and its neighbourhood is one-sided."
    ]


def _luck_sentences(result: SweepResult, found: Judgement) -> list[str]:
    trials = (
        f"Trials: {found.trials} sets of the playbook {result.inputs.playbook.name} have seen "
        f"these data, {found.earlier} of them in earlier sweeps."
    )
    if isinstance(found.deflated, Missing):
        return [trials, f"Deflated Sharpe ratio: {found.deflated}."]
    passed = "convincing" if found.deflated >= CONVINCING else "NOT convincing"
    return [
        trials,
        f"Its Sharpe ratio is {said(found.sharpe)} a year; the best of as many worthless trials "
        f"would reach about {said(found.expected_best)}. The probability that the true ratio lies "
        f"above that (deflated Sharpe ratio) is {share_against(found.deflated, CONVINCING)}: "
        f"{passed}, {CONVINCING:.0%} are needed.",
    ]


def said(value: Number) -> str:
    """Return a number with three digits, or the reason why there is none."""
    return str(value) if isinstance(value, Missing) else number(value, 3)


def best_rows(result: SweepResult, count: int = BEST_SETS) -> list[tuple[str, ...]]:
    """Return a row for each of the best sets, a heading row first."""
    names = result.job.space.names()
    windows = tuple(result.inputs.windows)
    rows = [("set", *names.values(), "number", "plateau", "sets around", "trades", *windows)]
    for place in ranked(result.choice)[:count]:
        found = result.results[place]
        rows.append(
            (
                found.item.set_id,
                *(str(value) for value in found.item.values.values()),
                number_text(result.choice.numbers[place]),
                number_text(result.choice.plateaus[place]),
                str(len(result.near[place])),
                str(sum(cell.row.trades for cell in found.cells)),
                *(percent(_mean_return(result, place, window)) for window in windows),
            )
        )
    return rows


def _mean_return(result: SweepResult, place: int, window: str) -> float:
    """Return the mean return over the instruments of a window."""
    found = [c.row.total_return for c in result.results[place].cells if c.row.window == window]
    return sum(found) / len(found)


def table_note(windows: Sequence[str]) -> str:
    """Return the words on the columns of the table of best sets."""
    return (
        "Number and plateau are in excess of the bill over all windows together. "
        f"{', '.join(windows)}: return of the account in that window, the mean of the instruments."
    )
