"""The calls of a playbook during a run: its views, its errors and the checks of its answers."""

from collections.abc import Callable, Sequence
from typing import Any

from data_feeds.clock import utc_text
from data_feeds.dataset import Dataset
from data_feeds.errors import RiskoffError
from data_feeds.instrument import InstrumentKind
from data_feeds.schema import ChannelKey
from engine.errors import PlaybookContractError, PlaybookError
from engine.intents import Intent
from engine.playbook import Playbook, Requirements, Signals
from engine.records import Fill
from engine.views import AccountView, Cursor, MarketView


class PlaybookCalls:
    """Calls a playbook with its views of market and account.

    Raises
    ------
    PlaybookError : the playbook raised anything but one of our own errors.
    PlaybookContractError : its answer is not a list or tuple of intents, or not allowed there.
    """

    def __init__(
        self,
        playbook: Playbook[Any],
        dataset: Dataset,
        signals: Signals,
        requirements: Requirements,
    ) -> None:
        self._playbook = playbook
        # Playbook's own ``on_fill`` returns nothing whatever it is shown.
        self.hears_fills = type(playbook).on_fill is not Playbook.on_fill
        self._instruments = ", ".join(sorted(requirements.traded))
        self._cursor = Cursor()
        self._market = MarketView(
            dataset.for_playbooks(),
            _readable(dataset, requirements),
            signals.values,
            {item.name: item.truth for item in signals.conditions},
            contract=signals.contract,
            cursor=self._cursor,
        )

    def on_bar(
        self, at: int, row: int, account: AccountView, *, is_awake: bool
    ) -> Sequence[Intent]:
        """Return the intents of ``on_bar`` at a decision row; outside the wake mask none may be."""
        self._cursor.now, self._cursor.row = at, row
        intents = self._call("on_bar", at, lambda: self._playbook.on_bar(self._market, account))
        if intents and not is_awake:
            raise PlaybookContractError(
                f"{self._playbook.name}: {type(intents[0]).__name__} at {utc_text(at)}, a bar "
                "outside its wake mask; mark that row in wake_flat or wake_in_position"
            )
        return intents

    def on_fill(self, fill: Fill, account: AccountView) -> Sequence[Intent]:
        """Return the intents of ``on_fill``."""
        return self._call("on_fill", fill.at, lambda: self._playbook.on_fill(fill, account))

    def contract_error(self, at: int, error: PlaybookContractError) -> PlaybookContractError:
        """Return an error about an intent with the playbook and the instant in its text."""
        return PlaybookContractError(f"playbook {self._playbook.name}, {utc_text(at)}: {error}")

    def _call(self, method: str, at: int, ask: Callable[[], Any]) -> Sequence[Intent]:
        try:
            intents = ask()
        except RiskoffError:
            raise
        # A playbook that exits must not end the whole process as a success.
        except (Exception, SystemExit) as error:
            raise PlaybookError(
                f"playbook {self._playbook.name}: {method} raised {type(error).__name__}: {error} "
                f"({self._instruments}, bar closing {utc_text(at)})"
            ) from error
        if isinstance(intents, list | tuple):
            return intents
        raise PlaybookContractError(
            f"playbook {self._playbook.name}: {method} returned {intents!r} at {utc_text(at)}; "
            "return a list or tuple of intents, empty for none"
        )


def _readable(dataset: Dataset, requirements: Requirements) -> frozenset[ChannelKey]:
    """Return the channels that a playbook may read: all it named but options.

    The channels of an option would show today which contract is listed later.
    """
    named = requirements.channels | requirements.optional
    kinds = {name: item.kind for name, item in dataset.instruments.items()}
    option = InstrumentKind.OPTION
    return frozenset(key for key in named if kinds.get(key.instrument) is not option)
