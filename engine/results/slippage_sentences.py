"""The sentences on slippage among the assumptions of a run."""

from data_feeds.clock import datetime_ns
from data_feeds.trading_end import ended_by
from engine.config.models import RunConfig
from engine.config.venue import TradingCosts
from engine.costs.slippage_registry import DEFAULT_MODEL
from engine.results.finished import FinishedRun


def slippage_sentence(costs: TradingCosts) -> str:
    """Return the slippage rule of an instrument, with the source of its numbers."""
    source = costs.slippage_source
    words = "chosen, not measured" if source is None else f"those of {source}"
    return f"{costs.slippage.sentence} These numbers are {words}."


def model_sentences(config: RunConfig) -> list[str]:
    """Return the sentence on a slippage section that names no model, none for other sections."""
    section = config.venue.slippage
    if "model" in section.model_fields_set or isinstance(section, DEFAULT_MODEL):
        return []
    return [
        f"venue.slippage names no model and is read as {section.model_name()}, whose keys it "
        f"writes; the default is {DEFAULT_MODEL.model_name()}."
    ]


def activity_sentences(run: FinishedRun) -> list[str]:
    """Return a sentence on the bars behind each traded instrument's volume and volatility."""
    start, last = datetime_ns(run.config.data.start), datetime_ns(run.config.data.end)
    found = []
    for name in run.requirements.traded:
        held = run.activity.get(name)
        if held is None:
            continue
        # A delisted instrument has no days after its last one.
        end = ended_by(run.dataset.instruments[name], last) or last
        counts = held.timeframes(start, end)
        days = ", ".join(f"{count} from {step} bars" for step, count in counts.items())
        missing = int(((held.day_ends > start) & (held.day_ends <= end)).sum())
        missing -= sum(counts.values())
        found.append(
            f"Volume and volatility of {name} are of {sum(counts.values())} complete days of the "
            f"window ({days or 'none'})"
            + (f"; {missing} days have holes and count nowhere." if missing else ".")
        )
    return found
