"""Write ``summary.txt`` and ``account.html`` of an account that several playbooks share."""

import math
from collections import Counter
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from data_feeds.clock import utc_text
from data_feeds.schema import Provenance
from engine.account.folder import (
    AccountRecord,
    FinishedAccount,
    write_account,
)
from engine.answers.ladder_history import LadderHistory
from engine.answers.risk_acts import acts
from engine.benchmark.daily_returns import HeldBenchmark
from engine.benchmark.run_benchmark import held_numbers, held_on
from engine.formatting import (
    columns,
    counted_noun,
    money,
    number,
    percent,
    signed,
    without,
    wrapped,
)
from engine.metrics import standard_deviation, varies, window_years
from engine.pages import run_rows
from engine.pages.account_chart import account_chart
from engine.pages.account_rows import (
    cap_rows,
    ladders_of,
    rung_rows,
    shared_assumptions,
    transfer_rows,
)
from engine.pages.account_sentences import AccountFacts, account_conclusions
from engine.pages.html import render
from engine.pages.publish import SUMMARY_FILE, TEARSHEET_FILE, write_reports
from engine.pages.quantstats_part import quantstats_part
from engine.results.coverage import missing_bars
from engine.results.doubtful import doubtful_warnings
from engine.results.manifest import bill_sentence
from engine.run_folder.schema import (
    ACCOUNT_FILE,
    DAILY,
    EQUITY,
    GUARDS,
    MANIFEST_FILE,
    METRICS_FILE,
    SLEEVE_EQUITY,
    SLEEVES,
    SLEEVES_FOLDER,
)

ACCOUNT_PAGE = "account.html"
NOTE = (
    "Each sleeve has its own cash and books. Contribution is a sleeve's net result over the "
    "account's cash at the start. Capped: entries that a cap of the account made smaller; blocked: "
    "entries that a guard of the account refused; sold: exits that such a guard ordered."
)
LADDER_NOTE = (
    "After each bar close, by the fall from the ladder's own peak, which restarts after a halt. "
    "The chart draws that fall where the account has a ladder. A sleeve follows the stricter of "
    "its own ladder and the account's. A ladder changes the size of new positions only; a halt "
    "also sells."
)
CAP_NOTE = "Approved entries whose size this cap set, by sleeve; the smallest cap sets it."
FILES = (
    (SUMMARY_FILE, "result, sleeves, correlations and guards as text"),
    (f"{SLEEVES_FOLDER}/", "a run folder a sleeve, with its page and tables"),
    (ACCOUNT_FILE, "the account, every default filled in"),
    (METRICS_FILE, "the headline numbers for programs"),
    (MANIFEST_FILE, "the sleeves' run ids, data label, conventions"),
    (f"{EQUITY}.parquet", "the account's equity at each close"),
    (f"{SLEEVE_EQUITY}.parquet", "each sleeve's equity at the same closes"),
    (f"{SLEEVES.name}.parquet", "the table of sleeves"),
    (f"{DAILY.name}.parquet", "each day's change of equity, in parts"),
    (f"{GUARDS.name}.parquet", "the events of the account's guards"),
)
GUARD_WORDS = ("at (UTC)", "guard", "event", "equity", "detail")


def publish_account(
    account: FinishedAccount, root: Path, *, timing: Mapping[str, Any] | None = None
) -> Path:
    """Write the account's folder with all its pages and return its path.

    Raises
    ------
    ReportError : the folder cannot be written or a page cannot be made; nothing is left behind.
    """
    return write_account(
        account,
        root,
        add_reports=write_account_reports,
        add_sleeve_reports=partial(
            write_reports, back=f"../../{ACCOUNT_PAGE}", back_words="the account"
        ),
        timing=timing,
    )


def write_account_reports(record: AccountRecord, folder: Path) -> None:
    """Write ``summary.txt`` and ``account.html`` into an account's folder."""
    held = _benchmark(record)
    for name, text in (
        (SUMMARY_FILE, summary(record, held)),
        (ACCOUNT_PAGE, account_page(record, held)),
    ):
        (folder / name).write_text(text, encoding="utf-8", newline="\n")


