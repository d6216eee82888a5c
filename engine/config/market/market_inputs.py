"""The instruments and series that the market state reads, each with its channels."""

from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import Field, model_validator

from data_feeds.strict_model import SortedModel
from engine.config.field_types import NameSet


@dataclass(frozen=True)
class ReadChannels:
    """The channels of an input, each a kind of channel and a timeframe ("" for kinds without)."""

    channels: tuple[tuple[str, str], ...]


_SERIES = ReadChannels((("series", ""),))
_DAYS = ReadChannels((("bars", "1d"),))
_HOURS = ReadChannels((("bars", "1h"),))
_DAYS_AND_HOURS = ReadChannels((("bars", "1d"), ("bars", "1h")))
_PERP = ReadChannels(
    (
        ("bars", "5m"),
        ("bars", "1h"),
        ("mark", "1h"),
        ("funding", ""),
        ("open_interest", ""),
        ("liquidations", ""),
    )
)

SeriesNames = Annotated[tuple[str, ...], _SERIES]


def _series(names: tuple[str, ...], description: str) -> Any:
    return Field(names, description=description)


class MarketInputsConfig(SortedModel):
    """Names of instruments and series; of several, each day takes the first that is current.

    A name that the data do not hold makes the conditions that read it *unknown*.
    """

    bitcoin: Annotated[str, _PERP] = Field(
        "BTCUSDT-PERP", description="Perp whose bars, funding and positions are read"
    )
    bitcoin_spot: Annotated[str | None, _HOURS] = Field(
        "BTCUSDT-SPOT", description="Spot market of the perp; null: none"
    )
    bitcoin_daily: Annotated[str | None, _DAYS] = Field(
        "BTC-USD", description="Daily bars for history before the perp's; signals only; null: none"
    )
    index: Annotated[str, _DAYS_AND_HOURS] = Field("SPY", description="The broad index")
    growth: Annotated[str, _DAYS] = Field("QQQ", description="The growth-heavy index")
    small_caps: Annotated[str, _DAYS] = Field(
        "IWM", description="Small companies, for concentration"
    )
    semiconductors: Annotated[str, _DAYS] = Field("SMH", description="Semiconductors")
    software: Annotated[str, _DAYS] = Field("IGV", description="Software")
    leaders: Annotated[NameSet, _DAYS] = Field(
        ("SMH", "IGV", "NVDA", "MSFT"),
        description="Leaders; a member without bars on a day is left out on that day",
    )
    book: Annotated[NameSet, _DAYS] = Field(
        ("SPY", "QQQ", "SMH", "IGV"),
        description="Equities of the book; its mean pairwise correlation includes bitcoin",
    )
    vix: SeriesNames = _series(("VIX", "VIXCLS"), "VIX, index points")
    ten_year: SeriesNames = _series(("DGS10",), "10-year yield, percent")
    real_ten_year: SeriesNames = _series(("DFII10",), "Real 10-year yield, percent")
    two_year: SeriesNames = _series(("DGS2",), "2-year yield, percent")
    policy_rate: SeriesNames = _series(("DFF", "FEDFUNDS"), "Effective federal funds rate, percent")
    dollar: SeriesNames = _series(("DXY", "DTWEXBGS"), "Dollar index")
    credit: SeriesNames = _series(("BAMLH0A0HYM2",), "High-yield spread, percent")
    etf_flows: SeriesNames = _series(("ETF_FLOWS",), "Spot bitcoin ETF flows, USD")
    fear_greed: SeriesNames = _series(("FEAR_GREED",), "Fear & Greed, 0 to 100")
    implied_volatility: SeriesNames = _series(("DVOL",), "DVOL, percent a year")
    earnings: Annotated[NameSet, _SERIES] = Field(
        ("NVDA-EARNINGS", "MSFT-EARNINGS"),
        description="Series of each company's next earnings date, YYYYMMDD, known when announced",
    )

    @model_validator(mode="after")
    def _names_belong_together(self) -> "MarketInputsConfig":
        """Refuse another market beside the companions of the default one."""
        given = self.model_fields_set
        for name, companions in _COMPANIONS.items():
            if getattr(self, name) == type(self).model_fields[name].default:
                continue
            left = [companion for companion in companions if companion not in given]
            if left:
                raise ValueError(
                    f"{name} is {getattr(self, name)}, but {', '.join(left)} would stay those of "
                    f"{type(self).model_fields[name].default}; name them too (null or []: none)"
                )
        return self

    def channels(self) -> frozenset[tuple[str, str, str]]:
        """Return instrument or series, kind and timeframe of every channel that is read."""
        found = set()
        for field, info in type(self).model_fields.items():
            value = getattr(self, field)
            names = (value,) if isinstance(value, str) else value or ()
            (read,) = (item for item in info.metadata if isinstance(item, ReadChannels))
            found |= {(name, kind, label) for name in names for kind, label in read.channels}
        return frozenset(found)


# Inputs that belong to another input's market, and must change with it.
_COMPANIONS = {
    "bitcoin": ("bitcoin_spot", "bitcoin_daily", "etf_flows", "implied_volatility"),
    "index": ("vix",),
}
