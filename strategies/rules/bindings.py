"""Bind a file: its names, its terms, and the problems of its expressions."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from engine.api import ChannelKey, Instrument, ParamProblem, Timeframe, parse_duration, signals
from strategies.liquidation_reclaim.params import length_bars
from strategies.rules.file_problems import file_problems
from strategies.rules.flush_settings import FlushSettings
from strategies.rules.meaning import ARROW, CIRCLE, understand
from strategies.rules.names import FlushWatch, Names, NameSettings
from strategies.rules.params import RulesParams
from strategies.rules.sources import SESSION
from strategies.rules.syntax import ExpressionError
from strategies.rules.terms import NoMeaning, Term
from strategies.rules.written import Place, WrittenExpression, written_expressions

_ONE_DAY = "1d"
# Openings of messages about names that are told once, at the clock's and the flush's own place.
_TOLD_OF_THE_FILE = ("clock: ", "flush.bars: ")


def names_of(params: RulesParams, records: Mapping[str, Instrument] | None = None) -> Names:
    """Return the names of a file, with the instruments' records once the data are known."""
    settings = NameSettings(
        instruments=params.instruments,
        series=params.series,
        clock=params.clock,
        lets=params.let,
        max_age={name: parse_duration(age) for name, age in params.max_age.items()},
        flush=_watch(params),
        state=params.state,
        companions=params.companions,
    )
    names = Names.of(settings)
    return names if records is None else names.with_records(records)


def _watch(params: RulesParams) -> FlushWatch | None:
    """Return the flush detector's bars and thresholds; None where no bars are known yet."""
    flush = params.flush
    bars = flush.bars or params.clock
    name, _, own = bars.partition("@")
    bound = params.instruments.get(name, "").partition("@")[2]
    written = own or bound or (params.clock_timeframe if name == params.clock_name else "")
    try:
        timeframe = Timeframe(_ONE_DAY if written == SESSION else written)
    except ValueError:
        return None
    return FlushWatch(
        bars=bars,
        side=1 if flush.side == "long" else -1,
        atr_bars=length_bars(flush.atr_length, timeframe),
        volume_bars=length_bars(flush.volume_window, timeframe),
        rules=_flush_rules(flush, timeframe),
    )


def _flush_rules(flush: FlushSettings, timeframe: Timeframe) -> signals.FlushRules:
    return signals.FlushRules(
        lookback_bars=length_bars(flush.support_lookback, timeframe),
        flush_atr=flush.flush_atr,
        volume_multiple=flush.volume_multiple,
        bounce_atr=flush.bounce_atr,
        second_flush_atr=flush.second_flush_atr,
        needs_second_flush=flush.entry_after == "second_flush",
        level_is_support=flush.reclaim_level == "broken_support",
        bounce_bars=length_bars(flush.bounce_window, timeframe),
        second_flush_bars=length_bars(flush.second_flush_window, timeframe),
        reclaim_bars=length_bars(flush.reclaim_window, timeframe),
        sequence_bars=length_bars(flush.sequence_window, timeframe),
        reclaimed_bars=length_bars(flush.reclaimed_window, timeframe),
    )


