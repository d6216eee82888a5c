"""Write the tables of docs/sleeves.md: three playbooks in one account over the three episodes.

    make real-data
    .venv/bin/python docs/account_results.py

Every account is audited; one that does not audit clean stops it. Numbers of ours only; no market
data are copied.
"""

import tempfile
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from data_feeds.load import open_source
from engine.account.folder import AccountRecord, SleeveLine, write_account
from engine.account.run import run_sleeves
from engine.audit import audit_account, format_report
from engine.config.load import load_account_config
from engine.pages.account_page import correlations

ROOT = Path(__file__).parent.parent
REAL = ROOT / ".data" / "catalog"
PAGE = ROOT / "docs" / "sleeves.md"
BEGIN, END = "<!-- results begin -->", "<!-- results end -->"
EPISODES = ("2020", "2022", "2026")
RULES = {"as shipped": (), "no joint rules": ("risk={}",)}


@dataclass(frozen=True)
class Figures:
    """One account: fractions of the starting equity."""

    window: str
    total: float
    deepest: float
    trips: int
    lines: tuple[SleeveLine, ...]
    correlated: tuple[tuple[str, float], ...]


def figures(job: tuple[str, str]) -> Figures:
    """Run and audit one account."""
    episode, rules = job
    path = ROOT / "configs" / "accounts" / f"three_playbooks_{episode}.yaml"
    config = load_account_config(path, [f"data.source={REAL}", *RULES[rules]])
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
    return Figures(
        window=f"{config.data.start:%Y-%m-%d} to {config.data.end:%Y-%m-%d}",
        total=record.metrics["total_return"],
        deepest=record.metrics["max_drawdown_bars"],
        trips=sum(event.event == "tripped" for event in result.joint.guard_events),
        lines=record.lines,
        correlated=tuple((f"{a}, {b}", float(frame.loc[a, b])) for a, b in pairs),
    )


def tables(found: dict[tuple[str, str], Figures]) -> list[str]:
    """Return the lines of all tables."""
    shipped = {episode: row for (episode, rules), row in found.items() if rules == "as shipped"}
    lines = _heading(
        "account, rules, return, deepest drawdown, guards tripped, capped, blocked, sold"
    )
    for (episode, rules), row in found.items():
        counts = [sum(getattr(x, n) for x in row.lines) for n in ("capped", "blocked", "sold")]
        account = f"{episode}, {row.window}"
        lines.append(
            f"| {account} | {rules} | {row.total:+.2%} | {row.deepest:.2%} | {row.trips} | "
            f"{' | '.join(map(str, counts))} |"
        )
    lines += ["", "As shipped, sleeve by sleeve:", ""]
    lines += _heading("account, sleeve, cash, return, deepest drawdown, contribution, trades")
    for episode, row in shipped.items():
        lines += [
            f"| {episode} | {line.sleeve} | {line.start_equity:,.0f} | {line.total_return:+.2%} | "
            f"{line.max_drawdown:.2%} | {line.contribution:+.2%} | {line.trades} |"
            for line in row.lines
        ]
    pairs = [pair for pair, _ in next(iter(shipped.values())).correlated]
    lines += ["", "Correlation of their daily returns:", "", *_heading("account", *pairs)]
    for episode, row in shipped.items():
        lines.append(f"| {episode} | {' | '.join(f'{x:+.2f}' for _, x in row.correlated)} |")
    return [*lines, ""]


def _heading(*names: str) -> list[str]:
    """Return the first two lines of a table; a single text lists its columns."""
    columns = names[0].split(", ") if len(names) == 1 else names
    return [f"| {' | '.join(columns)} |", "|" + "---|" * len(columns)]


def main() -> None:
    """Run everything, on two processes; replace the generated part."""
    jobs = [(episode, rules) for episode in EPISODES for rules in RULES]
    with ProcessPoolExecutor(2) as pool:
        found = dict(zip(jobs, pool.map(figures, jobs), strict=True))
    before, rest = PAGE.read_text(encoding="utf-8").split(BEGIN)
    _, after = rest.split(END)
    PAGE.write_text("\n".join([before + BEGIN, "", *tables(found), END + after]), encoding="utf-8")


if __name__ == "__main__":
    main()
