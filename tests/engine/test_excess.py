import math
from itertools import pairwise

import numpy as np
import pytest

from data_feeds.clock import DAY_NS, HOUR_NS
from data_feeds.instrument import Wallet
from engine.equity_curve import BillAccruals, EquityCurve
from engine.excess import NO_CHARGES, bill_charges, bill_rates, daily_money
from engine.ledger import Ledger
from engine.metrics import headline, headline_inputs, sharpe
from engine.records import Fact

MONDAY = 20_003 * DAY_NS  # 2024-10-07


def curve_of(at, venue, brokerage, *, owned=None, gross=None):
    at = np.asarray(at, np.int64)
    venue, brokerage = np.asarray(venue, float), np.asarray(brokerage, float)
    zeros = np.zeros(len(at))
    owned = zeros if owned is None else np.asarray(owned, float)
    gross = owned if gross is None else np.asarray(gross, float)
    equity = venue + brokerage + owned
    return EquityCurve(at, equity, venue, brokerage, zeros, owned, gross, zeros)


def bill_of(at, percents, start=MONDAY):
    days = [(b - a) / DAY_NS for a, b in pairwise([start, *at])]
    return BillAccruals(
        "DGS3MO", np.asarray(at, np.int64), np.asarray(percents) / 100, np.asarray(days)
    )


def fact(at, kind, amount, wallet="brokerage"):
    return Fact(1, at, kind, wallet, amount)


def cash_account(ends, rates, *, venue=0.0, brokerage=0.0, pays=()):
    """Return curve and facts of a cash account that earns interest at each end of a day."""
    ledger = Ledger({})
    for wallet, amount in ((Wallet.VENUE, venue), (Wallet.BROKERAGE, brokerage)):
        ledger.deposit(MONDAY, wallet, amount)
    shown = []
    for before, at, rate in zip([MONDAY, *ends], ends, rates, strict=False):
        shown.append((ledger.venue_cash, ledger.brokerage_cash))
        for wallet in pays:
            ledger.interest(at, annual_rate=rate / 100, days=(at - before) / DAY_NS, wallet=wallet)
    return curve_of(ends, *zip(*shown, strict=True)), ledger.facts


def test_the_bill_of_a_day_is_what_cash_is_paid_at_the_end_before_it():
    # 100,000 x 3.65% x 1 / 365 = 10 due on Monday's midnight, shown in Tuesday's mark; the 7.30%
    # known on Tuesday's midnight is due there: 20 of 100,000. Wednesday's own is not paid any more.
    at = [MONDAY + k * DAY_NS for k in (1, 2, 3)]
    curve = curve_of(at, [0, 0, 0], [100_000, 100_000, 101_000])
    bill = bill_of(at, [3.65, 7.30, 9.99])
    money = daily_money(
        curve, (), [bill_charges(curve, bill)], start_equity=100_000.0, start=MONDAY
    )
    assert money.bill.tolist() == pytest.approx([0.0, 10.0, 20.0])
    assert money.excess.tolist() == pytest.approx([0.0, -0.0001, 0.01 - 0.0002])
    assert bill_rates(money.days, curve.at, bill).tolist() == pytest.approx([0, 0.0001, 0.0002])


def test_a_weekend_accrues_its_days_on_the_session_after_it():
    # Closes at 20:00Z on Thursday, Friday, Monday, Tuesday: Monday's accrual covers three days.
    at = [MONDAY + day * DAY_NS + 20 * HOUR_NS for day in (3, 4, 7, 8)]
    curve = curve_of(at, [0] * 4, [36_500] * 4)
    money = daily_money(curve, (), [bill_charges(curve, bill_of(at, [1.0] * 4, at[0] - DAY_NS))])
    # 36,500 x 1% / 365 = 1 a day: Friday shows Thursday's, Monday Friday's, Tuesday three.
    assert money.bill.tolist() == pytest.approx([0, 1, 1, 3])


@pytest.mark.parametrize(
    ("venue", "brokerage", "pays"),
    [
        (0.0, 123_456.78, (Wallet.BROKERAGE,)),
        (54_321.99, 0.0, (Wallet.VENUE,)),
        (54_321.99, 77_777.77, (Wallet.BROKERAGE, Wallet.VENUE)),
    ],
)
def test_the_excess_of_cash_is_zero_to_the_last_bit_and_has_no_ratios(venue, brokerage, pays):
    rng = np.random.default_rng(5)
    # Some UTC days have two ends: an account with New York days may have them.
    ends = (MONDAY + np.cumsum(rng.choice([9, 24, 72], 300)) * HOUR_NS).tolist()
    rates = rng.uniform(0, 6, 300).round(2)
    curve, facts = cash_account(ends, rates, venue=venue, brokerage=brokerage, pays=pays)
    charges = [bill_charges(curve, bill_of(ends, rates))]
    money = daily_money(curve, facts, charges, start_equity=venue + brokerage, start=MONDAY)
    assert money.interest.sum() > 1_000
    assert money.excess.tolist() == [0.0] * len(money.days)
    start = venue + brokerage
    numbers = headline(
        headline_inputs(curve, (), periods_per_year=365, start_equity=start, money=money)
    )
    assert numbers["excess_return"] == numbers["excess_volatility"] == 0.0
    assert all(math.isnan(numbers[name]) for name in ("sharpe", "sortino", "calmar"))
    # Against a bill of zero the same cash would have a meaningless Sharpe ratio.
    assert sharpe(money.values[1:], 365) > 5


