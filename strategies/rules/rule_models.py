"""The parts of a rules file as models: conditions, trades with their parts, states of weights."""

from collections.abc import Mapping
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from engine.api import PlaybookParams, StopMoves
from strategies.rules.field_types import (
    Expression,
    Fraction,
    RowCount,
    Value,
    read_conditions,
    with_tuples,
)

UnknownRule = Literal["block", "pass"]
RebalanceDate = Literal["never", "weekly", "monthly", "quarterly", "yearly", "month_end"]
Side = Literal["long", "short"]


class ConditionRule(PlaybookParams):
    """A condition: an expression that is true, false or unknown; plain text is the expression."""

    when: Expression = Field(description="Expression that is true, false or unknown at each row")
    unknown: UnknownRule = Field(
        "block", description="Effect of an unknown: block counts it as not true, pass as true"
    )

    @model_validator(mode="before")
    @classmethod
    def _read_text(cls, data: object) -> object:
        return data if isinstance(data, Mapping) else {"when": data}


Conditions = Annotated[
    Mapping[str, ConditionRule],
    BeforeValidator(
        read_conditions,
        json_schema_input_type=str | bool | Mapping[str, str | bool | ConditionRule],
    ),
]


class TargetRule(PlaybookParams):
    """A limit exit, at a multiple of the plan's risk or at a price."""

    r: float | None = Field(
        None,
        gt=0,
        description="Distance from the decision's close in R, the close-to-stop distance",
    )
    price: Expression | None = Field(None, description="Price of the target, read at the entry")
    fraction: float = Field(gt=0, le=1, description="Share of the plan that is closed here")

    @model_validator(mode="before")
    @classmethod
    def _read(cls, data: object) -> object:
        return with_tuples(data)


class TrailingStopRule(PlaybookParams):
    """A stop that follows the best price since the entry; the broker moves it, bar by bar."""

    distance: Expression | None = Field(
        None, description="Distance from the best price, read at each decision: 3 * atr(btc, 14)"
    )
    percent: Fraction | None = Field(
        None, gt=0, lt=1, description="Distance as a share of the best price: 3%"
    )
    beyond: Expression | None = Field(
        None,
        description="Price that the best price must reach first, read at the entry; null: at once",
    )
    beyond_r: float | None = Field(
        None, gt=0, description="The same in R from the decision's close, in place of beyond"
    )
    moved: StopMoves = Field(
        StopMoves.AT_CLOSES,
        description="at_closes, or inside_bars by the worst order of a bar's prices",
    )

    @model_validator(mode="after")
    def _one_of_each(self) -> Self:
        if (self.distance is None) == (self.percent is None):
            raise ValueError("a trailing stop has a distance or a percent; write one of them")
        if self.beyond is not None and self.beyond_r is not None:
            raise ValueError("beyond and beyond_r say the same; write one of them")
        return self


class TrancheRule(PlaybookParams):
    """A slice of the plan, and what must hold before it is bought."""

    shown_as_written = frozenset({"when"})

    fraction: float = Field(gt=0, le=1, description="Share of the plan")
    when: Conditions = Field(
        default_factory=dict, description="Named conditions that must all hold besides"
    )
    after: RowCount | None = Field(
        None,
        description="Fewest rows of the clock since the last request for a tranche, approved or "
        "refused, e.g. 3 bars; null: none",
    )

    @model_validator(mode="before")
    @classmethod
    def _read(cls, data: object) -> object:
        return with_tuples(data)


class TradeRule(PlaybookParams):
    """One trade: when it enters, how it is protected, and when it leaves."""

    shown_as_written = frozenset({"enter", "exit"})

    instrument: str = Field(description="Short name of the traded instrument")
    side: Side = Field("long", description="long buys, short sells")
    risk: float = Field(1.0, gt=0, le=1, description="Share of the size that risk allows")
    enter: Conditions = Field(min_length=1, description="Named conditions that must all hold")
    stop: Expression = Field(description="Price of the protective stop, read at the entry")
    targets: tuple[TargetRule, ...] = Field(
        (), description="Limit exits; none: leave by stop and exits"
    )
    trail: Expression | None = Field(
        None, description="Price to which the stop follows, never back; null: the stop stays"
    )
    trailing_stop: TrailingStopRule | None = Field(
        None,
        description="Lets the stop follow the best price at a distance; null: the stop stays",
    )
    tranches: tuple[TrancheRule, ...] = Field(
        (), description="Slices of the entry, the first with the entry; none: all at once"
    )
    exit: Conditions = Field(
        default_factory=dict, description="Named conditions of which any closes the plan"
    )

    @model_validator(mode="before")
    @classmethod
    def _read(cls, data: object) -> object:
        return _named_tranches(with_tuples(data))

    @property
    def direction(self) -> int:
        """Return +1 for long, -1 for short."""
        return 1 if self.side == "long" else -1


class StateRule(PlaybookParams):
    """Weights that are held while a state lasts."""

    shown_as_written = frozenset({"when"})

    when: Conditions = Field(
        default_factory=dict,
        description="An expression, or named conditions that must all hold",
    )
    unknown: UnknownRule = Field(
        "block",
        description="Effect of an unknown when: block keeps the weights held, pass counts as true",
    )
    otherwise: bool = Field(False, description="Held when no state before it is true; the last one")
    hold: Mapping[str, Value] = Field(
        description="Share of equity by short name, a number or an expression; the rest is cash"
    )
    short: Mapping[str, Value] = Field(
        default_factory=dict,
        description="Share of equity sold short by short name, a number or an expression; the "
        "account must borrow (account.short_sales)",
    )
    leave_after: RowCount | None = Field(
        None,
        description="Rows in a row with a false when before the state is left, e.g. 5 sessions; "
        "null: the first one leaves",
    )

    @model_validator(mode="before")
    @classmethod
    def _read(cls, data: object) -> object:
        return with_tuples(data)

    @property
    def shares(self) -> tuple[tuple[Literal["hold", "short"], str, float | str], ...]:
        """Return every share with its block and its short name, as written."""
        return (
            *(("hold", name, share) for name, share in self.hold.items()),
            *(("short", name, share) for name, share in self.short.items()),
        )


class RebalanceRule(PlaybookParams):
    """When weights are restored between two changes of state."""

    when: RebalanceDate = Field(
        "never",
        description="First row of each period, or month_end for the last row of each month",
    )
    band: Fraction | None = Field(
        None, gt=0, lt=1, description="Restore when a weight is off by this much; null: off"
    )
    min_ticket: float = Field(
        100.0, ge=0, description="Smaller changes are left out, account currency"
    )


def _named_tranches(data: object) -> object:
    """Return a trade's values with the plain condition of a tranche named ``tranche_2``."""
    tranches = data.get("tranches") if isinstance(data, Mapping) else None
    if not isinstance(data, Mapping) or not isinstance(tranches, list | tuple):
        return data
    named = tuple(
        {**part, "when": {f"tranche_{i + 1}": part["when"]}}
        if isinstance(part, Mapping) and isinstance(part.get("when"), str)
        else part
        for i, part in enumerate(tranches)
    )
    return {**data, "tranches": named}