def summary(record: AccountRecord, held: HeldBenchmark | None) -> str:
    """Return the account's summary as text."""
    guards = guard_rows(record)
    parts = [
        [_title(record, shout="*** SYNTHETIC DATA: nothing here happened *** "), *_about(record)],
        ["RESULT", *columns(headline_rows(record, held)), *wrapped(_bill(record))],
        [
            f"SLEEVES, {run_rows.currency(record.first)}",
            *columns(sleeve_rows(record), left=2),
            *wrapped(NOTE),
        ],
        ["DAILY RETURNS over the bill, correlation", *columns(correlation_rows(record))],
        ["GUARDS OF THE ACCOUNT", *(columns(guards, left=5) if len(guards) > 1 else ["  none"])],
        ["GUARDS, LADDER AND CAPS IN THE SLEEVES", *_columns_or_none(act_rows(record))],
        ["FILES", f"  {ACCOUNT_PAGE}; a run folder a sleeve in {SLEEVES_FOLDER}/"],
    ]
    return "\n\n".join("\n".join(part) for part in parts) + "\n"


def account_page(record: AccountRecord, held: HeldBenchmark | None) -> str:
    """Return the HTML of an account's page.

    Raises
    ------
    ReportError : quantstats failed.
    """
    curves = dict(zip(record.records, record.account.joint.curves, strict=True))
    ladders = ladders_of(record)
    unit = run_rows.currency(record.first)
    return render(
        "account.html.j2",
        page_title=_title(record),
        heading=_title(record),
        is_synthetic=record.provenance is Provenance.SYNTHETIC,
        notes=_about(record),
        conclusions=account_conclusions(facts_of(record, held, ladders)),
        headline=headline_rows(record, held),
        bill_sentence=_bill(record),
        sleeves=sleeve_rows(record),
        sleeves_note=NOTE,
        sleeve_pages=[
            (name, f"{SLEEVES_FOLDER}/{name}/{TEARSHEET_FILE}") for name in record.records
        ],
        correlations=correlation_rows(record),
        days=counted_noun(len(common_days(record)), "day"),
        chart=account_chart(
            record.curve,
            curves,
            unit,
            starts={name: sleeve.start_equity for name, sleeve in record.records.items()},
            rules=record.account.config.risk.drawdown,
            ladders=ladders,
        ),
        rungs=rung_rows(ladders),
        rungs_note=LADDER_NOTE,
        caps=cap_rows(record),
        caps_note=CAP_NOTE,
        transfers=transfer_rows(record),
        assumptions=shared_assumptions(record),
        files_beside=FILES,
        guards=guard_rows(record),
        acts=act_rows(record),
        quantstats=quantstats_part(
            record.excess_returns,
            None if held is None else held.excess,
            periods_per_year=record.periods_per_year,
            years=window_years(record.first.start, record.first.end),
        ),
        bill_series=record.bill.series,
    )


def facts_of(
    record: AccountRecord, held: HeldBenchmark | None, ladders: Mapping[str, LadderHistory]
) -> AccountFacts:
    """Return the numbers that the page's conclusions rest on."""
    years = window_years(record.first.start, record.first.end)
    # NaN where the benchmark has no return.
    other = held_numbers(held, record.periods_per_year, years).get("total_return", math.nan)
    return AccountFacts(
        total_return=record.metrics["total_return"],
        interest=record.metrics["interest_return"],
        benchmark=_benchmark_name(record),
        held=None if math.isnan(other) else other,
        sleeves=record.lines,
        correlations=correlations(record),
        days=len(common_days(record)),
        ladders=ladders,
        trades=len(record.trades),
    )


def headline_rows(record: AccountRecord, held: HeldBenchmark | None) -> run_rows.Rows:
    """Return rows of title, value of the account and of the benchmark, a heading row first."""
    years = window_years(record.first.start, record.first.end)
    values = held_numbers(held, record.periods_per_year, years)
    heading = ("", "the account", f"holding {_benchmark_name(record)}")
    return [heading, *run_rows.metric_rows(record.metrics, values)]


