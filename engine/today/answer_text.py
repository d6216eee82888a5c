"""The answer of a day as plain text for a terminal."""

import textwrap
from collections.abc import Iterator

from engine.formatting import WIDTH, columns
from engine.today import sentences
from engine.today.answer_data import NO_ORDERS, MarketDay, PlaybookDay, TodayReport


def today_text(report: TodayReport) -> str:
    """Return the answer, what changed, each playbook, stale inputs and the next releases."""
    lines = [
        f"Riskoff, {report.new_york} New York ({report.at})",
        f"Data: {report.data}{' (SYNTHETIC DATA)' if report.is_synthetic else ''}",
        *sentences.fetched(report.fetched),
        NO_ORDERS,
        "",
        sentences.answer(report),
        *(line for reason in report.too_old for line in _wrapped(reason)),
        *(f"  {line}" for line in sentences.summaries(report)),
        "",
        *_market(report.market),
    ]
    for playbook in report.playbooks:
        lines += ["", *_playbook(playbook)]
    lines += ["", *_inputs(report), "", "Next releases"]
    lines += columns([sentences.release_row(item) for item in report.releases], left=4) or [
        "  none: the data hold no series with a release rule"
    ]
    # A terminal shows the end of a long answer first.
    lines += ["", sentences.answer(report)]
    return "\n".join(line.rstrip() for line in lines) + "\n"


def _market(market: MarketDay) -> Iterator[str]:
    day = market.day
    yield sentences.reading(market)
    yield from columns(
        [
            ("Action", f"{day.action} ({day.known_steps} of {len(day.steps)} steps are known)"),
            ("Risk tier", day.tier),
            ("Regime", day.regime),
            ("Driver", day.driver),
        ],
        left=2,
    )
    for place in range(len(day.steps)):
        yield from _wrapped("{}: {}; {}".format(*sentences.step_line(day, place)))
    yield f"Changed since {market.compared_with}"
    for line in sentences.changes(market):
        yield from _wrapped(line)


def _playbook(playbook: PlaybookDay) -> Iterator[str]:
    yield f"{playbook.name} ({playbook.playbook})"
    if playbook.problem:
        yield from _wrapped(f"NO ANSWER TO ACT ON: {playbook.problem}")
    if not playbook.is_begun:
        yield from _wrapped(f"{sentences.not_begun(playbook)}.")
    if not playbook.decided_at:
        return
    yield from _wrapped(
        f"Bars to {playbook.rows_to}, last decision at {playbook.decided_at}; "
        f"{sentences.begun(playbook)}."
    )
    yield from _wrapped(f"State: {sentences.state(playbook)}.")
    yield from columns(
        [sentences.instrument_row(item, playbook.currency) for item in playbook.instruments],
        left=3,
        indent="    ",
    )
    yield "  To send"
    sent = sentences.sent_lines(playbook)
    for first, *others in sent:
        yield from _wrapped(first, 4)
        for line in others:
            yield from _wrapped(line, 6)
    for line in playbook.refused:
        yield from _wrapped(f"refused: {line}", 4)
    if not sent:
        yield "    nothing"
    if playbook.working:
        yield "  Working"
        yield from (f"    {sentences.working_line(order)}" for order in playbook.working)
    yield from _conditions(playbook)


def _conditions(playbook: PlaybookDay) -> Iterator[str]:
    ordered = sorted(playbook.conditions, key=lambda item: (not item.required, item.group))
    for heading, required in (("Required conditions", True), ("Other conditions", False)):
        shown = [item for item in ordered if item.required is required]
        if shown:
            yield f"  {heading}"
        lines = columns([sentences.condition_row(item) for item in shown], left=3, indent="    ")
        for item, line in zip(shown, lines, strict=True):
            yield line
            if item.because and required:
                yield from _wrapped(item.because, 9)


def _inputs(report: TodayReport) -> list[str]:
    stale = [item for item in report.inputs if item.is_stale]
    fresh = len(report.inputs) - len(stale)
    lines = [f"Inputs: {fresh} of {len(report.inputs)} are fresh"]
    rows = [("reader", "channel", "newest row", "age", "limit", "")]
    rows += [sentences.age_row(item) for item in stale]
    return lines + (columns(rows, left=6) if stale else [])


def _wrapped(line: str, indent: int = 2) -> list[str]:
    return textwrap.wrap(
        line,
        WIDTH,
        initial_indent=" " * indent,
        subsequent_indent=" " * (indent + 2),
        break_on_hyphens=False,
    )
