"""Define the model of a sweep: one run, the values to try, the windows, how sets are drawn."""

import math
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any, ClassVar

from pydantic import AfterValidator, Discriminator, Field, Tag, field_validator, model_validator

from data_feeds.strict_model import CHOICE, SortedModel
from engine.config.account import NAME
from engine.config.field_types import Duration, UtcDatetime

MAX_AXES, MAX_LEVELS, MAX_WINDOWS, MAX_SETS = 12, 1_000, 200, 200_000
# Digits that a geometric level keeps: enough to tell any two levels apart.
LEVEL_DIGITS = 10
Number = int | float


class LevelSpan(SortedModel):
    """Give numbers from one end to the other, by a step or by their count."""

    first: Number = Field(alias="from", description="First level")
    last: Number = Field(alias="to", description="Last level, or the bound of the last one")
    step: Number | None = Field(None, gt=0, description="Distance of two levels")
    count: int | None = Field(
        None, ge=2, le=MAX_LEVELS, description="Number of levels, both ends included"
    )
    log: bool = Field(False, description="Equal ratios instead of equal distances; needs count")

    @model_validator(mode="after")
    def _is_one_kind(self) -> "LevelSpan":
        if self.last <= self.first:
            raise ValueError(f"to {self.last:g} must lie above from {self.first:g}")
        if (self.step is None) == (self.count is None):
            raise ValueError("give one of step and count")
        if self.log and (self.count is None or self.first <= 0):
            raise ValueError("log: true needs count, and from above 0")
        if self.step is not None and (self.last - self.first) / self.step > MAX_LEVELS:
            raise ValueError(f"makes more than {MAX_LEVELS} levels; raise step")
        return self

    def levels(self) -> tuple[Number, ...]:
        """Return the levels in ascending order; whole numbers stay whole.

        >>> LevelSpan.model_validate({"from": 0.1, "to": 0.4, "step": 0.1}).levels()
        (0.1, 0.2, 0.3, 0.4)
        >>> LevelSpan.model_validate({"from": 10, "to": 1000, "log": True, "count": 3}).levels()
        (10.0, 100.0, 1000.0)
        """
        first, last = Decimal(str(self.first)), Decimal(str(self.last))
        if self.count is None:
            step = Decimal(str(self.step))
            # In decimals: 0.1 + 2 x 0.1 is 0.3 and not 0.30000000000000004.
            found = [first + place * step for place in range(int((last - first) / step) + 1)]
        elif not self.log:
            found = [
                first + (last - first) * place / (self.count - 1) for place in range(self.count)
            ]
        else:
            steps = self.count - 1
            ratio = math.log(float(last) / float(first)) / steps
            inner = (float(first) * math.exp(ratio * place) for place in range(1, steps))
            return (float(first), *(_rounded(value) for value in inner), float(last))
        whole = isinstance(self.first, int) and all(value == int(value) for value in found)
        return tuple(int(value) if whole else float(value) for value in found)


class LevelChoices(SortedModel):
    """Give values without an order: no choice is a neighbour of another one."""

    choices: tuple[Any, ...] = Field(
        min_length=1, max_length=MAX_LEVELS, description="The values, in any order"
    )


def _rounded(value: float) -> float:
    return float(f"{value:.{LEVEL_DIGITS}g}")


def _kind_of_levels(written: Any) -> str:
    if isinstance(written, dict):
        return CHOICE + ("choices" if "choices" in written else "span")
    if isinstance(written, LevelSpan):
        return CHOICE + "span"
    return CHOICE + ("choices" if isinstance(written, LevelChoices) else "list")


def _check_levels(levels: Any) -> Any:
    """Refuse a level that is written twice, and a list of numbers that do not ascend."""
    if isinstance(levels, LevelSpan):
        return levels
    found = levels.choices if isinstance(levels, LevelChoices) else levels
    if len({repr(value) for value in found}) < len(found):
        raise ValueError("has a level twice; write each once")
    numbers = [x for x in found if isinstance(x, Number) and not isinstance(x, bool)]
    if isinstance(levels, tuple) and len(numbers) == len(found) and list(found) != sorted(found):
        raise ValueError(
            "the numbers of a list ascend, so that neighbours are neighbours; or write "
            "{choices: [...]}"
        )
    return levels


