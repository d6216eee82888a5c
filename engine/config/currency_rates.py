"""Define the rate of a currency: par, a series, or the bars of an instrument."""

from typing import Annotated, Any

from pydantic import (
    Field,
    GetJsonSchemaHandler,
    SerializerFunctionWrapHandler,
    model_serializer,
    model_validator,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from data_feeds.schema import ChannelKey, ChannelKind
from data_feeds.strict_model import StrictModel
from engine.config.field_types import Duration

PAR = "par"
# A ticker, so that a typing error such as "usdt" or "USD/T" is no second currency.
Currency = Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9]{1,11}$")]
_FORMS = "write par, {series: ID} or {instrument: ID, timeframe: 1h}"


# FRED publishes a week's exchange rates on the Monday after it, and a holiday later.
SERIES_AGE, MARKET_AGE = "14d", "2d"


def _usual_age(data: dict[str, Any]) -> str:
    """Return the age that is allowed where the config names none."""
    return SERIES_AGE if data.get("series") is not None else MARKET_AGE


class CurrencyRate(StrictModel):
    """Set the value of one unit of a currency in the account's currency.

    The value at an instant is the last one known by then. A series names the account's currency per
    unit; an instrument is valued at its closes and is quoted in the account's currency or in a
    currency at par with it. Without any of them the rate is 1 (``par``). A value older than
    ``max_age`` values nothing: the run is refused.
    """

    series: str | None = Field(None, description="Series of the account's currency per unit")
    instrument: str | None = Field(
        None, description="Instrument of this currency, valued at its closes, e.g. BTCUSDT-SPOT"
    )
    timeframe: Duration | None = Field(
        None, description="Timeframe of the instrument's bars, e.g. 1h"
    )
    max_age: Duration = Field(
        default_factory=_usual_age,
        description="Age of the value, from its own time, beyond which the run is refused; "
        "default: 14d of a series, 2d of an instrument",
    )

    @model_validator(mode="before")
    @classmethod
    def _read_par(cls, value: Any) -> Any:
        if value == PAR:
            return {}
        # A key of null names no source: it must not count as par.
        names = isinstance(value, dict) and any(
            x is not None for name, x in value.items() if name != "max_age"
        )
        if names or isinstance(value, cls):
            return value
        raise ValueError(_FORMS)

    @model_validator(mode="after")
    def _has_one_source(self) -> "CurrencyRate":
        both = self.instrument is not None and self.timeframe is not None
        neither = self.instrument is None and self.timeframe is None
        if not (both or neither) or (both and self.series is not None):
            raise ValueError(_FORMS)
        return self

    @model_serializer(mode="wrap")
    def _written(self, handler: SerializerFunctionWrapHandler) -> Any:
        return PAR if self.is_par else {k: v for k, v in handler(self).items() if v is not None}

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        block = handler.resolve_ref_schema(handler(core_schema))
        words = block.pop("description", "")
        return {"anyOf": [{"const": PAR}, {**block, "minProperties": 1}], "description": words}

    @property
    def is_par(self) -> bool:
        """Return whether one unit counts as one unit of the account's currency."""
        return self.channel is None

    @property
    def channel(self) -> ChannelKey | None:
        """Return the channel that holds the rate; None at par."""
        if self.series is not None:
            return ChannelKey(self.series, ChannelKind.SERIES)
        if self.instrument is not None and self.timeframe is not None:
            return ChannelKey(self.instrument, ChannelKind.BARS, self.timeframe)
        return None

    @property
    def column(self) -> str:
        """Return the column of the channel that holds the rate."""
        return "value" if self.series is not None else "close"


AT_PAR = CurrencyRate.model_validate(PAR)
