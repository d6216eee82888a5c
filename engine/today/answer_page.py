"""The answer of a day as a page."""

from engine.checklist import day_rows
from engine.pages.html import render
from engine.today import sentences
from engine.today.answer_data import NO_ORDERS, ConditionNow, PlaybookDay, TodayReport

_CONDITIONS = ("condition", "holds", "measured against threshold (distance)", "age", "meaning")
_AGES = ("reader", "channel", "newest row", "age", "limit", "")
_RELEASES = ("at", "series", "of", "")


def today_page(report: TodayReport) -> str:
    """Return the page of a day: the same content as the text, and every condition."""
    market = report.market
    return render(
        "today.html.j2",
        page_title=f"Today: {report.verdict}, {report.at}",
        heading=sentences.answer(report),
        is_synthetic=report.is_synthetic,
        notes=(
            f"{report.new_york} New York ({report.at}). Data: {report.data}.",
            *sentences.fetched(report.fetched),
            NO_ORDERS,
        ),
        too_old=report.too_old,
        summary=sentences.summaries(report),
        reading=sentences.reading(market),
        narrative=market.day.narrative,
        compared_with=market.compared_with,
        changes=sentences.changes(market),
        steps=day_rows(market.day),
        playbooks=[_shown(playbook) for playbook in report.playbooks],
        ages=[_AGES, *(sentences.age_row(item) for item in report.inputs)],
        releases=[_RELEASES, *(sentences.release_row(item) for item in report.releases)],
    )


def _shown(playbook: PlaybookDay) -> dict[str, object]:
    """Return the texts of one playbook's section."""
    ordered = sorted(playbook.conditions, key=lambda item: (not item.required, item.group))
    return {
        "name": playbook.name,
        "title": f"{playbook.name} ({playbook.playbook})",
        "problem": playbook.problem,
        "not_begun": "" if playbook.is_begun else sentences.not_begun(playbook),
        "is_known": bool(playbook.decided_at),
        "begun": f"Bars to {playbook.rows_to}, last decision at {playbook.decided_at}; "
        f"{sentences.begun(playbook)}.",
        "state": sentences.state(playbook),
        "instruments": [
            ("instrument", "state", "last close"),
            *(sentences.instrument_row(item, playbook.currency) for item in playbook.instruments),
        ],
        "to_send": sentences.sent_lines(playbook),
        "refused": playbook.refused,
        "working": [sentences.working_line(order) for order in playbook.working],
        "conditions": [
            _CONDITIONS,
            *((*sentences.condition_row(item), _meaning(item)) for item in ordered),
        ],
    }


def _meaning(item: ConditionNow) -> str:
    return f"{item.description}: {item.because}" if item.because else item.description
