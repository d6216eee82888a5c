"""The answer of a day: verdict, changes, stale inputs, releases, text and JSON."""

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from data_feeds.catalog import Catalog
from data_feeds.clock import DAY_NS, HOUR_NS, utc_text
from data_feeds.delisting import Delisting
from data_feeds.instrument import Instrument
from data_feeds.schema import ChannelKey
from engine.config.load import load_state_config
from engine.config.locations import find_config
from engine.config.market import MarketStateConfig
from engine.playbook import Playbook, PlaybookParams
from engine.testing import candles
from engine.today import TodayReport, Verdict, today_report, today_text
from engine.today.ages import checklist_ages
from engine.today.answer_data import NO_ORDERS
from engine.today.playbook_day import playbook_day
from engine.today.releases_ahead import next_releases, overdue_value
from engine.today.sentences import release_row, working_line
from engine.today.to_last_bar import run_to_last_bar
from tests.data_feeds.factory import ns, series
from tests.engine.today.market_of_days import (
    FIRST,
    LAST,
    ORIGIN,
    PERP,
    SERIES,
    channels,
    made_catalog,
    made_run,
)

RULES = MarketStateConfig()
TUESDAY, SUNDAY = "2026-02-10T23:30", "2026-02-08T15:00"


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Catalog:
    return made_catalog(tmp_path_factory.mktemp("made") / "catalog")


@pytest.fixture(scope="module")
def tuesday(stored: Catalog, tmp_path_factory: pytest.TempPathFactory) -> TodayReport:
    folder = tmp_path_factory.mktemp("runs")
    runs = [made_run(name, folder, stored) for name in ("dip", "break", "book")]
    return today_report(stored, RULES, runs, ns(TUESDAY))


def without(folder: Path, instrument: str, first: str, last: str) -> Catalog:
    """Return the made market without the rows of an instrument known in a stretch."""
    catalog = Catalog(folder)
    for owner, rows in channels():
        known = rows["available_at"]
        hole = (known >= ns(first)) & (known < ns(last)) & (owner.id == instrument)
        catalog.write(owner, [rows.take(~hole)], ORIGIN)
    return catalog


def test_the_verdict_is_the_checklist_s_action(tuesday: TodayReport) -> None:
    assert tuesday.market.day.date == "2026-02-10"
    assert (tuesday.verdict, tuesday.too_old) == (Verdict.WAIT, ())
    for action in ("reduce", "hedge"):
        day = replace(tuesday.market.day, action=action)
        told = replace(tuesday, market=replace(tuesday.market, day=day))
        assert told.verdict == action


def test_text_and_json_say_that_no_order_is_placed(tuesday: TodayReport) -> None:
    assert NO_ORDERS in today_text(tuesday)
    document = tuesday.document()
    assert document["places_orders"] is False
    assert document["note"] == NO_ORDERS


def test_json_has_no_number_that_json_lacks_and_the_answer_first(tuesday: TodayReport) -> None:
    document = json.loads(json.dumps(tuesday.document(), allow_nan=False))
    assert list(document)[:4] == ["verdict", "too_old", "places_orders", "note"]
    assert set(document) == {
        *("verdict", "too_old", "places_orders", "note", "at", "new_york", "data"),
        *("is_synthetic", "market", "playbooks", "inputs", "releases", "fetched"),
    }
    dip = document["playbooks"][0]
    assert {item["name"] for item in dip["conditions"]} >= {"loss", "bounce"}
    for item in dip["conditions"]:
        if item["measured"] is not None and item["threshold"] is not None:
            assert item["away"] == pytest.approx(item["measured"] - item["threshold"])


def test_an_entry_to_send_has_its_stop_and_the_cap_that_bound_it(
    stored: Catalog, tmp_path: Path
) -> None:
    config = made_run("break", tmp_path, stored)
    orders = run_to_last_bar(config, stored, ns(LAST)).result.outcome.orders
    decided = [order.decided_at for order in orders if order.role == "entry"]
    (entry,) = playbook_day(config, stored, decided[-3]).to_send
    assert entry.role == "entry"
    allowed = dict(entry.caps)
    assert entry.binding_cap in allowed
    assert entry.quantity is not None
    assert entry.stop is not None
    assert entry.entry_estimate is not None
    assert entry.multiplier is not None
    assert min(allowed.values()) == allowed[entry.binding_cap]
    # The size is that of the cap times the multiplier, floored to the lot.
    assert 0.99 < entry.quantity / (allowed[entry.binding_cap] * entry.multiplier) <= 1.0
    side = 1 if entry.side == "buy" else -1
    assert side * (entry.entry_estimate - entry.stop) > 0
    assert entry.opens_at == entry.decided_at


