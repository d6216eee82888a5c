"""``summary.txt``: a run in the two minutes of a portfolio manager."""

from engine.benchmark.daily_returns import HeldBenchmark
from engine.formatting import columns, wrapped
from engine.pages import run_rows
from engine.results.contents import run_folder_name
from engine.results.doubtful import doubtful_warnings
from engine.results.finished import RunRecord
from engine.results.manifest import assumptions

SHOWN_TRADES = 40
SHOWN_BLOCKS = 8
TEARSHEET = ("tearsheet.html", "pictures and tables")
FILES = (
    ("trades.parquet", "every trade; `riskoff explain RUN --trade N` explains one"),
    ("fills, orders, ledger .parquet", "every execution, order and cash movement"),
    (
        "journal_*.parquet",
        "reasons for entries that were not made; `riskoff explain RUN --why-not DAY`",
    ),
    ("manifest.json", "hashes, data labels, assumptions"),
)


def summary(record: RunRecord, benchmark: HeldBenchmark | None, *, tearsheet: bool = True) -> str:
    """Return the summary's text; its first line warns when the data are synthetic.

    Without ``tearsheet`` the list of files does not name the page.
    """
    files = [TEARSHEET, *FILES] if tearsheet else FILES
    parts = [
        _head(record),
        ["RESULT", *columns(run_rows.headline_rows(record, benchmark))],
        wrapped(run_rows.headline_note(record)),
        [f"MONEY, {run_rows.currency(record)}", *columns(run_rows.cost_rows(record))],
        *_wallets(record),
        _trades(record),
        *_hedges(record),
        ["CONDITIONS, how often they held", *_conditions(record)],
        _decisions(record),
        ["ASSUMPTIONS", *_assumptions(record)],
        ["FILES", *columns(files, left=2)],
    ]
    return "\n\n".join("\n".join(part) for part in parts) + "\n"


def _head(record: RunRecord) -> list[str]:
    config = record.run.config
    first = run_rows.title(record)
    if record.is_synthetic:
        first = f"*** SYNTHETIC DATA: nothing here happened *** {first}"
    account = config.account
    return [
        first,
        f"Window  {run_rows.window(record)}.",
        f"Data    {run_rows.data_line(record)}.",
        *(line for warning in doubtful_warnings(record) for line in wrapped(warning, "*** ")),
        f"Account {account.venue_cash:,.0f} at the venue ({account.margin_mode.value} margin), "
        f"{account.brokerage_cash:,.0f} at the brokerage; venue {config.venue.name}.",
        f"Run     {run_folder_name(record.run)}",
    ]


def _trades(record: RunRecord) -> list[str]:
    rows = run_rows.trade_rows(record)
    if len(rows) == 1:
        nearest = run_rows.near_misses(record)
        lines = ["TRADES", "  None. The rows nearest to an entry:"]
        return [*lines, *columns(nearest)] if len(nearest) > 1 else [*lines[:1], "  None."]
    lines = [
        f"TRADES (price, fees, funding and net in {run_rows.currency(record)}; R = net / loss at "
        "the initial stop)",
        *columns(rows[: SHOWN_TRADES + 1], left=4),
    ]
    if len(rows) > SHOWN_TRADES + 1:
        lines.append(f"  and {len(rows) - 1 - SHOWN_TRADES} more in trades.parquet")
    return lines


def _hedges(record: RunRecord) -> list[list[str]]:
    rows = run_rows.hedge_rows(record)
    if len(rows) == 1:
        return []
    title = f"HEDGES, {run_rows.currency(record)}"
    return [[title, *columns(rows), *wrapped(run_rows.HEDGE_NOTE)]]


def _wallets(record: RunRecord) -> list[list[str]]:
    rows = run_rows.wallet_rows(record)
    if len(rows) == 1:
        return []
    return [["CASH IN ANOTHER CURRENCY, a position of its own", *columns(rows)]]


def _conditions(record: RunRecord) -> list[str]:
    rows = run_rows.condition_table(record)
    if len(rows) == 1:
        return ["  The playbook declares none."]
    # The last column is a sentence: it is aligned to the left and not padded.
    counts = columns([row[:-1] for row in rows])
    width = max(len(line) for line in counts)
    return [f"{line:<{width}}  {row[-1]}" for line, row in zip(counts, rows, strict=True)]


def _decisions(record: RunRecord) -> list[str]:
    lines = ["DECISIONS"]
    for what, rows in (
        ("cap that set the size", run_rows.cap_rows(record)),
        ("guards, ladder and tiers", [row[:2] for row in run_rows.act_rows(record)[1:]]),
        ("orders to buy that were not filled in full", run_rows.unfilled_rows(record)),
        (
            "reasons that blocked an entry or a rebalancing, bars",
            run_rows.block_rows(record)[:SHOWN_BLOCKS],
        ),
    ):
        words = ", ".join(f"{name} {count}" for name, count in rows) or "none"
        lines.append(f"  {what}: {words}")
    return lines


def _assumptions(record: RunRecord) -> list[str]:
    return [line for sentence in assumptions(record) for line in wrapped(sentence, "- ")]