LEVEL_LIST = Annotated[tuple[Any, ...], Field(min_length=1, max_length=MAX_LEVELS)]
Levels = Annotated[
    Annotated[LevelSpan, Tag(CHOICE + "span")]
    | Annotated[LevelChoices, Tag(CHOICE + "choices")]
    | Annotated[LEVEL_LIST, Tag(CHOICE + "list")],
    Discriminator(_kind_of_levels),
    AfterValidator(_check_levels),
]


class SweepWindow(SortedModel):
    """Name one window in which every set is run."""

    name: str = Field(pattern=NAME, max_length=40, description="Name in tables")
    start: UtcDatetime = Field(description="First instant traded, UTC")
    end: UtcDatetime = Field(description="Last instant traded, UTC")

    @model_validator(mode="after")
    def _ends_after_start(self) -> "SweepWindow":
        if self.end <= self.start:
            raise ValueError(f"end {self.end:%Y-%m-%d} must lie after start {self.start:%Y-%m-%d}")
        return self


class SamplerKind(StrEnum):
    """Choose how sets are drawn from the levels."""

    GRID = "grid"
    RANDOM = "random"
    SOBOL = "sobol"
    TPE = "tpe"
    NSGA2 = "nsga2"
    CMAES = "cmaes"

    @property
    def is_adaptive(self) -> bool:
        """Return whether results decide which set is drawn next; these are Optuna's samplers."""
        return self in (SamplerKind.TPE, SamplerKind.NSGA2, SamplerKind.CMAES)


class SamplerConfig(SortedModel):
    """Choose the sampler, the number of sets and the seed."""

    kind: SamplerKind = Field(
        SamplerKind.GRID,
        description="grid: every combination; random, sobol: a part of them; tpe, nsga2, cmaes: "
        "Optuna's samplers, which search near good results (pip install 'riskoff[optuna]')",
    )
    sets: int | None = Field(
        None, ge=1, le=MAX_SETS, description="Number of sets; null: all (grid only)"
    )
    seed: int = Field(0, ge=0, description="Seed of the draws")
    explore: int = Field(
        32,
        ge=2,
        description="First sets of an adaptive sampler, drawn by sobol: the deflated Sharpe ratio "
        "takes its variance from them",
    )
    batch: int = Field(
        8, ge=1, le=1_000, description="Sets an adaptive sampler draws between two looks at results"
    )

    @model_validator(mode="after")
    def _counts(self) -> "SamplerConfig":
        if self.kind is SamplerKind.GRID and self.sets is not None:
            raise ValueError("grid runs every combination; leave sets out, or use random or sobol")
        if self.kind is not SamplerKind.GRID and self.sets is None:
            raise ValueError(f"{self.kind.value} needs sets, the number of sets to draw")
        return self


class ChoiceRule(StrEnum):
    """Choose between a set whose neighbours are good too and the best single set."""

    PLATEAU = "plateau"
    PEAK = "peak"


class SweepMetric(StrEnum):
    """Choose the number by which sets are ranked; each is in excess of the bill."""

    SHARPE = "sharpe"
    EXCESS_RETURN = "excess_return"
    EXCESS_OVER_DRAWDOWN = "excess_over_drawdown"


class ChooseConfig(SortedModel):
    """Choose the rule and the number by which one set is chosen."""

    rule: ChoiceRule = Field(
        ChoiceRule.PLATEAU,
        description="plateau: the highest lower quartile over one grid step around; peak: the "
        "highest number",
    )
    metric: SweepMetric = Field(
        SweepMetric.SHARPE,
        description="sharpe, excess_return (mean of a year) or excess_over_drawdown (that mean "
        "over the deepest fall of the summed excess), each of daily returns in excess of the bill",
    )


