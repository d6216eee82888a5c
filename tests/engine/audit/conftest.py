"""A small run folder made by hand: hourly candles, a few fills, and the resulting books."""

import dataclasses
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from data_feeds.dataset import Dataset
from data_feeds.instrument import Instrument, InstrumentKind
from data_feeds.schema import Channel, ChannelKey, ChannelKind
from engine.audit.daily import DayParts
from engine.audit.metrics import FORMULAS, MeasuredRun
from engine.equity_curve import EquityCurve
from engine.records import Decision, Fact, Fill, GuardEvent, OrderRow, Trade
from engine.run_folder.schema import DailyRow
from engine.trailing_stop import TrailDistance

HOUR = 3_600 * 10**9
START = pd.Timestamp("2026-02-02T00:00Z").as_unit("ns").value
PERP, ETF = "BTCUSDT-PERP", "SPY"
NAN = float("nan")
INSTANTS = ("at", "until")
# One bar before the window, then one an hour from START on: open, high, low, close.
CANDLES = (
    (100.0, 100.0, 100.0, 100.0),
    (100.0, 101.0, 99.0, 100.0),
    (100.0, 104.0, 98.0, 103.0),
    (103.0, 111.0, 102.0, 110.0),
    (110.0, 112.0, 108.0, 109.0),
    (109.0, 109.5, 104.0, 106.0),
    (106.0, 107.0, 105.0, 106.0),
    (106.0, 107.0, 105.0, 106.0),
    (106.0, 106.0, 97.0, 98.0),
    (98.0, 99.0, 97.0, 98.0),
    (98.0, 99.0, 97.0, 98.0),
)
FUNDING = ((3, 0.0001), (7, -0.0002), (9, 0.0003))

CONFIG = """
name: by_hand
data: {source: embedded, start: "2026-02-02T00:00Z", end: "2026-02-02T10:00Z"}
playbook: {name: by_hand}
account: {venue_cash: 10000.0, brokerage_cash: 0.0}
venue:
  maker_fee_bps: 2.0
  taker_fee_bps: 5.0
  commission_bps: 1.0
  liquidation_fee_bps: 125.0
  participation_cap: 0.1
  limit_fill: through
  slippage: {base_bps: 10.0, range_share: 0.0, impact: 0.0}
  maintenance: [{floor: 0, rate: 0.004}]
"""


def hour(number: int) -> int:
    """Return the instant a number of hours after the start."""
    return START + number * HOUR


def bars(
    name: str, kind: ChannelKind, candles: Sequence[tuple[float, ...]], volume: float = 1_000.0
) -> Channel:
    """Return hourly bars from one hour before the start."""
    count = len(candles)
    opened = START + (np.arange(count, dtype=np.int64) - 1) * HOUR
    columns: dict[str, Any] = {"opened_at": opened, "closed_at": opened + HOUR}
    columns["available_at"] = opened + HOUR
    for index, column in enumerate(("open", "high", "low", "close")):
        columns[column] = np.array([candle[index] for candle in candles])
    if kind is ChannelKind.BARS:
        columns["volume"] = np.full(count, volume)
    columns["label"] = np.zeros(count, dtype=np.int8)
    return Channel(ChannelKey(name, kind, "1h"), columns)


def points(name: str, kind: ChannelKind, rows: Sequence[tuple[int, float]], column: str) -> Channel:
    """Return a channel of rows (hours after the start, value)."""
    at = np.array([hour(number) for number, _ in rows], dtype=np.int64)
    values = np.array([value for _, value in rows])
    label = np.zeros(len(rows), dtype=np.int8)
    columns = {"event_at": at, "available_at": at, column: values, "label": label}
    return Channel(ChannelKey(name, kind), columns)


def perp_market(candles: Sequence[tuple[float, ...]] = CANDLES) -> Dataset:
    """Return the perp with marks equal to its last prices."""
    perp = Instrument(
        id=PERP, kind=InstrumentKind.PERP, tick_size=0.1, lot_size=0.001, min_notional=5
    )
    channels = (
        bars(PERP, ChannelKind.BARS, candles),
        bars(PERP, ChannelKind.MARK, candles),
        points(PERP, ChannelKind.FUNDING, FUNDING, "rate"),
    )
    return Dataset({PERP: perp}, {channel.key: channel for channel in channels})


