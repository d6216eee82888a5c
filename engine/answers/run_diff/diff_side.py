"""One of two runs that are compared: its rows by the keys that the comparison looks up."""

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from data_feeds.errors import YamlError
from data_feeds.instrument import Instrument
from data_feeds.yaml_text import load_yaml
from engine.answers.account_money import rates_of_fills
from engine.contracts import contract_of
from engine.decision_terms import RISK_ADDING
from engine.errors import ReportError
from engine.records import OrderRole
from engine.results.failing import required_groups
from engine.run_folder.read import Row, RunFolder, check_is_run
from engine.run_folder.schema import (
    ACCOUNT_STATES,
    CONDITION_ROWS,
    CONFIG_FILE,
    DECISION_ROWS,
    DECISIONS,
    FILLS,
    FORMAT,
    GUARDS,
    LEDGER,
    ORDERS,
    TRADES,
    unreadable,
)
from engine.run_folder.seals import check_seals, folder_format

# The first format that can be compared; the tables are read column by column, so that a folder
# with fewer or more columns than today's can be read. Check `engine/answers/run_diff` before a new
# format changes the meaning of a column.
OLDEST_FORMAT = 3
# Keys of the venue that cost nothing by themselves.
_NO_COST = frozenset({"name", "general", "limit_fill", "maintenance", "participation_cap"})
SAME = 1e-9  # fraction; the sum of the same numbers in another order differs by less
ENTRY = OrderRole.ENTRY.value


