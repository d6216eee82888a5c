"""The tests of a sweep as sentences and tables: the family, the windows left out, costs, lags."""

from engine.formatting import p_words, percent, percent_share, signed_percent
from engine.statistics import Missing, Overfitting, Superiority
from engine.sweep.held_out import HeldOutFolds
from engine.sweep.judgement import Judgement
from engine.sweep.number_text import number_text
from engine.sweep.sweep_run import SweepResult

SIZE = 0.05


def family_sentences(result: SweepResult, found: Judgement) -> list[str]:
    """Return the sentences on all sets together."""
    superior = _superiority(found.superiority, counted_sets(result))
    return [*_adaptive(result), _overfitting(found.overfitting), superior]


def counted_sets(result: SweepResult) -> str:
    """Return the words for the sets that judge the choice and form a family."""
    count = len(result.blind.places)
    return "all sets" if count == len(result.results) else f"the {count} blind sets"


def _adaptive(result: SweepResult) -> list[str]:
    """Return a sentence on the sets that the sampler drew because of results."""
    count, whole = len(result.blind.places), len(result.results)
    if count == whole:
        return []
    return [
        f"{whole - count} of {whole} sets were drawn after a look at results in every window. The "
        f"other {count} are blind: the tests below, and the choices without a window, use these "
        "alone."
    ]


def _overfitting(found: Overfitting | Missing) -> str:
    if isinstance(found, Missing):
        return f"Probability of backtest overfitting: {found}."
    undecided = (
        f"; {found.undecided} more splits are undecided, because all sets tie"
        if found.undecided
        else ""
    )
    return (
        f"Probability of backtest overfitting: {percent(found.probability, 0)} of "
        f"{len(found.logits)} splits of the days into two halves of {found.blocks // 2} blocks. In "
        "these the best set of one half is no better than the median in the other; chance gives "
        f"50%{undecided}. It loses against the bill in {percent(found.loss_probability, 0)}."
    )


def _superiority(found: Superiority | Missing, sets: str) -> str:
    if isinstance(found, Missing):
        return f"Superior ability over the bill: {found}."
    answer = (
        f"{len(found.superior)} of {found.variants} sets beat the bill"
        if found.consistent < SIZE and found.superior
        else f"it is not shown that any of {found.variants} sets beats the bill"
    )
    idle = f"; {len(found.powerless)} are active on too few days" if found.powerless else ""
    return (
        f"Superior ability over the bill, corrected for {sets} of this sweep: "
        f"{p_words(found.consistent)}, {answer}{idle}. Its measured sizes: docs/statistics.md."
    )


def held_out_sentences(result: SweepResult, found: Judgement) -> list[str]:
    """Return the sentences on the choice without each window."""
    _, units = unit_words(result)
    kinds = (
        (
            found.left_out,
            f"{left_out_title(result)} (chosen on all other {units}; robustness, not tradable, "
            f"since later {units} choose for earlier ones)",
        ),
        (found.forward, f"Forward, anchored (chosen on all earlier {units})"),
        (found.rolling, f"Forward, rolling (chosen on the last {result.rolling.last} {units})"),
    )
    return [_folds_sentence(result, folds, words) for folds, words in kinds]


def unit_words(result: SweepResult) -> tuple[str, str]:
    """Return the words for one fold and for several: windows, or clusters of found sell-offs."""
    is_found = result.job.config.sell_offs is not None
    return ("cluster", "clusters") if is_found else ("window", "windows")


def left_out_title(result: SweepResult) -> str:
    """Return the name of the test that leaves windows out."""
    is_found = result.job.config.sell_offs is not None
    return "Leave one cluster of sell-offs out" if is_found else "Leave one window out"


def _folds_sentence(result: SweepResult, found: HeldOutFolds | Missing, words: str) -> str:
    if isinstance(found, Missing):
        return f"{words}: {found}."
    won = sum(fold.excess > 0 for fold in found.folds)
    places = {fold.place for fold in found.folds}
    same = places == {result.choice.place}
    others = "always one other set" if len(places) == 1 else f"{len(places)} different sets"
    chosen = "always the same set" if same else others
    count = len(found.folds)
    beaten = sum(fold.beaten for fold in found.folds) / count
    unit = unit_words(result)[count > 1]
    return (
        f"{words}: the rule's number is {number_text(found.number)}; {won} of {count} {unit} beat "
        f"the bill; {chosen} chosen, better there than {percent_share(beaten)} of "
        f"{counted_sets(result)} (chance: 50%)."
    )


def held_out_rows(result: SweepResult, left: HeldOutFolds) -> list[tuple[str, ...]]:
    """Return a row for each judged window, a heading row first."""
    head = ("judged", "chosen without it", "excess", "number", "better than", "days dropped")
    rows = [
        (
            fold.window,
            result.results[fold.place].item.set_id,
            signed_percent(fold.excess),
            number_text(fold.number),
            percent_share(fold.beaten),
            str(fold.dropped),
        )
        for fold in left.folds
    ]
    return [head, *rows]


def sensitivity_sentences(result: SweepResult) -> list[str]:
    """Return the sentence on costs and lags."""
    rows = result.sensitivity
    if len(rows) < 2:
        return []
    told = "; ".join(f"{row.change} {signed_percent(row.excess)}" for row in rows)
    return [f"Sum of the chosen set's excess: {told}."]


def sensitivity_rows(result: SweepResult) -> list[tuple[str, ...]]:
    """Return a row for each change of the chosen set, a heading row first."""
    head = ("change", "number", "sum of the excess", "trades")
    rows: list[tuple[str, ...]] = [
        (row.change, number_text(row.number), signed_percent(row.excess), str(row.trades))
        for row in result.sensitivity
    ]
    return [head, *rows]
