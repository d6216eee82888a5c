"""The audit's main path."""

from collections.abc import Iterable
from pathlib import Path

from data_feeds.catalog import Catalog
from data_feeds.dataset import Dataset
from data_feeds.load import open_source
from engine.audit.books import check_equity, check_facts
from engine.audit.case import Case
from engine.audit.daily import check_daily
from engine.audit.doubt import check_doubtful
from engine.audit.fills import check_fills
from engine.audit.income import bill_slots, interest_slots, payment_slots
from engine.audit.liquidations import check_liquidations
from engine.audit.market import closes, load_market
from engine.audit.metrics import check_metrics, measured_cases
from engine.audit.orders import check_decisions, check_guards, check_orders
from engine.audit.replay import replay
from engine.audit.report import AuditReport, Recorder
from engine.audit.trades import check_trades
from engine.audit.walk import check_bars
from engine.records import Fill
from engine.run_folder.read import ResultFolder, RunFolder


def audit_run(run_folder: Path, source: Catalog | Dataset | None = None) -> AuditReport:
    """Return what a second program finds in a run folder.

    It reads the run's tables and the market channels, derives what should have happened, and
    compares; it shares no code with ledger and broker. See docs/audit.md.

    Parameters
    ----------
    run_folder : a folder that ``riskoff run`` wrote
    source : where the market data are; None: the source named in the run's own config

    Raises
    ------
    ReportError : a file of the run is missing or cannot be read
    DataError : the market data cannot be opened
    """
    return audited(run_folder, source).recorder.report()


def audited(run_folder: Path, source: Catalog | Dataset | None = None) -> Case:
    """Return the case of a run after every check; see :func:`audit_run`."""
    files = RunFolder(run_folder, sealed=False)
    recorder = Recorder(turnover(files.fills))
    check_files(files, recorder)
    opened = open_source(files.config.data.source) if source is None else source
    dataset, markets = load_market(files, opened, recorder)
    traded = [markets[name] for name in files.traded if name in markets]
    last = max(closes(traded, files.start, files.end).tolist(), default=files.start)
    payments = payment_slots(markets, files.start, last)
    interest = interest_slots(files, dataset, traded)
    account = replay(files, markets, payments, interest)
    case = Case(files, markets, account, recorder, bill_slots(files, dataset, traded))

    check_decisions(case)
    check_orders(case)
    check_fills(case)
    check_bars(case)
    check_liquidations(case)
    recorder.count("funding and dividend slots", len(payments))
    check_facts(case)
    check_equity(case)
    check_trades(case)
    check_guards(case)
    check_doubtful(case)
    measured = measured_cases([case], files.curve)
    check_daily(files.daily, measured.parts, measured.path, recorder)
    check_metrics(files.metrics, measured, recorder)
    return case


def turnover(fills: Iterable[Fill]) -> float:
    """Return the sum of the notional of some fills, quote."""
    return sum((abs(fill.quantity) * fill.price for fill in fills), start=0.0)


def check_files(folder: ResultFolder, recorder: Recorder) -> None:
    """Check that every data file of a folder is the file that was written.

    A folder without seals is not published yet: a comparison audits a run before it is sealed.
    """
    broken = folder.broken_seals()
    if broken is None:
        return
    for name, why in broken.items():
        recorder.line(name, "whole file").differs(
            "as it was written", expected="the sealed file", found=f"it {why}"
        )
    recorder.count("seals")