def test_trading_and_interest_less_the_bill_are_the_excess():
    # Half of 100,000 earns 3.65%: 5 of the bill's 10 a day. A dividend of 30 and a fee of 2 on the
    # second day, a gain of 50 on a position on the third.
    at = [MONDAY + k * DAY_NS for k in (1, 2, 3)]
    inside = MONDAY + DAY_NS + HOUR_NS
    facts = [
        fact(at[0], "interest", 5.0),
        fact(inside, "dividend", 30.0),
        fact(inside, "fee", -2.0),
        fact(at[1], "interest", 5.0),
    ]
    curve = curve_of(
        at, [50_000] * 3, [50_000, 50_033, 40_038], owned=[0, 0, 10_050], gross=[0, 0, 10_050]
    )
    charges = [bill_charges(curve, bill_of(at, [3.65] * 3))]
    money = daily_money(curve, facts, charges, start_equity=100_000.0, start=MONDAY)
    assert money.trading.tolist() == pytest.approx([0, 28, 50])
    assert money.interest.tolist() == [0, 5, 5]
    assert money.bill.tolist() == pytest.approx([0, 10, 10.0033])
    numbers = headline(
        headline_inputs(curve, (), periods_per_year=365, start_equity=100_000.0, money=money)
    )
    assert numbers["trading_return"] == pytest.approx(0.00078)
    assert numbers["interest_less_bill"] == pytest.approx(-0.000100033)
    assert numbers["excess_return"] == numbers["trading_return"] + numbers["interest_less_bill"]
    total = numbers["trading_return"] + numbers["interest_return"]
    assert total == pytest.approx(100_088 / 100_000 - 1)


def test_a_rate_that_is_not_known_yet_counts_as_zero():
    at = [MONDAY + k * DAY_NS for k in (1, 2, 3)]
    curve = curve_of(at, [0] * 3, [36_500] * 3)
    bill = bill_of(at, [math.nan, 1.0, 1.0])
    money = daily_money(curve, (), [bill_charges(curve, bill)])
    assert money.bill.tolist() == pytest.approx([0, 0, 1])
    assert bill_rates(money.days, curve.at, bill).tolist() == pytest.approx([0, 0, 1 / 36_500])


def test_without_a_bill_the_excess_is_the_return():
    at = [MONDAY + k * DAY_NS for k in (1, 2, 3)]
    curve = curve_of(at, [100, 110, 99], [0, 0, 0])
    money = daily_money(curve, (), [NO_CHARGES], start_equity=100.0)
    assert money.excess.tolist() == pytest.approx([0.0, 0.10, -0.10])
    assert money.returns.tolist() == pytest.approx([0.0, 0.10, -0.10])


def test_an_account_at_zero_stays_there():
    at = [MONDAY + k * DAY_NS for k in (1, 2, 3)]
    curve = curve_of(at, [100, 0, 0], [0, 0, 0], gross=[100, 0, 0])
    charges = [bill_charges(curve, bill_of(at, [3.65] * 3))]
    money = daily_money(curve, (), charges, start_equity=100.0)
    assert money.excess.tolist() == pytest.approx([0.0, -1.0001, 0.0])


def test_accounts_together_owe_the_bills_of_each_at_its_own_ends_of_days():
    # One ends its days at midnight, the other at 20:00Z; 36,500 and 73,000 at 1%: 1 and 2 a day.
    first = [MONDAY + k * DAY_NS for k in (1, 2, 3)]
    second = [MONDAY + k * DAY_NS + 20 * HOUR_NS for k in (0, 1, 2)]
    one = curve_of(first, [0] * 3, [36_500] * 3)
    two = curve_of(second, [0] * 3, [73_000] * 3)
    both = sorted([*first, *second])
    joint = curve_of(both, [0] * 6, [109_500] * 6)
    charges = [
        bill_charges(one, bill_of(first, [1.0] * 3)),
        bill_charges(two, bill_of(second, [1.0] * 3)),
    ]
    money = daily_money(joint, (), charges, start_equity=109_500.0, start=MONDAY)
    # 20 of Monday's 24 hours are due at 20:00Z, before Monday's midnight: 2 x 20 / 24.
    assert money.bill.tolist() == pytest.approx([2 * 20 / 24, 1 + 2, 1 + 2])
