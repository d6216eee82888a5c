"""Sentences on splits of traded shares, and on prices that look like an unrecorded split."""

from data_feeds.clock import utc_day
from data_feeds.instrument import InstrumentKind
from data_feeds.schema import ChannelKind
from data_feeds.splits import common_jumps
from engine.results.finished import FinishedRun

SHOWN_JUMPS = 3


def share_sentences(run: FinishedRun) -> list[str]:
    """Return a sentence on the share of each traded instrument with recorded splits."""
    sentences = []
    for name in run.requirements.traded:
        share = run.dataset.shares.get(name)
        if share is None or not share.splits:
            continue
        first = utc_day(share.first_at)
        listed = ", ".join(_split_text(at, ratio) for at, ratio in share.splits)
        sentences.append(
            f"A share of {name} is a share of {first}: after its splits ({listed}) prices and "
            "dividends are multiplied by the ratios so far and volumes divided, so quantities, "
            "lots and prices are those of the first row and a later split changes no earlier one."
        )
    return sentences


def jump_sentences(run: FinishedRun) -> list[str]:
    """Return sentences on traded prices that jump by a common ratio without a recorded split."""
    sentences = []
    for name in run.requirements.traded:
        if run.dataset.instruments[name].kind is InstrumentKind.OPTION:
            continue
        for key, channel in sorted(run.dataset.channels.items()):
            if key.instrument != name or key.kind is not ChannelKind.BARS:
                continue
            share = run.dataset.shares.get(name)
            jumps = common_jumps(channel, share.splits if share else ())
            sentences += [f"{key}: {jump.text}." for jump in jumps[:SHOWN_JUMPS]]
            if len(jumps) > SHOWN_JUMPS:
                sentences.append(f"{key}: {len(jumps) - SHOWN_JUMPS} more jumps of this kind.")
    return sentences


def _split_text(at: int, ratio: float) -> str:
    day = utc_day(at)
    return f"{ratio:g}:1 on {day}" if ratio >= 1 else f"1:{1 / ratio:g} on {day}"
