"""The market of a screened run: what all of its sets share."""

from data_feeds.clock import datetime_ns
from engine.bracket_plan import BracketPlan
from engine.broker.timeline import Timeline
from engine.bt import SimulationInputs
from engine.config.models import RiskConfig, RunConfig
from engine.contracts import margin_terms
from engine.risk import MarketTiers, SizingBars, build_sizing_bars
from engine.screening.entries import decision_instants, planned_entries
from engine.screening.simulation import PreparedSet
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

    def prepared(self, plan: BracketPlan, config: RunConfig) -> PreparedSet:
        """Return one set in the form of the kernel."""
        costs = config.venue.costs_of(self._instrument)
        tiers = MarketTiers(self._inputs.market, config.risk.market_tiers)
        return PreparedSet(
            terms_row(config, self._instrument, costs, self._margin, plan),
            ladder_rows(config),
            planned_entries(plan, self._decisions, self._sizing_bars(config.risk), tiers),
        )

    def _sizing_bars(self, risk: RiskConfig) -> SizingBars:
        """Return the bars that size an entry, computed once for each pair of windows."""
        key = (risk.volatility_window, risk.participation_window)
        if key not in self._sizing:
            timeframe = self._inputs.bars[self.name].key.timeframe
            dataset = self._inputs.dataset
            self._sizing[key] = build_sizing_bars(dataset, self.name, timeframe, risk)
        return self._sizing[key]