def test_a_missing_session_makes_the_answer_too_old(tmp_path: Path) -> None:
    catalog = without(tmp_path / "catalog", "SPY", "2026-02-10", "2026-02-11")
    config = made_run("dip", tmp_path, catalog)
    report = today_report(catalog, RULES, [config], ns(TUESDAY))
    assert report.verdict is Verdict.TOO_OLD
    assert report.too_old == (
        "checklist: SPY/bars/1d ends at 2026-02-09T21:00Z, a later one to 2026-02-10T21:00Z is due",
        "dip: SPY/bars/1d ends at 2026-02-09T21:00Z, a later bar is due",
    )
    text = today_text(report)
    assert "DATA TOO OLD: do not act on this answer." in text
    # The state as of the last bar is told all the same.
    assert "Bars to 2026-02-09T21:00Z" in text


def test_bars_that_ended_long_ago_are_told_as_such(stored: Catalog, tmp_path: Path) -> None:
    config = made_run("dip", tmp_path, stored)
    report = today_report(stored, RULES, [config], ns("2026-06-01T12:00"))
    assert report.verdict is Verdict.TOO_OLD
    assert report.playbooks[0].problem == (
        "SPY/bars/1d ends at 2026-02-13T21:00Z, a later bar is due"
    )
    assert report.playbooks[0].rows_to == "2026-02-13T21:00Z"


