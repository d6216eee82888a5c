"""Make the tables of docs/sleeves.md: three playbooks in one account over the three episodes."""

import tempfile
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from data_feeds.load import open_source
from doc_tables.blocks import ROOT, PageBlock, table
from engine.account.folder import AccountRecord, write_account
from engine.account.run import run_sleeves
from engine.audit import audit_account, format_report
from engine.config.load import load_account_config
from engine.decision_terms import GuardEventKind
from engine.pages.account_page import correlations
from engine.run_folder.schema import SleeveLine

EPISODES = ("2020", "2022", "2026")
RULES = {"as shipped": (), "no joint rules": ("risk={}",)}
ACCOUNT_COLUMNS = (
    "account",
    "rules",
    "return",
    "deepest drawdown",
    "guards tripped",
    "capped",
    "blocked",
    "sold",
)
SLEEVE_COLUMNS = (
    "account",
    "sleeve",
    "cash",
    "return",
    "deepest drawdown",
    "contribution",
    "trades",
)


@dataclass(frozen=True)
class AccountRow:
    """Hold one account: fractions of the starting equity."""

    window: str
    total: float
    deepest: float
    trips: int
    lines: tuple[SleeveLine, ...]
    correlated: tuple[tuple[str, float], ...]


def account_row(job: tuple[str, str, Path]) -> AccountRow:
    """Run and audit one account."""
    episode, rules, catalog = job
    path = ROOT / "configs" / "accounts" / f"three_playbooks_{episode}.yaml"
    config = load_account_config(path, [f"data.source={catalog}", *RULES[rules]])
    source = open_source(config.data.source)
    result = run_sleeves(config, source)
    with tempfile.TemporaryDirectory() as folder:
        report = audit_account(write_account(result, Path(folder)), source)
    if not report.ok:
        raise SystemExit(f"{episode}, {rules}:\n{format_report(report)}")
    record = AccountRecord(result)
    frame = correlations(record)
    names = list(frame.columns)
    pairs = [(a, b) for i, a in enumerate(names) for b in names[i + 1 :]]
    return AccountRow(
        window=f"{config.data.start:%Y-%m-%d} to {config.data.end:%Y-%m-%d}",
        total=record.metrics["total_return"],
        deepest=record.metrics["max_drawdown_bars"],
        trips=sum(event.event == GuardEventKind.TRIPPED for event in result.joint.guard_events),
        lines=record.lines,
        correlated=tuple((f"{a}, {b}", float(frame[b][a])) for a, b in pairs),
    )


def tables(found: dict[tuple[str, str], AccountRow]) -> list[str]:
    """Return the lines of all tables."""
    shipped = {episode: row for (episode, rules), row in found.items() if rules == "as shipped"}
    accounts = []
    for (episode, rules), one in found.items():
        counts = [sum(getattr(x, n) for x in one.lines) for n in ("capped", "blocked", "sold")]
        account = f"{episode}, {one.window}"
        money = (f"{one.total:+.2%}", f"{one.deepest:.2%}", f"{one.trips}")
        accounts.append((account, rules, *money, *map(str, counts)))
    sleeves = [
        (
            episode,
            line.sleeve,
            f"{line.start_equity:,.0f}",
            f"{line.total_return:+.2%}",
            f"{line.max_drawdown:.2%}",
            f"{line.contribution:+.2%}",
            f"{line.trades}",
        )
        for episode, one in shipped.items()
        for line in one.lines
    ]
    pairs = [pair for pair, _ in next(iter(shipped.values())).correlated]
    correlated = [
        (episode, *(f"{x:+.2f}" for _, x in one.correlated)) for episode, one in shipped.items()
    ]
    return [
        *table(ACCOUNT_COLUMNS, accounts),
        "",
        "As shipped, sleeve by sleeve:",
        "",
        *table(SLEEVE_COLUMNS, sleeves),
        "",
        "Correlation of their daily returns:",
        "",
        *table(("account", *pairs), correlated),
    ]


def blocks(catalog: Path) -> Iterator[PageBlock]:
    """Yield the page's tables; the accounts run in two processes."""
    jobs = [(episode, rules, catalog) for episode in EPISODES for rules in RULES]
    with ProcessPoolExecutor(2) as pool:
        results = pool.map(account_row, jobs)
        found = {
            (episode, rules): result
            for (episode, rules, _), result in zip(jobs, results, strict=True)
        }
    yield PageBlock("sleeves.md", "results", tables(found))