class HandMade:
    """The tables of a run. Fills are given in full; cash and curve are sums of facts."""

    def __init__(
        self, data: Dataset, config: str = CONFIG, *, venue: float = 10_000.0, broker: float = 0.0
    ) -> None:
        self.data = data
        self.config = config
        # The day's trading result, quote; None: the result by the curve.
        self.gain: float | None = None
        self.tables: dict[str, list[dict[str, Any]]] = {
            "orders": [], "fills": [], "ledger": [], "equity": [], "trades": [],
            "journal_decisions": [], "guards": [], "trail_distances": [],
            "journal_account": [{"instrument": PERP, "from_at": hour(0), "until_at": hour(10)}],
        }  # fmt: skip
        for wallet, amount in (("venue", venue), ("brokerage", broker)):
            if amount:
                self.fact("deposit", hour(0), amount, wallet=wallet, instrument="")

    def _add(self, table: str, row_type: type, values: dict[str, Any]) -> dict[str, Any]:
        names = [field.name for field in dataclasses.fields(row_type) if field.name != "caps"]
        row = {name: values[name] for name in names}
        row |= {name: value for name, value in values.items() if name.startswith("cap_")}
        self.tables[table].append(row)
        return row

    def fact(self, kind: str, at: int, amount: float, **more: Any) -> None:
        values = {
            "fact_id": len(self.tables["ledger"]) + 1, "at": at, "kind": kind, "wallet": "venue",
            "amount": amount, "instrument": PERP, "plan_id": 0, "fill_id": 0, "quantity": NAN,
            "price": NAN, "rate": NAN, "from_margin": 0.0, "memo": False, "inferred": False,
            "account_rate": 1.0,
        }  # fmt: skip
        self._add("ledger", Fact, values | more)

    def decide(self, at: int, plan_id: int, quantity: float, **more: Any) -> None:
        values = {
            "decision_id": len(self.tables["journal_decisions"]) + 1, "plan_id": plan_id,
            "decided_at": at, "instrument": PERP, "intent": "enter", "direction": 1,
            "outcome": "approved", "blocked_by": "", "reason": "by hand", "equity": 10_000.0,
            "drawdown": 0.0, "tier": "normal", "entry_estimate": 100.0, "stop": 95.0,
            "risk_per_unit": 5.0, "binding_cap": "risk", "multiplier": 1.0, "market_tier": "",
            "quantity": quantity,
            "leverage_setting": 5, "setup": "", "cap_risk": quantity, "cap_leverage": 1_000.0,
        }  # fmt: skip
        self._add("journal_decisions", Decision, values | more)

    def order(self, role: str, side: int, quantity: float, price: float, **more: Any) -> None:
        decision = self.tables["journal_decisions"][-1]
        kinds = {"stop": "stop", "target": "limit"}
        values = {
            "order_id": len(self.tables["orders"]) + 1, "plan_id": decision["plan_id"],
            "decision_id": decision["decision_id"], "instrument": decision["instrument"],
            "role": role, "kind": kinds.get(role, "market"), "side": side, "quantity": quantity,
            "price": price, "fraction": NAN, "leverage_setting": decision["leverage_setting"],
            "slippage_multiplier": 1.0, "spend_limit": NAN, "risk_limit": NAN,
            "decided_at": decision["decided_at"], "status": "filled", "filled": 0.0,
            "ended_at": 0, "end_reason": "", "reason": "by hand", "trail_moved": "",
            "trail_distance": NAN, "trail_fraction": NAN, "trail_signal": "", "trail_beyond": NAN,
            "best_price": NAN, "best_at": 0, "last_level": NAN,
        }  # fmt: skip
        self._add("orders", OrderRow, values | more)

    def fill(self, order_id: int, stage: str, bar: int, quantity: float, **more: Any) -> None:
        """Add a fill in the bar that opens ``bar`` hours after the start, with its ledger facts."""
        order = self.tables["orders"][order_id - 1]
        values = {
            "fill_id": len(self.tables["fills"]) + 1, "order_id": order_id,
            "plan_id": order["plan_id"], "instrument": order["instrument"], "role": order["role"],
            "stage": stage, "at": hour(bar if stage == "open" else bar + 1),
            "bar_opened_at": hour(bar), "bar_closed_at": hour(bar + 1), "quantity": quantity,
            "slippage": 0.001, "liquidity": "taker", "fee_rate": 0.0005, "realized": 0.0,
            "average_entry_after": NAN, "isolated_margin_after": 0.0,
            "inferred": stage == "range", "reason": "by hand",
        }  # fmt: skip
        row = self._add("fills", Fill, values | more)
        order["filled"] += abs(quantity)
        order["ended_at"] = row["at"]
        links = {name: row[name] for name in ("instrument", "plan_id", "fill_id")}
        traded = more.get("booked", row["realized"])
        wallet = more.get("wallet", "venue")
        size = {"quantity": quantity, "price": row["price"]}
        self.fact("trade", row["at"], traded, wallet=wallet, **size, **links)
        kind = "liquidation_fee" if row["role"] == "liquidation" else "fee"
        self.fact(kind, row["at"], -row["fee"], wallet=wallet, rate=row["fee_rate"], **links)

    def point(
        self, at: int, venue: float, quantity: float = 0.0, average: float = 0.0, mark: float = 0.0
    ) -> None:
        """Add a row of the curve of a run that holds at most one perp."""
        unrealized = quantity * (mark - average)
        values = {
            "at": at, "equity": venue + unrealized, "venue_cash": venue, "brokerage_cash": 0.0,
            "unrealized": unrealized, "owned": 0.0, "gross_notional": abs(quantity) * mark,
            "transit_cash": 0.0, "venue_value": venue, "brokerage_value": 0.0,
            "transit_value": 0.0, "revaluation": 0.0,
        }  # fmt: skip
        self._add("equity", EquityCurve, values)

    def trade(self, **values: Any) -> None:
        """Add a trade; columns that the audit does not derive need no value."""
        unread = {
            "setup": "", "duration_hours": NAN, "bars_held": 0, "initial_stop": NAN,
            "leverage_setting": 5, "exit_roles": "", "exit_reason": "",
        }  # fmt: skip
        number = {"trade_id": len(self.tables["trades"]) + 1}
        self._add("trades", Trade, unread | number | values)

    def write(self, folder: Path) -> Path:
        """Write the run folder."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "config.resolved.yaml").write_text(self.config)
        channels = {str(key): {"rows": len(held)} for key, held in self.data.channels.items()}
        manifest = {
            "name": "by_hand",
            "playbook": "by_hand",
            "data_label": "synthetic",
            "window": {},
            "not_reusable": [],
            "channels": channels,
            "inputs": {"data_sha256": self.data.fingerprint},
        }
        (folder / "manifest.json").write_text(json.dumps(manifest))
        for table in self.tables:
            self.write_table(folder, table, self.tables[table])
        # These are the audit's own numbers; test_metrics checks them by hand.
        numbers = {name: formula(self.measured()) for name, formula in FORMULAS.items()}
        known = {name: None if np.isnan(value) else value for name, value in numbers.items()}
        (folder / "metrics.json").write_text(json.dumps(known))
        self._write_daily(folder)
        return folder

    def _write_daily(self, folder: Path) -> None:
        of = self.measured()
        rows = [
            {
                "day": (pd.Timestamp(0) + pd.Timedelta(days=day)).date(),
                "equity_before": before,
                "equity_after": after,
                "trading": sum(of.parts[day].trading),
                "interest": 0.0,
                "bill": 0.0,
                "revaluation": 0.0,
            }
            for day, before, after in zip(of.day_ends, of.path, of.path[1:], strict=False)
        ]
        names = [field.name for field in dataclasses.fields(DailyRow)]
        pd.DataFrame(rows, columns=names).to_parquet(folder / "daily.parquet", index=False)

    def measured(self) -> MeasuredRun:
        """Return the inputs of the headline numbers."""
        names = [field.name for field in dataclasses.fields(EquityCurve)]
        rows = self.tables["equity"]
        curve = {name: np.array([row[name] for row in rows]) for name in names}
        deposits = [row["amount"] for row in self.tables["ledger"] if row["kind"] == "deposit"]
        path = [sum(deposits), *(row["equity"] for row in rows)]
        # The tests' curves lie in one day.
        days = {(at - 1) // (24 * HOUR) for at in curve["at"].tolist() if at > hour(0)}
        gain = path[-1] - path[0] if self.gain is None else self.gain
        return MeasuredRun(
            start_equity=sum(deposits),
            start=hour(0),
            end=hour(10),
            curve=EquityCurve(**curve),
            trades=[Trade(**row) for row in self.tables["trades"]],
            traded=[abs(row["quantity"]) * row["price"] for row in self.tables["fills"]],
            periods=365,
            parts={day: DayParts([gain]) for day in sorted(days)},
        )

    @staticmethod
    def write_table(folder: Path, table: str, rows: Sequence[dict[str, Any]]) -> None:
        """Write one table; an instant of 0 is an empty cell."""
        of = TrailDistance if table == "trail_distances" else GuardEvent
        columns = [field.name for field in dataclasses.fields(of)]
        frame = pd.DataFrame(rows) if rows else pd.DataFrame(columns=columns)
        for name in frame.columns:
            if name in INSTANTS or name.endswith("_at"):
                cells = pd.Series(frame[name].to_numpy(dtype=np.int64), dtype="datetime64[ns]")
                frame[name] = cells.where(cells.astype("int64") > 0).dt.tz_localize("UTC")
        frame.to_parquet(folder / f"{table}.parquet", index=False)


def by_hand() -> HandMade:
    """Return two plans: one takes a target and a moved stop, the other is liquidated.

    Slippage is 10 bps flat, fees 5 bps taker and 2 bps maker, the tick 0.1.

    Plan 1: buys 10 at 100 x 1.001 = 100.1, margin 10 x 100.1 / 5 = 200.2; sells 5 at the target 110
    (+5 x 9.9 = 49.5) and 5 at the moved stop, 105 x 0.999 = 104.895, down to 104.8 (+23.5).
    Plan 2: buys 20 at 106 x 1.001 = 106.106, up to 106.2, margin 20 x 106.2 / 20 = 106.2;
    liquidated at (2124 - 106.2) / (20 x 0.996) = 101.29518..., filled at x 0.999 down to 101.1:
    -20 x 5.1 = -102, so 4.2 of margin are left for a fee of 20 x 101.1 x 1.25% = 25.275.
    """
    run = HandMade(perp_market())
    run.decide(hour(1), 1, 10.0)
    run.order("entry", 1, 10.0, NAN)
    run.order("stop", -1, NAN, 95.0, status="cancelled", ended_at=hour(4))
    run.order("target", -1, NAN, 110.0, fraction=0.5)
    run.order("target", -1, NAN, 120.0, fraction=0.5, status="cancelled", ended_at=hour(5))
    run.fill(1, "open", 1, 10.0, price=100.1, raw_price=100.0, fee=0.5005, position_after=10.0,
             average_entry_after=100.1, isolated_margin_after=200.2)  # fmt: skip
    run.decide(hour(2), 0, 0.0, outcome="blocked", blocked_by="open plan",
               equity=10_000 - 0.5005 + 10 * (103 - 100.1))  # fmt: skip
    run.fill(3, "range", 2, -5.0, price=110.0, raw_price=110.0, slippage=0.0, liquidity="maker",
             fee_rate=0.0002, fee=0.11, realized=49.5, position_after=5.0,
             average_entry_after=100.1, isolated_margin_after=100.1)  # fmt: skip
    # 5 x 110 x 0.0001 = 0.055, paid by the long.
    run.fact("funding", hour(3), -0.055, plan_id=1, quantity=5.0, price=110.0, rate=0.0001)
    cash = 10_000 - 0.5005 + 49.5 - 0.11
    run.decide(hour(4), 1, 5.0, intent="move_stop", stop=105.0,
               equity=cash - 0.055 + 5 * (109 - 100.1))  # fmt: skip
    run.order("stop", -1, NAN, 105.0)
    run.fill(5, "range", 4, -5.0, price=104.8, raw_price=105.0, fee=0.262, realized=23.5,
             position_after=0.0)  # fmt: skip
    first = cash - 0.055 + 23.5 - 0.262
    run.decide(hour(6), 2, 20.0, stop=90.0, entry_estimate=106.0, leverage_setting=20, equity=first)
    run.order("entry", 1, 20.0, NAN)
    run.order("stop", -1, NAN, 90.0, status="cancelled", ended_at=hour(8))
    run.order("target", -1, NAN, 130.0, fraction=1.0, status="cancelled", ended_at=hour(8))
    run.order("liquidation", -1, NAN, NAN, decision_id=0, decided_at=hour(7))
    run.fill(6, "open", 6, 20.0, price=106.2, raw_price=106.0, fee=1.062, position_after=20.0,
             average_entry_after=106.2, isolated_margin_after=106.2)  # fmt: skip
    # 20 x 106 x 0.0002 = 0.424, received.
    run.fact("funding", hour(7), 0.424, plan_id=2, quantity=20.0, price=106.0, rate=-0.0002)
    run.fill(9, "range", 7, -20.0, price=101.1, raw_price=2017.8 / 19.92, fee_rate=0.0125, fee=4.2,
             realized=-102.0, position_after=0.0)  # fmt: skip
    run.fact("venue_loss", hour(8), 21.075, plan_id=2, fill_id=5, memo=True)
    second = first - 1.062 + 0.424 - 102 - 4.2
    for number in (0, 1):
        run.point(hour(number), 10_000)
    run.point(hour(2), 10_000 - 0.5005, 10, 100.1, 103)
    run.point(hour(3), cash, 5, 100.1, 110)
    run.point(hour(4), cash - 0.055, 5, 100.1, 109)
    run.point(hour(5), first)
    run.point(hour(6), first)
    run.point(hour(7), first - 1.062, 20, 106.2, 106)
    for number in (8, 9, 10):
        run.point(hour(number), second)
    run.trade(
        plan_id=1, decision_id=1, instrument=PERP, direction=1, entered_at=hour(1),
        exited_at=hour(5), quantity=10.0, tranches=1, average_entry=100.1, average_exit=107.4,
        initial_risk=51.0, gross_pnl=73.0, fees=0.8725, liquidation_fee=0.0, funding=-0.055,
        income=0.0, borrow_carry=0.0,
        slippage_cost=2.0, net_pnl=72.0725, r_multiple=72.0725 / 51, liquidated=False,
        open_at_end=False,
    )  # fmt: skip
    run.trade(
        plan_id=2, decision_id=4, instrument=PERP, direction=1, entered_at=hour(6),
        exited_at=hour(8), quantity=20.0, tranches=1, average_entry=106.2, average_exit=101.1,
        initial_risk=324.0, gross_pnl=-102.0, fees=5.262, liquidation_fee=4.2, funding=0.424,
        income=0.0, borrow_carry=0.0,
        slippage_cost=20 * (0.2 + 2017.8 / 19.92 - 101.1), net_pnl=-106.838,
        r_multiple=-106.838 / 324, liquidated=True, open_at_end=False,
    )  # fmt: skip
    run.gain = run.tables["equity"][-1]["equity"] - 10_000.0
    return run


@pytest.fixture
def new_run() -> Callable[[], HandMade]:
    return by_hand


@pytest.fixture(scope="session")
def hand_made_type() -> type[HandMade]:
    return HandMade