class FoldsConfig(SortedModel):
    """Choose how the base's window is cut into windows one after the other."""

    test_months: int = Field(
        ge=1, le=120, description="Length of each window; each is judged by a choice before it"
    )
    train_months: int = Field(
        ge=1,
        le=600,
        description="Length that chooses, a multiple of test_months: the first windows only "
        "choose, and the rolling form chooses on this length",
    )

    @model_validator(mode="after")
    def _fits(self) -> "FoldsConfig":
        if self.train_months % self.test_months != 0:
            raise ValueError(
                f"train_months {self.train_months} is no multiple of test_months {self.test_months}"
            )
        return self

    @property
    def choosing(self) -> int:
        """Windows that choose for the first judged one."""
        return self.train_months // self.test_months


class SensitivityConfig(SortedModel):
    """Choose the changes under which the chosen set is run again."""

    costs: tuple[Annotated[float, Field(ge=0, le=20)], ...] = Field(
        (0.0, 2.0, 3.0),
        max_length=10,
        description="Factors on every fee, slippage and the spreads of options",
    )
    lags: tuple[Duration, ...] = Field(
        ("1d", "5d"), max_length=10, description="Delays added to every series"
    )


class SweepConfig(SortedModel):
    """Describe a sweep: every set of values over every window and instrument."""

    shown_as_written: ClassVar[frozenset[str]] = frozenset({"over", "base", "settings"})

    name: str = Field(pattern=NAME, description="Names the folder")
    title: str = Field("", max_length=100, description="Heading of the page; empty: the name")
    base: str | dict[str, Any] = Field(
        description="The run that is varied: the name or file of a run, or a run written inline"
    )
    settings: dict[str, Any] = Field(
        default_factory=dict,
        description="Values by dotted key that replace those of the base in every set",
    )
    over: dict[str, Levels] = Field(
        min_length=1,
        max_length=MAX_AXES,
        description="Levels by the dotted path of a value of the run, e.g. "
        "playbook.params.stop_atr, let.vix_max, risk.risk_fraction: a list in ascending order, "
        "{from, to, step}, {from, to, log, count} or {choices}",
    )
    constraints: tuple[str, ...] = Field(
        (),
        description="Comparisons of swept values that every set must fulfil, e.g. "
        "stop_atr < trailing_atr",
    )
    episodes: tuple[str | SweepWindow, ...] = Field(
        (),
        max_length=MAX_WINDOWS,
        description="Names of shipped episodes, YAML files of your own, or {name, start, end}; "
        "empty: the window of the base",
    )
    sell_offs: str | None = Field(
        None,
        description="A market such as QQQ: every sell-off that the dating rule finds in it is a "
        "window, and the legs of one cluster are left out together; null: none",
    )
    folds: FoldsConfig | None = Field(
        None,
        description="Instead of episodes: the base's window cut into windows, for a walk-forward; "
        "null: none",
    )
    instruments: tuple[str, ...] = Field(
        (), max_length=40, description="Every set is run on each; empty: the base's instruments"
    )
    instrument_path: str = Field(
        "playbook.params.instrument", description="The path that takes an instrument's name"
    )
    sampler: SamplerConfig = Field(default_factory=SamplerConfig)
    choose: ChooseConfig = Field(default_factory=ChooseConfig)
    screening: bool = Field(
        True,
        description="Run sets by the compiled screening where it can; false: the engine runs all",
    )
    sensitivity: SensitivityConfig = Field(default_factory=SensitivityConfig)
    checked_sets: int = Field(
        5,
        ge=0,
        le=1_000,
        description="Sets drawn at random that are run again with every check, beside the chosen "
        "set and the best ten",
    )
    seed: int = Field(0, ge=0, description="Seed of that draw and of the resamples of tests")

    @model_validator(mode="after")
    def _has_one_kind_of_window(self) -> "SweepConfig":
        given = [bool(self.episodes), self.sell_offs is not None, self.folds is not None]
        if sum(given) > 1:
            raise ValueError("give one of episodes, sell_offs and folds")
        return self

    @field_validator("instruments")
    @classmethod
    def _differ(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(names)) < len(names):
            raise ValueError(f"names an instrument twice: {', '.join(names)}; name each once")
        return names
