"""The market of a screened run: what all of its sets share."""

from data_feeds.clock import datetime_ns
from engine.bracket_plan import BracketPlan
from engine.broker.timeline import Timeline
from engine.bt import SimulationInputs
from engine.config.models import RiskConfig, RunConfig
from engine.config.venue import TradingCosts, VenueConfig
from engine.contracts import margin_terms
from engine.risk import MarketTiers, SizingBars, build_sizing_bars
from engine.screening.entries import (
    PlannedEntries,
    decision_instants,
    known_entries,
    planned_entries,
)
from engine.screening.layout import Ints, Records
from engine.screening.simulation import PreparedSet
from engine.screening.support import has_instant_inside_a_bar, instant_reasons, is_at_par
from engine.screening.tape import build_tape
from engine.screening.terms import ladder_rows, terms_row


class ScreenedMarket:
    """Hold tape, decision rows and sizing inputs of a run of one instrument.

    Attributes
    ----------
    days : last close of each day of the window, ns
    window_ns : length of the window
    """

    def __init__(self, inputs: SimulationInputs, timeline: Timeline) -> None:
        (self.name,) = inputs.bars
        self.timeline = timeline
        self._inputs = inputs
        self._instrument = inputs.dataset.instruments[self.name]
        activity = inputs.activity.get(self.name)
        costs = inputs.config.venue.costs_of(self._instrument)
        self._margin = margin_terms(self._instrument, costs)
        self.tape, self.days = build_tape(timeline, self._margin, activity, inputs.start)
        self.window_ns = datetime_ns(inputs.config.data.end) - inputs.start
        self._decisions = decision_instants(inputs.signals.decided_at, timeline.at, activity)
        self._sizing: dict[tuple[str, str], SizingBars] = {}
        self._is_at_par, self._has_inside = is_at_par(timeline), has_instant_inside_a_bar(timeline)
        self._kept_costs: tuple[VenueConfig, TradingCosts] | None = None
        # Of the last plan: a sweep asks for one plan, or for plans over one set of rows, in a row.
        self._kept_entries: tuple[BracketPlan, object, PlannedEntries] | None = None
        self._kept_rows: tuple[object, tuple[Ints, Records]] | None = None

    def reasons(self, plan: BracketPlan) -> list[str]:
        """Return why a plan in this market needs the engine."""
        return instant_reasons(plan, at_par=self._is_at_par, inside=self._has_inside)

    def prepared(self, plan: BracketPlan, config: RunConfig) -> PreparedSet:
        """Return one set in the form of the kernel."""
        if self._kept_costs is None or self._kept_costs[0] is not config.venue:
            self._kept_costs = (config.venue, config.venue.costs_of(self._instrument))
        costs = self._kept_costs[1]
        return PreparedSet(
            terms_row(config, self._instrument, costs, self._margin, plan),
            ladder_rows(config),
            self._planned(plan, config.risk),
        )

    def _planned(self, plan: BracketPlan, risk: RiskConfig) -> PlannedEntries:
        """Return the entries of a plan; sets that differ in other numbers share them."""
        key = (risk.volatility_window, risk.participation_window, risk.market_tiers)
        kept = self._kept_entries
        if kept is None or kept[0] is not plan or kept[1] != key:
            known = self._known_entries(plan.rows, risk)
            kept = (plan, key, planned_entries(plan, self._decisions, known))
            self._kept_entries = kept
        return kept[2]

    def _known_entries(self, rows: Ints, risk: RiskConfig) -> tuple[Ints, Records]:
        """Return the market known at entry rows; plans over the same signals share it."""
        key = (risk.volatility_window, risk.participation_window, risk.market_tiers, rows.tobytes())
        kept = self._kept_rows
        if kept is None or kept[0] != key:
            tiers = MarketTiers(self._inputs.market, risk.market_tiers)
            bars = self._sizing_bars(risk)
            kept = (key, known_entries(rows, self._decisions, bars, tiers))
            self._kept_rows = kept
        return kept[1]

    def _sizing_bars(self, risk: RiskConfig) -> SizingBars:
        """Return the bars that size an entry, computed once for each pair of windows."""
        key = (risk.volatility_window, risk.participation_window)
        if key not in self._sizing:
            timeframe = self._inputs.bars[self.name].key.timeframe
            dataset = self._inputs.dataset
            self._sizing[key] = build_sizing_bars(dataset, self.name, timeframe, risk)
        return self._sizing[key]
