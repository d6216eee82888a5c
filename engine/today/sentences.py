"""The words of a day's answer, which text and page share."""

from engine.checklist import DayReport
from engine.config.market import ChecklistStep
from engine.formatting import in_unit, money, number, percent
from engine.today.answer_data import (
    CashToSend,
    ConditionNow,
    FetchedRows,
    Flip,
    InputAge,
    InstrumentNow,
    MarketDay,
    NextRelease,
    OrderNow,
    PlaybookDay,
    TodayReport,
    Verdict,
)

_ANSWERS = {
    Verdict.WAIT: "WAIT: the checklist asks for nothing.",
    Verdict.REDUCE: "REDUCE: the checklist asks for less risk.",
    Verdict.HEDGE: "HEDGE: the checklist asks for hedges.",
    Verdict.TOO_OLD: "DATA TOO OLD: do not act on this answer.",
}
# Significant digits of a measured number and of its distance to the threshold.
MEASURED_DIGITS, DISTANCE_DIGITS = 4, 3


def answer(report: TodayReport) -> str:
    """Return the answer in one sentence, and how many steps it rests on where some are unknown."""
    day = report.market.day
    if report.verdict is Verdict.TOO_OLD or day.known_steps == len(day.steps):
        return _ANSWERS[report.verdict]
    known = f"{day.known_steps} of {len(day.steps)} steps are known"
    return f"{_ANSWERS[report.verdict].removesuffix('.')}; {known}."


def fetched(rows: FetchedRows | None) -> list[str]:
    """Say which rows were fetched and which sources failed, a sentence each."""
    if rows is None:
        return ["Nothing was fetched: the answer is from stored rows."]
    grown = sum(count > 0 for count in rows.rows.values())
    lines = [f"Fetched {sum(rows.rows.values())} new rows of {grown} of {len(rows.rows)} channels."]
    return lines + [
        f"FAILED {problem}; the answer is from stored rows." for problem in rows.problems
    ]


def reading(market: MarketDay) -> str:
    """Return when the checklist was read, and when it is read next."""
    return (
        f"Checklist of {market.day.date}, read at {market.clock} New York "
        f"({market.day.known_at}); the next reading is at {market.next_at}."
    )


def changes(market: MarketDay) -> list[str]:
    """Return the changes since the reading of the day before, a sentence each."""
    lines = [f"{label}: {before} -> {now}" for label, before, now in market.changes]
    lines += [flip_words(flip) for flip in market.flips]
    return lines or ["nothing: no label and no condition"]


def flip_words(flip: Flip) -> str:
    """Return a condition that changed, with its number against its threshold.

    >>> flip_words(Flip("vix_elevated", "no", "yes", 21.5, 20.0, "points", "VIX is elevated"))
    'vix_elevated: no -> yes, 21.5 against 20 points (+1.5)'
    """
    numbers = compared(flip.measured, flip.threshold, flip.unit)
    name = f"step {ChecklistStep(flip.name).heading}" if flip.name in _STEPS else flip.name
    return f"{name}: {flip.before} -> {flip.now}{', ' if numbers else ''}{numbers}"


_STEPS = {step.value for step in ChecklistStep}


def compared(measured: float | None, threshold: float | None, unit: str) -> str:
    """Return a number against its threshold and the signed distance, in one unit.

    >>> compared(-0.0609, -0.08, "fraction")
    '-6.09% against -8% (+1.91 points)'
    >>> compared(3.0, None, "signs"), compared(None, 1.0, "x")
    ('3 signs', '')
    """
    if measured is None:
        return ""
    # A funding rate is a fraction of notional and reads like one.
    unit = "fraction" if unit == "rate" else unit
    if threshold is None:
        (shown,), word = in_unit((measured,), unit, MEASURED_DIGITS)
        return f"{shown}%" if word == "%" else f"{shown} {word}".rstrip()
    # All three in one unit, so that a reader can add them.
    both = (measured, threshold)
    (shown, beside), word = in_unit(both, unit, MEASURED_DIGITS)
    scale = {"%": 100.0, "bp": 10_000.0}.get(word, 1.0) if unit == "fraction" else 1.0
    away = (measured - threshold) * scale
    distance = f"{'+' if away > 0 else ''}{number(away, DISTANCE_DIGITS)}"
    if word == "%":
        return f"{shown}% against {beside}% ({distance} points)"
    return f"{shown} against {beside} {word}".rstrip() + f" ({distance})"


def step_line(day: DayReport, place: int) -> tuple[str, str, str]:
    """Return a step of the checklist: its heading, its truth, the conditions that hold in it."""
    step, read = day.steps[place]
    held = ", ".join(line.name for line in read if line.truth == "yes")
    return ChecklistStep(step.name).heading, step.truth, held or "no condition holds"