class DiffSide:
    """Give one run's rows to the comparison.

    Parameters
    ----------
    folder : the run's folder, of this format or an earlier one
    letter : ``A`` or ``B``, as texts call the run

    Raises
    ------
    ReportError : the folder is not a run's, its format is unknown, or a data file is missing,
        altered or was added.
    """

    def __init__(self, folder: Path, letter: str) -> None:
        self.letter = letter
        check_is_run(folder)
        self.format = folder_format(folder)
        if not isinstance(self.format, int) or not OLDEST_FORMAT <= self.format <= FORMAT:
            raise ReportError(
                f"{folder}: the folder has format {self.format!r}, and formats {OLDEST_FORMAT} to "
                f"{FORMAT} can be compared; run again with this riskoff"
            )
        check_seals(folder, formats=(self.format,))
        self.files = RunFolder(folder, sealed=False)

    def rows(self, table: str) -> list[Row]:
        """Return a table's rows; columns of other formats may be absent."""
        return self.files.rows(table)

    @cached_property
    def trades(self) -> list[Row]:
        """The trades, in the order of their first fill."""
        return self.rows(TRADES.name)

    @cached_property
    def config(self) -> Mapping[str, Any]:
        """The configuration as it is written, not validated: an old file may have other keys."""
        path = self.files.folder / CONFIG_FILE
        try:
            document = load_yaml(path).data
        except YamlError as error:
            raise unreadable(path, error) from error
        if not isinstance(document, Mapping):
            raise unreadable(path, "no mapping")
        return document

    @cached_property
    def decision_by_id(self) -> Mapping[int, Row]:
        """The risk decisions by their id."""
        return {row["decision_id"]: row for row in self.rows(DECISIONS.name)}

    @cached_property
    def asked_at(self) -> Mapping[tuple[str, datetime], list[Row]]:
        """The decisions that asked for more risk, by instrument and instant."""
        asked = (row for row in self.rows(DECISIONS.name) if row["intent"] in RISK_ADDING)
        return _grouped(asked, lambda row: (row["instrument"], row["decided_at"]))

    @cached_property
    def orders_of_decision(self) -> Mapping[int, list[Row]]:
        """The orders by the id of their decision."""
        return _grouped(self.rows(ORDERS.name), lambda row: row["decision_id"])

    @cached_property
    def order_by_id(self) -> Mapping[int, Row]:
        """The orders by their id."""
        return {row["order_id"]: row for row in self.rows(ORDERS.name)}

    @cached_property
    def fills_of_plan(self) -> Mapping[int, list[Row]]:
        """The fills by plan, in the order of time."""
        return _grouped(self.rows(FILLS.name), lambda row: row["plan_id"])

    @cached_property
    def facts_of_plan(self) -> Mapping[int, list[Row]]:
        """The ledger's facts that move cash, by plan; 0: of no plan."""
        facts = (row for row in self.rows(LEDGER.name) if not row["memo"])
        return _grouped(facts, lambda row: row["plan_id"])

    @cached_property
    def rate_of_fill(self) -> Mapping[int, float]:
        """The value of the settlement currency at each fill, in the account's currency."""
        return rates_of_fills(self.rows(LEDGER.name))

    @cached_property
    def journal_at(self) -> Mapping[datetime, Row]:
        """The rows of the journal by instant."""
        return {row["at"]: row for row in self.rows(CONDITION_ROWS)}

    @cached_property
    def decision_rows(self) -> frozenset[datetime]:
        """The instants of all decision rows."""
        return frozenset(row["at"] for row in self.rows(DECISION_ROWS))

    @cached_property
    def states(self) -> Mapping[str, list[Row]]:
        """The intervals of the account's state, by instrument."""
        return _grouped(self.rows(ACCOUNT_STATES.name), lambda row: row["instrument"])

    @cached_property
    def guards(self) -> list[Row]:
        """The guards that tripped and were released, by time."""
        return self.rows(GUARDS.name)

    @cached_property
    def described(self) -> Mapping[str, Mapping[str, Any]]:
        """The conditions of ``conditions.json`` by name, in the playbook's order."""
        return {item["name"]: item for item in self.files.conditions}

    @cached_property
    def required(self) -> Mapping[str, tuple[str, ...]]:
        """The names of each group's required conditions."""
        return required_groups(self.files.conditions)

    @property
    def start(self) -> datetime:
        """The first instant traded."""
        return datetime.fromisoformat(self.files.manifest["window"]["start"])

    @property
    def end(self) -> datetime:
        """The last instant traded."""
        return datetime.fromisoformat(self.files.manifest["window"]["end"])

    @cached_property
    def ladder(self) -> list[float]:
        """The factors of the drawdown rungs by rising drawdown, as far as the file has them."""
        drawdown = (self.config.get("risk") or {}).get("drawdown") or {}
        return [rung["multiplier"] for rung in drawdown.get("ladder") or ()]

    def cost_terms(self, instrument: str) -> Mapping[str, Any]:
        """Return the settings of fees and slippage, and the terms in the instrument's record."""
        venue = self.config.get("venue") or {}
        costs = {key: value for key, value in venue.items() if key not in _NO_COST}
        slippage = costs.get("slippage")
        if isinstance(slippage, Mapping) and "range_share" in slippage:
            # Format 3 knew one model and did not name it.
            costs["slippage"] = {"model": "range", **slippage}
        record = self.files.manifest.get("instruments", {}).get(instrument, {})
        stated: Mapping[str, Any] = _without_nulls({**costs, "terms": record.get("terms")})
        return stated

    def decision_of(self, trade: Row) -> Row | None:
        """Return the decision of a trade's entry, None for a trade without one."""
        return self.decision_by_id.get(trade["decision_id"])

    def decided_at(self, trade: Row) -> datetime:
        """Return the instant at which a trade's entry was decided; without a decision its fill."""
        decision = self.decision_of(trade)
        at: datetime = trade["entered_at"] if decision is None else decision["decided_at"]
        return at

    def trade_of_plan(self, plan_id: int) -> Row | None:
        """Return the trade of a plan, None where nothing was filled."""
        return next((row for row in self.trades if row["plan_id"] == plan_id), None)

    def orders_of_plan(self, plan_id: int) -> list[Row]:
        """Return the orders of a plan, in the order of the table."""
        return [row for row in self.rows(ORDERS.name) if row["plan_id"] == plan_id]

    def entries(self, plan_id: int) -> list[Row]:
        """Return the entry fills of a plan."""
        return [row for row in self.fills_of_plan.get(plan_id, []) if row["role"] == ENTRY]

    def exits(self, plan_id: int) -> list[Row]:
        """Return the fills of a plan that are no entries."""
        return [row for row in self.fills_of_plan.get(plan_id, []) if row["role"] != ENTRY]

    def unit_value(self, instrument: str) -> Callable[[float], float]:
        """Return the function of a unit's value at a price, in the settlement currency."""
        record = self.files.manifest.get("instruments", {}).get(instrument, {})
        try:
            return contract_of(Instrument.model_validate(record)).unit_value
        except ValidationError:
            # Records of earlier formats know instruments that are priced in quote only.
            return lambda price: price

    def lot(self, instrument: str) -> float:
        """Return the lot size of an instrument, NaN where the manifest has none."""
        record = self.files.manifest.get("instruments", {}).get(instrument, {})
        return float(record.get("lot_size", math.nan))


def differ(a: float | None, b: float | None, within: float = SAME) -> bool:
    """Return whether two numbers differ by more than a fraction of the larger; NaN equals NaN.

    >>> differ(1.0, 1.0 + 1e-12), differ(1.0, 1.1), differ(None, float("nan"))
    (False, True, False)
    """
    missing = [value is None or math.isnan(value) for value in (a, b)]
    if any(missing) or a is None or b is None:
        return not all(missing)
    if math.isinf(a) or math.isinf(b):
        return a != b
    return abs(a - b) > within * max(abs(a), abs(b))


def _without_nulls(value: Any) -> Any:
    """Return a document without keys that are null: an earlier riskoff may not know them."""
    if isinstance(value, Mapping):
        return {key: _without_nulls(item) for key, item in value.items() if item is not None}
    return [_without_nulls(item) for item in value] if isinstance(value, list) else value


def _grouped(rows: Iterable[Row], key: Any) -> dict[Any, list[Row]]:
    groups: dict[Any, list[Row]] = defaultdict(list)
    for row in rows:
        groups[key(row)].append(row)
    return dict(groups)


def first_or_none(rows: Sequence[Row]) -> Row | None:
    """Return the first row, None where there is none."""
    return rows[0] if rows else None
