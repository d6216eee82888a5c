"""The main path of the audit of one run."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from data_feeds.catalog import Catalog
from data_feeds.dataset import Dataset
from data_feeds.load import open_source
from engine.audit.audited_run import AuditedRun
from engine.audit.bar_walk import check_bars
from engine.audit.borrowed_shorts import lending_slots
from engine.audit.cash_and_equity import check_equity, check_facts
from engine.audit.channels import InstrumentData, closes, load_market
from engine.audit.daily import check_daily
from engine.audit.doubtful_fills import check_doubtful
from engine.audit.fills import check_fills
from engine.audit.findings import AuditReport, FindingRecorder
from engine.audit.income import bill_slots, interest_slots, payment_slots
from engine.audit.liquidations import check_liquidations
from engine.audit.metrics import check_metrics, measured_runs
from engine.audit.orders import check_decisions, check_guards, check_orders
from engine.audit.replay import replay
from engine.audit.trades import check_trades
from engine.audit.trail_levels import check_trail_terms
from engine.audit.wallet_values import WalletValues, check_wallets
from engine.records import Fill
from engine.run_folder.read import ResultFolder, RunFolder


def audit_run(run_folder: Path, source: Catalog | Dataset | None = None) -> AuditReport:
    """Return the findings of the audit in a run folder.

    The audit reads the run's tables and the market channels, derives the run again and compares.
    It shares no code with ledger and broker. See docs/audit.md.

    Parameters
    ----------
    run_folder : a folder that ``riskoff run`` wrote
    source : the market data; None opens the source that the run's config names

    Raises
    ------
    ReportError : a file of the run is missing or cannot be read
    DataError : the market data cannot be opened
    """
    return audited(run_folder, source).recorder.report()


def audited(run_folder: Path, source: Catalog | Dataset | None = None) -> AuditedRun:
    """Return a run after every check; see :func:`audit_run`."""
    files = RunFolder(run_folder, sealed=False)
    recorder = FindingRecorder()
    check_files(files, recorder)
    opened = open_source(files.config.data.source) if source is None else source
    dataset, markets = load_market(files, opened, recorder)
    recorder.allow_rounding(turnover(files.fills, markets))
    traded = [markets[name] for name in files.traded if name in markets]
    last = max(closes(traded, files.start, files.end).tolist(), default=files.start)
    payments = payment_slots(markets, files.start, last)
    interest = interest_slots(files, dataset, traded)
    values = WalletValues(files, dataset)
    check_wallets(files, markets, recorder)
    lending = lending_slots(files, dataset, traded)
    account = replay(files, markets, payments, interest, values, lending)
    bill = bill_slots(files, dataset, traded)
    run = AuditedRun(files, markets, account, recorder, values, bill)

    check_decisions(run)
    check_orders(run)
    check_trail_terms(run)
    check_fills(run)
    check_bars(run)
    check_liquidations(run)
    recorder.count("funding and dividend slots", len(payments))
    check_facts(run)
    check_equity(run)
    check_trades(run)
    check_guards(run)
    check_doubtful(run)
    measured = measured_runs([run], files.curve)
    check_daily(files.daily, measured.parts, measured.path, recorder)
    check_metrics(files.metrics, measured, recorder)
    return run


def turnover(fills: Iterable[Fill], markets: Mapping[str, InstrumentData]) -> float:
    """Return the sum of the notional of some fills, quote."""
    faces = {name: market.rules.face for name, market in markets.items()}
    return sum(
        (abs(fill.quantity) * (faces.get(fill.instrument) or fill.price) for fill in fills),
        start=0.0,
    )


def check_files(folder: ResultFolder, recorder: FindingRecorder) -> None:
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