def sleeve_rows(record: AccountRecord) -> run_rows.Rows:
    """Return a row a sleeve, a heading row first."""
    heading = (
        "sleeve", "playbook", "start", "end", "return", "drawdown", "contribution", "trades",
        "capped", "blocked", "sold",
    )  # fmt: skip
    rows = [
        (
            line.sleeve,
            line.playbook,
            money(line.start_equity),
            money(line.end_equity),
            percent(line.total_return),
            percent(line.max_drawdown),
            percent(line.contribution),
            *(number(count) for count in (line.trades, line.capped, line.blocked, line.sold)),
        )
        for line in record.lines
    ]
    return [heading, *rows]


def correlations(record: AccountRecord) -> pd.DataFrame:
    """Return the correlation of the sleeves' daily excess returns on days that all of them have.

    NaN where a sleeve's excess does not vary, for example cash at the bill.
    """
    frame = common_days(record)
    still = [
        name
        for name in frame
        if not varies(standard_deviation(_array(frame[name])), _array(frame[name]))
    ]
    return frame.assign(**{str(name): np.nan for name in still}).corr()


def common_days(record: AccountRecord) -> pd.DataFrame:
    """Return the sleeves' daily excess returns on the days that all of them have."""
    found = {name: item.excess_returns for name, item in record.records.items()}
    return pd.DataFrame(found).dropna()


def _array(returns: "pd.Series[float]") -> NDArray[np.float64]:
    return np.asarray(returns, dtype=np.float64)


def correlation_rows(record: AccountRecord) -> run_rows.Rows:
    """Return the correlations as text, a heading row first."""
    found = correlations(record)
    rows = zip(found.columns, found.to_numpy().tolist(), strict=True)
    return [("", *found.columns), *((name, *map(signed, values)) for name, values in rows)]


def guard_rows(record: AccountRecord) -> run_rows.Rows:
    """Return the events of the account's guards, a heading row first."""
    events = record.account.joint.guard_events
    rows = [(utc_text(e.at), e.guard, e.event, money(e.equity), e.detail) for e in events]
    return [GUARD_WORDS, *rows]


def act_rows(record: AccountRecord) -> run_rows.Rows:
    """Return the acts of guards, drawdown ladders, tiers and account caps in the sleeves."""
    outcomes = [run.outcome for run in record.account.sleeves.values()]
    return acts(
        [event for outcome in outcomes for event in outcome.guard_events],
        [decision for outcome in outcomes for decision in outcome.decisions],
        [order for outcome in outcomes for order in outcome.orders],
    )


def _columns_or_none(rows: run_rows.Rows) -> list[str]:
    return columns(rows) if len(rows) > 1 else ["  none"]


def _benchmark_name(record: AccountRecord) -> str:
    return run_rows.benchmark_name(record.first)


def _benchmark(record: AccountRecord) -> HeldBenchmark | None:
    return held_on(record.first, record.money, record.bill)


def _bill(record: AccountRecord) -> str:
    return bill_sentence(record.first.run.config, record.bill)


def _title(record: AccountRecord, *, shout: str = "") -> str:
    sleeves = record.account.config.sleeves
    playbooks = Counter(
        f"{line.playbook}{without(sleeves[line.sleeve].playbook.ignore)}" for line in record.lines
    )
    words = ", ".join(
        name if count == 1 else f"{count} x {name}" for name, count in playbooks.items()
    )
    label = " (SYNTHETIC DATA)" if record.provenance is Provenance.SYNTHETIC else ""
    return f"{shout if label else ''}{record.account.config.name}: {words}{label}"


def _about(record: AccountRecord) -> list[str]:
    first, config = record.first, record.account.config
    return [
        f"Window  {utc_text(first.start)} to {utc_text(first.end)}.",
        f"Data    {'; '.join([run_rows.data_label(first), *_missing(record)])}.",
        *(
            f"Sleeve {name}: {warning}"
            for name, sleeve in record.records.items()
            for warning in doubtful_warnings(sleeve)
        ),
        f"Account {config.capital:,.0f} in {len(record.lines)} sleeves "
        f"({config.account.margin_mode.value} margin); venue {config.venue.name}.",
        f"Folder  {record.folder_name}",
    ]


def _missing(record: AccountRecord) -> list[str]:
    """Return the missing bars of the window, each instrument once."""
    texts = [missing_bars(sleeve) for sleeve in record.records.values()]
    return list(dict.fromkeys(part for text in texts for part in text.split("; ") if part))