@dataclass(frozen=True)
class BoundRules:
    """A file with its names; every expression is understood once."""

    params: RulesParams
    names: Names

    @classmethod
    def of(
        cls, params: RulesParams, records: Mapping[str, Instrument] | None = None
    ) -> "BoundRules":
        """Return the rules of a file, with the instruments' records once the data are known."""
        return cls(params, names_of(params, records))

    @cached_property
    def terms(self) -> Mapping[Place, Term]:
        """Return the term of each expression by its place, those of ``let`` left out.

        Raises
        ------
        ExpressionError : an expression has no meaning.
        """
        return {
            item.place: self.understood(item)
            for item in written_expressions(self.params)
            if item.place[0] != "let"
        }

    @property
    def clock_key(self) -> ChannelKey:
        """Return the bars whose closes are the decision rows."""
        key = self.names.clock_source.key
        assert key is not None
        return key

    def bars_key(self, name: str) -> ChannelKey:
        """Return the bars that a short name is bound to; its orders fill in them."""
        key = self.names.bars_source(name).key
        assert key is not None
        return key

    def companions(self, records: Mapping[str, Instrument]) -> dict[str, str]:
        """Return the spot market of each bound instrument whose basis is read, from its record."""
        if not any(".basis" in item.text for item in written_expressions(self.params)):
            return {}
        bound = {self.params.instrument_id(name) for name in self.params.instruments}
        found = {name: records[name].companions.spot for name in bound if name in records}
        return {name: spot for name, spot in found.items() if spot is not None}

    def close(self, name: str) -> Term:
        """Return the term of the close of a bound instrument."""
        return understand(f"{name}.close", self.names, "number")

    def term(self, *place: str | int) -> Term:
        """Return the term of the expression at a place."""
        return self.terms[place]

    def understood(self, item: WrittenExpression) -> Term:
        """Return the term of an expression.

        Raises
        ------
        ExpressionError : it has no meaning.
        """
        let = str(item.place[1]) if item.place[0] == "let" else None
        plan_values = item.plan_values
        return understand(item.text, self.names, item.wants, plan_values=plan_values, let=let)

    # -- problems ---------------------------------------------------------------------------------

    def problems(self) -> list[ParamProblem]:
        """Return the problems of the file's names and expressions, in the file's order."""
        own = [*self._of_bindings(), *self._of_expressions(), *self._of_weights()]
        return [*file_problems(self.params), *own]

    def _of_bindings(self) -> Iterator[ParamProblem]:
        """Yield problems of the clock, of bars and of ages."""
        params, names = self.params, self.names
        if params.clock_name in params.instruments:
            try:
                names.clock_source  # noqa: B018 - looks the clock up
            except NoMeaning as error:
                yield ParamProblem(("clock",), str(error))
        for name in params.instruments:
            if "@" not in params.instruments[name] and name != params.clock_name:
                continue
            try:
                names.bars_source(name)
            except NoMeaning as error:
                yield ParamProblem(("instruments", name), str(error))
        for name in params.max_age:
            told = names.problem_of_age(name)
            if told:
                yield ParamProblem(("max_age", name), told)
        yield from self._of_traded()

    def _of_traded(self) -> Iterator[ParamProblem]:
        """Yield problems of what is traded: it needs bars that orders can fill in."""
        trades, states = self.params.trades.items(), self.params.weights.items()
        places: list[tuple[Place, str]] = [
            (("trades", name, "instrument"), trade.instrument) for name, trade in trades
        ]
        places += [
            (("weights", s, block, name), name)
            for s, state in states
            for block, name, _ in state.shares
        ]
        for place, name in places:
            if name not in self.params.instruments:
                continue  # told with the file's other names
            try:
                self.names.bars_source(name)
            except NoMeaning as error:
                yield ParamProblem(place, str(error))

    def _of_weights(self) -> Iterator[ParamProblem]:
        """Yield weights that change from row to row while nothing would ever follow them."""
        rebalance = self.params.rebalance
        if rebalance.when != "never" or rebalance.band is not None:
            return
        for name, state in self.params.weights.items():
            for block, held, share in state.shares:
                if isinstance(share, str) and not self._is_constant(share):
                    yield ParamProblem(
                        ("weights", name, block, held),
                        "this weight changes from row to row, but weights are restored at changes "
                        "of state only; write rebalance: {when: monthly} or {band: 5%}",
                    )

    def _is_constant(self, text: str) -> bool:
        try:
            return understand(text, self.names, "number").is_constant
        except ExpressionError:
            return True  # told with its place

    def _of_expressions(self) -> Iterator[ParamProblem]:
        found: dict[WrittenExpression, ExpressionError] = {}
        for item in written_expressions(self.params):
            try:
                self.understood(item)
            except ExpressionError as error:
                found[item] = error
        wrong = {item.place[1] for item in found if item.place[0] == "let"}
        for item, told in found.items():
            if _is_told_elsewhere(item, told.message, wrong):
                continue
            # Where the file has the short form, the nearest written text is shown.
            place = (*item.place, "when") if item.wants == "truth" else item.place
            yield ParamProblem(place, told.message, told.start, told.end)


def _is_told_elsewhere(item: WrittenExpression, message: str, wrong: Collection[str | int]) -> bool:
    """Return whether the same problem is told at a place of its own.

    ``wrong`` are the named values with a problem. A circle is told at one of its members alone.
    """
    if message.startswith(CIRCLE):
        members = message.removeprefix(CIRCLE).split(ARROW)
        return item.place != ("let", min(members))
    if message.startswith("let "):
        return message.removeprefix("let ").partition(":")[0] in wrong
    return message.startswith(_TOLD_OF_THE_FILE)