def test_a_delisted_fund_is_told_as_such_and_makes_no_answer_too_old(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[object] = []

    def ages(
        cls: type[Playbook], params: PlaybookParams, instruments: Mapping[str, Instrument]
    ) -> Mapping[ChannelKey, int]:
        shown.extend(item.delisted for item in instruments.values())
        return {}

    monkeypatch.setattr(Playbook, "longest_ages", classmethod(ages))
    # IEF's last day is Friday the 6th; the others trade on to the Tuesday that is asked for.
    ended, catalog = Delisting(last_day=date(2026, 2, 6)), Catalog(tmp_path / "catalog")
    for owner, rows in channels():
        gone = owner.id == "IEF"
        record = owner.model_copy(update={"delisted": ended}) if gone else owner
        catalog.write(record, [rows.cut(ns("2026-02-07")) if gone else rows], ORIGIN)
    told = playbook_day(made_run("book", tmp_path, catalog), catalog, ns(TUESDAY))
    assert (told.problem, told.rows_to) == ("", "2026-02-10T21:00Z")
    assert {item.channel for item in told.inputs} == {"QQQ/bars/1d", "SPY/bars/1d"}
    states = {item.instrument: item.state for item in told.instruments}
    assert states["IEF"] == "delisted, trades no more"
    assert states["SPY"] != states["IEF"]
    # No playbook is shown the record.
    assert set(shown) == {None}


def test_bitcoin_s_hours_may_lack_a_few_but_not_a_day(tmp_path: Path) -> None:
    few = without(tmp_path / "few", "BTCUSDT-PERP", "2026-02-10T20:00", "2026-03-01")
    assert today_report(few, RULES, [], ns(TUESDAY)).verdict is Verdict.WAIT
    # A run over hours may lack one bar only.
    run = made_run("break", tmp_path, few)
    assert today_report(few, RULES, [run], ns(TUESDAY)).too_old == (
        "break: BTCUSDT-PERP/bars/1h ends at 2026-02-10T19:00Z, a later bar is due",
    )
    day = without(tmp_path / "day", "BTCUSDT-PERP", "2026-02-09T20:00", "2026-03-01")
    assert today_report(day, RULES, [], ns(TUESDAY)).verdict is Verdict.TOO_OLD


def test_too_few_known_steps_are_no_reason_to_wait(stored: Catalog) -> None:
    strict = load_state_config(find_config("default", "checklist"), ["checklist.least_known=4"])
    report = today_report(stored, strict, [], ns(TUESDAY))
    assert report.verdict is Verdict.TOO_OLD
    assert report.too_old == ("checklist: 3 of 4 steps are known; the checklist needs 4",)


def test_on_a_sunday_bitcoin_goes_on_and_equities_stay(stored: Catalog, tmp_path: Path) -> None:
    runs = [made_run(name, tmp_path, stored) for name in ("dip", "break")]
    report = today_report(stored, RULES, runs, ns(SUNDAY))
    assert not report.too_old
    # 15:00Z is 10:00 in New York: the newest reading is Saturday's.
    assert (report.market.day.date, report.market.compared_with) == ("2026-02-07", "2026-02-06")
    assert report.market.next_at == "2026-02-08T23:30Z"
    dip, breakout = report.playbooks
    assert (dip.rows_to, dip.decided_at) == ("2026-02-06T21:00Z", "2026-02-06T23:30Z")
    assert (breakout.rows_to, breakout.decided_at) == ("2026-02-08T15:00Z",) * 2
    for order in dip.to_send:
        assert order.opens_at == "2026-02-09T14:30Z"


def test_the_morning_after_a_holiday_reads_the_session_before_it(stored: Catalog) -> None:
    report = today_report(stored, RULES, [], ns("2026-01-20T13:00"))
    assert not report.too_old
    ages = {item.channel: item for item in report.inputs}
    # Friday's close, 21:00Z, to Tuesday 13:00Z: 3 days and 16 hours.
    assert ages["SPY/bars/1d"].age_hours == 88
    assert (ages["SPY/bars/1d"].limit_hours, ages["SPY/bars/1d"].is_stale) == (144, False)


def test_an_absent_input_is_stale_and_an_alternative_replaces_it(tuesday: TodayReport) -> None:
    stale = {item.channel: item.why for item in tuesday.inputs if item.is_stale}
    assert stale["BTCUSDT-PERP/funding"] == "not in the data"
    # VIXCLS stands for VIX, DTWEXBGS for DXY: these are held.
    assert not {"VIXCLS/series", "DTWEXBGS/series"} & set(stale)


def test_a_release_is_the_next_by_its_rule_and_weekends_bring_none(stored: Catalog) -> None:
    told = {item.series: item for item in next_releases(stored, RULES, ns(SUNDAY))}
    assert set(told) == {(name,) for name in SERIES}
    # H.15 on Monday at 16:15 New York with Friday's yields.
    yields = told[("DGS10",)]
    assert (yields.at, yields.reference_date) == ("2026-02-09T21:15Z", "2026-02-06")
    # The made dollar index has values of sessions alone, so Sunday evening brings none.
    assert told[("DXY",)].at == "2026-02-09T22:00Z"


def test_announced_earnings_are_told_until_they_pass(tmp_path: Path) -> None:
    catalog = made_catalog(tmp_path / "catalog")
    owner = next(found for found, _ in channels() if found.id == "VIX")
    name = "NVDA-EARNINGS"
    announced = series([ns("2026-02-01")], [ns("2026-02-01")], [20260225.0], name)
    catalog.write(owner.model_copy(update={"id": name}), [announced], ORIGIN)
    found = next_releases(catalog, RULES, ns("2026-02-24T23:30"))
    # The soonest first, the announced dates among the rest.
    assert [item.at for item in found] == sorted(item.at for item in found)
    assert release_row(found[0])[1:] == (name, "announced by the company", "no time of day")
    (line,) = (i for i in next_releases(catalog, RULES, ns(SUNDAY)) if i.series == (name,))
    assert (line.at, line.reference_date) == ("2026-02-25", "2026-02-25")
    later = next_releases(catalog, RULES, ns("2026-02-26"))
    assert (name,) not in [item.series for item in later]


def test_the_position_shown_is_the_last_fill_s(tuesday: TodayReport) -> None:
    book = tuesday.playbooks[2]
    held = {item.instrument: item for item in book.instruments}
    assert set(held) == {"IEF", "QQQ", "SPY"}
    assert all(item.quantity > 0 for item in held.values())
    # Owned: equity is cash and the market values.
    worth = sum(item.value or 0.0 for item in held.values())
    assert book.equity is not None
    assert np.isclose(worth, 0.9 * book.equity, rtol=0.05)


def test_an_order_whose_open_has_passed_is_told_so(stored: Catalog, tmp_path: Path) -> None:
    config = made_run("dip", tmp_path, stored)
    evenings = (ns("2026-01-12T23:30") + day * DAY_NS for day in range(4))
    found = ((at, playbook_day(config, stored, at)) for at in evenings)
    at, told = next((at, day) for at, day in found if any(o.kind == "market" for o in day.to_send))
    (order,) = (order for order in told.to_send if order.kind == "market")
    # New York opens at 14:30Z: 15 hours after the reading.
    assert order.opens_at == utc_text(at + 15 * HOUR_NS)
    assert not order.has_opened
    for hours, passed in ((14, False), (16, True)):
        later = playbook_day(config, stored, at + hours * HOUR_NS)
        assert later.to_send == tuple(replace(o, has_opened=passed) for o in told.to_send)


def test_a_stop_closes_the_position_and_a_target_its_share(stored: Catalog, tmp_path: Path) -> None:
    config = made_run("dip", tmp_path, stored)
    days = (playbook_day(config, stored, ns("2026-01-12T23:30") + n * DAY_NS) for n in range(9))
    day = next(day for day in days if any(order.role == "target" for order in day.working))
    held = day.instruments[0].quantity
    stop = next(order for order in (*day.to_send, *day.working) if order.role == "stop")
    target = next(order for order in day.working if order.role == "target")
    assert (stop.quantity, stop.closes_position) == (held, True)
    assert (target.quantity, target.fraction) == (None, 0.5)
    assert f"sell {held:g} (all) SPY, stop at " in working_line(stop)
    assert "sell 50% of the entry, SPY, target, limit at " in working_line(target)


def test_bars_that_are_made_from_finer_ones_are_as_fresh_as_these(
    stored: Catalog, tmp_path: Path
) -> None:
    finer = Catalog(tmp_path / "finer")
    for owner, rows in channels():
        kept = rows
        if owner.id == PERP.id:
            halves = np.repeat(rows["opened_at"], 2)
            halves[1::2] += HOUR_NS // 2
            table = [np.repeat(rows[name], 2) for name in ("open", "high", "low", "close")]
            kept = candles(np.column_stack(table), timeframe="30m", opened_at=halves.tolist())
        finer.write(owner, [kept], ORIGIN)
    at = ns(TUESDAY)
    told = playbook_day(made_run("break", tmp_path, finer), finer, at)
    assert (told.problem, told.rows_to) == ("", "2026-02-10T23:00Z")
    assert [(item.newest, item.is_stale) for item in told.inputs] == [("2026-02-10T23:30Z", False)]
    assert today_report(finer, RULES, [], at).verdict is not Verdict.TOO_OLD


@pytest.mark.parametrize(
    ("asked", "name", "told"),
    [
        # Martin Luther King Day: no yields. Friday's come on Tuesday.
        ("2026-01-17T15:00", "DGS10", "2026-01-16"),
        ("2026-01-19T15:00", "VIX", "2026-01-20"),
        ("2025-11-26T23:30", "DGS10", "2025-11-26"),
        ("2025-11-26T23:30", "VIX", "2025-11-28"),
        ("2025-10-13T15:00", "DGS10", "2025-10-10"),
        ("2025-10-14T22:00", "DGS10", "2025-10-14"),
        ("2026-02-06T23:30", "DFF", "2026-02-06 to 2026-02-08"),
        ("2026-01-16T23:30", "DFF", "2026-01-16 to 2026-01-19"),
    ],
)
def test_no_release_names_a_day_without_a_value(
    asked: str, name: str, told: str, tmp_path: Path
) -> None:
    catalog = made_catalog(tmp_path / "catalog")
    owner = next(found for found, _ in channels() if found.id == "VIX")
    other = owner.model_copy(update={"id": "DFF", "quote": "percent"})
    # The rate has a value on every day, weekends included.
    known = [ns(FIRST) + n * DAY_NS for n in range(400)]
    rate = series(known, known, [4.0] * len(known), "DFF")
    catalog.write(other, [rate], ORIGIN)
    found = {item.series[0]: item for item in next_releases(catalog, RULES, ns(asked))}
    assert found[name].reference_date == told


@pytest.mark.parametrize(
    ("asked", "overdue"),
    [
        # The 10-year of Monday is published on Tuesday at 16:15 New York, 21:15Z.
        ("2026-02-10T22:10", None),  # within the publisher's hour
        ("2026-02-10T22:20", ("2026-02-09", "2026-02-10T21:15Z")),
    ],
)
def test_a_value_whose_publication_has_passed_is_an_overdue_input(tmp_path, asked, overdue):
    catalog = without(tmp_path / "late", "DGS10", "2026-02-09T21:30", LAST)
    found = overdue_value(catalog, "DGS10", ns(asked))
    assert (found and (found[0], utc_text(found[1]))) == overdue
    (age,) = (i for i in checklist_ages(catalog, RULES, ns(asked)) if i.channel == "DGS10/series")
    # Its newest row is young enough for the limit of age all the same.
    assert age.age_hours is not None
    assert age.limit_hours is not None
    assert age.age_hours < age.limit_hours
    told = "" if overdue is None else "the value of 2026-02-09 was due at 2026-02-10T21:15Z"
    assert (age.is_stale, age.why) == (overdue is not None, told)


def test_a_complete_catalog_owes_no_value_on_any_day(stored):
    days = np.arange("2026-01-05", "2026-02-10", dtype="datetime64[D]")
    owed = [
        (str(day), name, found)
        for day in days
        for name in SERIES
        if (found := overdue_value(stored, name, ns(f"{day}T23:30")))
    ]
    assert owed == []


def test_a_series_without_a_documented_rule_is_never_overdue(stored):
    # The catalog ends in February.
    assert overdue_value(stored, "DXY", ns("2026-06-01")) is None
    assert overdue_value(stored, "DGS10", ns("2026-06-01")) is not None