def summaries(report: TodayReport) -> list[str]:
    """Return a line for each playbook with an answer: whether it holds anything, what it sends."""
    return [summary_line(playbook) for playbook in report.playbooks if not playbook.problem]


def summary_line(playbook: PlaybookDay) -> str:
    """Return one playbook in a line: its position, its stage, how much it sends."""
    if not playbook.is_begun:
        return f"{playbook.name}: {not_begun(playbook)}"
    held = sum(item.quantity != 0 for item in playbook.instruments)
    counts = (
        (len(playbook.to_send), "order"),
        (len(playbook.to_cancel), "cancellation"),
        (len(playbook.transfers), "transfer"),
    )
    sent = [f"{count} {word}{'s' * (count > 1)}" for count, word in counts if count]
    passed = sum(_has_passed(order) for order in playbook.to_send)
    if passed:
        opens = "an open that has passed" if passed == 1 else "opens that have passed"
        sent[0] += f", of which {passed} at {opens},"
    position = f"holds {held} of {len(playbook.instruments)} instruments" if held else "flat"
    stage = f", stage {playbook.stage}" if playbook.stage else ""
    told = " and ".join(sent).removesuffix(",") or "nothing"
    return f"{playbook.name}: {position}{stage}; {told} to send"


def _has_passed(order: OrderNow) -> bool:
    return order.kind == "market" and order.has_opened


def not_begun(playbook: PlaybookDay) -> str:
    """Return when a run begins that has not begun."""
    return f"not begun; the run begins at {playbook.begun_at}, see data.start"


def state(playbook: PlaybookDay) -> str:
    """Return the playbook's state in one sentence: position or not, setup, stage, conditions."""
    held = [item for item in playbook.instruments if item.quantity]
    parts = [f"holds {len(held)} of {len(playbook.instruments)} instruments" if held else "flat"]
    if playbook.setup:
        parts.append(f"setup {playbook.setup}")
    if playbook.stage:
        parts.append(f"stage: {playbook.stage}")
    entry = entry_words(playbook.conditions)
    return "; ".join([*parts, *([entry] if entry else [])])


def entry_words(conditions: tuple[ConditionNow, ...]) -> str:
    """Return how many required conditions hold, by group, and which are missing."""
    told = []
    required = [item for item in conditions if item.required]
    groups = list(dict.fromkeys(item.group for item in required if item.group)) or [""]
    for group in groups:
        own = [item for item in required if item.group in ("", group)]
        if not own:
            continue
        lacking = [item.name for item in own if item.truth in ("no", "unknown")]
        of = f" of {group}" if group else ""
        told.append(
            f"{len(own) - len(lacking)} of {len(own)} required conditions{of} hold"
            + (f", not {', '.join(lacking)}" if lacking else "")
        )
    return "; ".join(told)


def begun(playbook: PlaybookDay) -> str:
    """Return the start of the account and the cash that it began with."""
    cash = [
        f"{money(amount)} {currency} {wallet}".replace("  ", " ")
        for amount, currency, wallet in (
            (playbook.venue_cash, playbook.venue_currency, "at the venue"),
            (playbook.brokerage_cash, playbook.brokerage_currency, "at the broker"),
        )
        if amount
    ]
    text = f"account begun flat {playbook.begun_at} with {' and '.join(cash) or 'no cash'}"
    if playbook.equity is None:
        return text
    text = f"{text}, equity now {money(playbook.equity)} {playbook.currency}".rstrip()
    if not playbook.in_transit:
        return text
    transit = f"{money(playbook.in_transit)} {playbook.currency}".rstrip()
    return f"{text}, of which {transit} is in transit between the wallets"


def condition_row(item: ConditionNow) -> tuple[str, str, str, str]:
    """Return a condition: name, truth, number against threshold with distance, age of inputs."""
    age = "" if item.age_hours is None else hours(item.age_hours)
    truth = item.truth if item.truth != "no" or not item.required else "NO"
    return item.name, truth, compared(item.measured, item.threshold, item.unit), age


def hours(count: float | None) -> str:
    """Return a number of hours; days from two days on.

    >>> hours(3.5), hours(66.5), hours(None)
    ('3.5h', '2.77d', '-')
    """
    if count is None:
        return "-"
    return f"{number(count, 3)}h" if abs(count) < 48 else f"{number(count / 24, 3)}d"


def instrument_row(item: InstrumentNow, currency: str) -> tuple[str, str, str]:
    """Return an instrument: its state, its position, its last close."""
    held = item.state
    if item.quantity:
        kind = "open profit" if item.is_margined else "worth"
        worth = "" if item.value is None else f", {kind} {money(item.value)} {currency}".rstrip()
        held = f"holds {number(item.quantity)} from {number(item.average_entry)}{worth}"
    elif item.detail:
        held = f"{held} ({item.detail})"
    price = f"{number(item.close)} {item.price_unit}".rstrip()
    return item.instrument, held, f"close {price} at {item.closed_at}"


