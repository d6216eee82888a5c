"""The whole answer for one instant, from a catalog that is up to date."""

from collections.abc import Sequence
from pathlib import Path
from zoneinfo import ZoneInfo

from data_feeds.catalog import Catalog
from data_feeds.clock import NEW_YORK, local_datetime, utc_text
from data_feeds.schema import Provenance
from engine.config.market import MarketStateConfig
from engine.config.models import RunConfig
from engine.today.ages import checklist_ages
from engine.today.answer_data import FetchedRows, TodayReport
from engine.today.market_reading import market_day
from engine.today.playbook_day import playbook_day
from engine.today.releases_ahead import next_releases


def today_report(
    source: Catalog,
    rules: MarketStateConfig,
    runs: Sequence[RunConfig],
    at: int,
    *,
    plugin_path: Path | None = None,
    fetched: FetchedRows | None = None,
) -> TodayReport:
    """Return the checklist and every run at an instant (ns UTC), from rows known by then.

    Raises
    ------
    CoverageError : the data hold none of the checklist's channels.
    RiskoffError : a run's config or playbook cannot be used.
    """
    market, provenance = market_day(source, rules, at)
    playbooks = tuple(playbook_day(run, source, at, plugin_path) for run in runs)
    own = [age for playbook in playbooks for age in playbook.inputs]
    synthetic = provenance is Provenance.SYNTHETIC or any(p.is_synthetic for p in playbooks)
    return TodayReport(
        at=utc_text(at),
        new_york=f"{local_datetime(at, ZoneInfo(NEW_YORK)):%A %Y-%m-%d %H:%M}",
        data=str(source.path),
        is_synthetic=synthetic,
        market=market,
        playbooks=playbooks,
        inputs=(*checklist_ages(source, rules, at), *own),
        releases=next_releases(source, rules, at),
        fetched=fetched,
    )
