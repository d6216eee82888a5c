"""The checklist's steps and its early warning, and how many steps make an action."""

from pydantic import model_validator

from data_feeds.strict_model import SortedModel
from engine.config.market.declaration import NOTE, AllOf, AnyOf, ChecklistStep, Declaration, sourced

_COUNTS = "chosen, with reasons in docs/checklist.md"


class ChecklistRules(SortedModel):
    """Numbers of steps that make an action."""

    hedge_steps: int = sourced(
        3,
        "Steps of four that must hold to hedge; of fewer known steps the same share",
        _COUNTS,
        ge=1,
        le=4,
    )
    reduce_steps: int = sourced(
        2,
        "Steps of four that must hold to reduce; of fewer known steps the same share",
        _COUNTS,
        ge=1,
        le=4,
    )
    least_known: int = sourced(
        3,
        "Steps that must be known to wait; with fewer the action is cannot tell",
        _COUNTS,
        ge=0,
        le=4,
    )

    @model_validator(mode="after")
    def _hedging_takes_more(self) -> "ChecklistRules":
        if self.reduce_steps > self.hedge_steps:
            raise ValueError(
                f"reduce_steps {self.reduce_steps} must not exceed hedge_steps {self.hedge_steps}"
            )
        return self


def early_warning() -> tuple[Declaration, ...]:
    """Return the three signs that precede a correlation spike, as one condition."""
    return (
        Declaration(
            "single_risk_book",
            AllOf(("growth_volatility_rising", "dollar_pressure", "leverage_into_fall")),
            "growth volatility rises, the dollar is strong with yields not falling, and open "
            "interest expands into a falling price",
            ChecklistStep.CORRELATION,
            f"{NOTE}, section 8.1",
            place=100,
        ),
    )


# The four reading steps. Each is true, false or unknown by its parts.
STEP_CONDITIONS = (
    Declaration(
        ChecklistStep.MACRO.value,
        AnyOf(("macro_pressure", AllOf(("policy_path_hawkish", "yields_fast")))),
        "rates and the dollar shrink the risk budget",
        ChecklistStep.MACRO,
        f"{NOTE}, section 6, step 1, and section 9.2",
    ),
    Declaration(
        ChecklistStep.LEADERSHIP.value,
        AllOf(("leadership_breaks",)),
        "leadership breaks",
        ChecklistStep.LEADERSHIP,
        f"{NOTE}, section 6, step 2",
    ),
    Declaration(
        ChecklistStep.CRYPTO.value,
        AllOf(("mechanical_downside",)),
        "crypto's downside is mechanical",
        ChecklistStep.CRYPTO,
        f"{NOTE}, section 6, step 3",
    ),
    Declaration(
        ChecklistStep.CORRELATION.value,
        AllOf(("both_down", "volatility_rising")),
        "stocks and bitcoin fall together while volatility rises",
        ChecklistStep.CORRELATION,
        f"{NOTE}, section 6, step 4",
    ),
)