def sent_lines(playbook: PlaybookDay) -> list[list[str]]:
    """Return all that is to be sent, each with its details: orders, cancellations, transfers."""
    currency = playbook.currency
    return [
        *(order_lines(order, currency) for order in playbook.to_send),
        *([f"cancel {_order(order)}, since {order.decided_at}"] for order in playbook.to_cancel),
        *([transfer_line(item, currency)] for item in playbook.transfers),
    ]


def order_lines(order: OrderNow, currency: str) -> list[str]:
    """Return an order to send: what, how much, when, its stop and targets, what bound its size.

    Of a stop that moved it says from which level to which.
    """
    if order.moved_from is not None:
        before, now = number(order.moved_from, 8), number(order.price, 8)
        size = "the whole position" if order.quantity is None else number(order.quantity)
        return [f"move {order.role} of {size} {order.instrument} from {before} to {now}"]
    when = ""
    if order.kind == "market":
        when = f", at the open of {order.opens_at}{', which has passed' * order.has_opened}"
    why = f" ({order.reason})" if order.reason else ""
    head = f"{_order(order)}{when}; decided {order.decided_at}{why}"
    return [head, *_plan_lines(order, currency), *_size_lines(order)]


def _order(order: OrderNow) -> str:
    """Return side, size, instrument, role, type and level of an order."""
    if order.quantity is not None:
        size = f"{number(order.quantity)}{' (all)' * order.closes_position}"
    elif order.fraction is not None:
        size = f"{percent(order.fraction, 0)} of the entry,"
    else:
        size = "the whole position,"
    kind = "" if order.kind == order.role else f", {order.kind}"
    level = "" if order.price is None else f" at {number(order.price, 8)}"
    return f"{order.side} {size} {order.instrument}, {order.role}{kind}{level}"


def _plan_lines(order: OrderNow, currency: str) -> list[str]:
    if order.stop is None and not order.targets:
        return []
    told = []
    if order.stop is not None:
        told.append(f"stop {number(order.stop, 8)}")
    told += [
        f"target {number(price, 8)} for {percent(fraction, 0)}" for price, fraction in order.targets
    ]
    if order.risk_at_stop is not None:
        lost = f"{money(order.risk_at_stop)} {currency}".rstrip()
        told.append(f"{lost} lost at the stop, costs included")
    if order.leverage_setting:
        told.append(f"leverage setting {order.leverage_setting}")
    return ["; ".join(told)]


def _size_lines(order: OrderNow) -> list[str]:
    if not order.caps:
        return []
    allowed = dict(order.caps)
    least = allowed.get(order.binding_cap, min(allowed.values()))
    bound = f"size bound by {order.binding_cap or 'no cap'}, which allows {number(least)}"
    larger = min(((size, name) for name, size in order.caps if size > least), default=None)
    beside = "" if larger is None else f"; the next cap is {larger[1]}, {number(larger[0])}"
    factor = ""
    if order.multiplier is not None and order.multiplier != 1.0:
        tiers = [f"account tier {order.tier}"] if order.tier else []
        tiers += [f"market tier {order.market_tier}"] if order.market_tier else []
        because = f" (playbook's size, {' and '.join(tiers)})" if tiers else ""
        factor = f"; times {number(order.multiplier)}{because}"
    return [f"{bound}{beside}{factor}"]


def transfer_line(item: CashToSend, currency: str) -> str:
    """Return a transfer of cash between the wallets, in the account's currency."""
    amount = f"{money(item.amount)} {currency}".rstrip()
    return f"transfer {amount} to the {item.to} wallet ({item.reason})"


def working_line(order: OrderNow) -> str:
    """Return an order that works at the venue since an earlier decision."""
    return f"{_order(order)}, since {order.decided_at}"


def age_row(item: InputAge) -> tuple[str, str, str, str, str, str]:
    """Return an input: who reads it, its newest row, its age, the limit, what is wrong."""
    return (
        item.reader,
        item.channel,
        item.newest or "-",
        hours(item.age_hours),
        hours(item.limit_hours),
        item.why,
    )


def release_row(item: NextRelease) -> tuple[str, str, str, str]:
    """Return a release: its instant, series, the date of the values, whether it is documented."""
    known = "" if item.is_confirmed else "time assumed"
    if item.at == item.reference_date:
        return item.at, ", ".join(item.series), "announced by the company", "no time of day"
    return item.at, ", ".join(item.series), f"values of {item.reference_date}", known
