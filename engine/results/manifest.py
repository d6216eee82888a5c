"""The inputs of a run as hashes, and its assumptions as sentences."""

import hashlib
import json
import platform
from collections.abc import Mapping
from dataclasses import asdict
from datetime import timedelta
from functools import cache
from importlib import metadata
from typing import Any

import numpy as np
from pydantic import BaseModel

from data_feeds.calendar import ALWAYS_OPEN
from data_feeds.clock import datetime_ns, utc_text
from data_feeds.holes import gaps
from data_feeds.instrument import Instrument, InstrumentKind
from data_feeds.scenario_path import ScenarioPath
from data_feeds.schema import Channel, Provenance, time_columns
from engine.account_currencies import rate_sentences
from engine.code_versions import PACKAGES
from engine.config.models import RunConfig
from engine.config.venue import TERMS, LimitFill, TradingCosts
from engine.costs.market_activity import activity_digest
from engine.costs.slippage_model import BASIS_POINT
from engine.equity_curve import BillAccruals
from engine.playbook import compared_instruments
from engine.reads import Reads
from engine.results.cash_notes import cash_sentences
from engine.results.code_files import code_files, libraries, opens_unseen, own_files
from engine.results.coverage import lacking
from engine.results.doubtful import doubtful_fills
from engine.results.finished import (
    CUTS_OF_SHORT_RUNS,
    ChosenRules,
    FinishedRun,
    RunInputs,
    RunRecord,
)
from engine.results.lending_notes import lending_sentences
from engine.results.share_notes import jump_sentences, share_sentences
from engine.results.slippage_sentences import activity_sentences, model_sentences, slippage_sentence
from engine.results.venue_notes import is_taken_over, venue_sentences
from engine.run_folder.schema import FORMAT, RUN_ID_DIGITS
from engine.run_folder.seals import document_digest


def resolved_config(run: ChosenRules) -> dict[str, Any]:
    """Return the whole configuration with the playbook's defaults."""
    document = plain(run.config)
    document["playbook"]["params"] = plain(run.playbook.params)
    return document


def plain(model: BaseModel) -> dict[str, Any]:
    """Return a model for JSON and YAML with every set sorted: the order of a set is random.

    Mappings are already in the order of their keys.
    """
    document: dict[str, Any] = _sets_sorted(model.model_dump(mode="json"), model)
    return document


def _sets_sorted(value: Any, original: Any) -> Any:
    """Return the JSON of ``original`` with its sets sorted."""
    if isinstance(original, set | frozenset):
        return sorted(value, key=lambda item: json.dumps(item, sort_keys=True))
    if isinstance(value, dict):
        if isinstance(original, Mapping):
            wholes = list(original.values())
        else:
            wholes = [getattr(original, key, None) for key in value]
        pairs = zip(value.items(), wholes, strict=True)
        return {key: _sets_sorted(item, whole) for (key, item), whole in pairs}
    if isinstance(value, list) and isinstance(original, list | tuple):
        return [_sets_sorted(item, whole) for item, whole in zip(value, original, strict=True)]
    return value


def inputs_document(run: RunInputs) -> dict[str, Any]:
    """Return the hashes of everything that determines the result; the run id is their hash."""
    others = inputs_without_data(run)
    market = {} if run.market is None else {"market_sha256": run.market.fingerprint}
    # The costs may read finer bars than the run's channels hold.
    activity = {"activity_sha256": activity_digest(run.activity)} if run.activity else {}
    return {
        "config_sha256": others.pop("config_sha256"),
        "data_sha256": run.dataset.fingerprint,
        **market,
        **activity,
        **others,
    }


def inputs_without_data(run: ChosenRules) -> dict[str, Any]:
    """Return the hashes that are known before data are read: configuration, code, files, versions.

    ``prepare`` may still import further modules and read further files.
    """
    document = resolved_config(run)
    # The fingerprint names the contents of the data; their place and the playbook's alias do not
    # change a number.
    document["data"].pop("source")
    rules = type(run.playbook)
    document["playbook"]["name"] = f"{rules.__module__}:{rules.__qualname__}"
    return {
        "config_sha256": document_digest(document),
        "code_sha256": code_hash(rules, run.playbook.reads.modules),
        "files": run.playbook.reads.document(),
        "python": platform.python_version(),
        "packages": package_versions(rules),
        "seed": run.config.seed,
    }


def run_id(run: RunInputs) -> str:
    """Return the run's id: the first digits of a hash over :func:`inputs_document`."""
    return document_digest(inputs_document(run))[:RUN_ID_DIGITS]


def not_reusable(run: ChosenRules) -> list[str]:
    """Return the reasons why another run of this id may give another result; mostly none.

    A folder of such a run is not reused.
    """
    return [*unseen_reads(type(run.playbook), run.playbook.reads), *run.playbook.reads.not_reusable]


def unseen_reads(playbook: type, reads: Reads) -> list[str]:
    """Return the reasons why the hashes do not cover all that a playbook reads."""
    reasons = []
    if not own_files(playbook):
        reasons.append(f"the code of {playbook.__qualname__} lies in no file")
    if not reads.declared:
        reasons += [
            f"its code uses {word}, whose files are opened unseen: name them in Requirements.files"
            for word in opens_unseen(playbook)
        ]
    return reasons


@cache
def package_versions(playbook: type) -> dict[str, str]:
    """Return the versions of the libraries of a run, with the playbook's own libraries."""
    ours = {name: metadata.version(name) for name in PACKAGES}
    return dict(sorted((libraries(playbook) | ours).items()))


@cache
def code_hash(playbook: type, modules: frozenset[str] = frozenset()) -> str:
    """Return sha256 over the code of our packages, of the playbook and of its helpers.

    The files are read once a process, as they were imported. ``modules`` are further modules that
    the playbook imported while it ran.
    """
    digest = hashlib.sha256()
    for label, path in code_files(playbook, modules):
        digest.update(label.encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()


def manifest(record: RunRecord) -> dict[str, Any]:
    """Return the contents of ``manifest.json``, equal for every time and place of the run."""
    run = record.run
    outcome = run.outcome
    channels = {str(key): channel for key, channel in sorted(run.dataset.channels.items())}
    return {
        "format": FORMAT,
        "run_id": run_id(run),
        "name": run.config.name,
        "playbook": run.playbook.name,
        "left_out": list(run.config.playbook.ignore),
        "not_reusable": not_reusable(run),
        "data_label": record.provenance.name.lower(),
        "window": {
            "start": run.config.data.start.isoformat(),
            "end": run.config.data.end.isoformat(),
        },
        "inputs": inputs_document(run),
        "instruments": {
            name: item.model_dump(mode="json")
            for name, item in sorted(run.dataset.instruments.items())
        },
        "channels": {name: channel_label(item, run) for name, item in channels.items()},
        "simulation": {
            "instants": outcome.instants_total,
            "instants_visited": outcome.instants_visited,
            "mark_bars": outcome.mark_bars,
            "inferred_mark_bars": outcome.inferred_mark_bars,
            "fills_inferred": sum(fill.inferred for fill in outcome.fills),
        },
        "conventions": conventions(record.periods_per_year, outcome.bill),
        "fill_rule": {"limit_fill": run.config.venue.limit_fill.value, "ticks": limit_ticks(run)},
        "look_ahead": None if run.look_ahead is None else asdict(run.look_ahead),
        "lacking": _doubts(record),
        "doubtful_fills": [fill.fill_id for fill in doubtful_fills(record)],
        "assumptions": assumptions(record),
    }


def channel_label(channel: Channel, run: FinishedRun) -> dict[str, Any]:
    """Return one channel's rows by label, its first and last fact, and the missing rows."""
    first_column = time_columns(channel.key.kind)[0]
    labels = channel["label"]
    times = channel[first_column]
    document: dict[str, Any] = {
        "rows": len(channel),
        **{label.name.lower(): int((labels == label).sum()) for label in Provenance},
        "first_at": utc_text(int(times[0])) if len(times) else None,
        "last_at": utc_text(int(times[-1])) if len(times) else None,
    }
    instrument = run.dataset.instruments.get(channel.key.instrument)
    calendar = instrument.calendar if instrument is not None else ALWAYS_OPEN
    document["missing"] = sum(gap.missing for gap in gaps(channel, calendar))
    return document


def assumptions(record: RunRecord) -> list[str]:
    """Return the assumptions of the run, one sentence each."""
    run = record.run
    return [
        *_left_out_assumption(run.config),
        *_scenario_assumption(run.config),
        *_reads_assumption(run),
        *_look_ahead_assumption(run),
        *_venue_assumptions(run),
        _limit_assumption(run),
        _mark_assumption(run),
        *venue_sentences(record),
        *_doubts(record),
        *share_sentences(run),
        *_adjusted_assumption(run),
        *_option_assumption(record),
        "If one bar touches several levels, the level nearer to the open fills first, and the stop "
        "before the target. After an entry inside a bar only levels that the bar proves to come "
        "later can fill. A fill inside a bar is stamped at the bar's close.",
        *_rate_assumptions(run),
        *cash_sentences(run),
        *lending_sentences(run),
        f"Returns are daily, at midnight UTC, with {record.periods_per_year} periods a year.",
        bill_sentence(run.config, run.outcome.bill),
    ]


def _rate_assumptions(run: FinishedRun) -> list[str]:
    """Return the sentences on the rates of currencies; none for a run in one currency."""
    instruments = run.dataset.instruments
    names = compared_instruments(run.config, run.requirements)
    quotes = {instruments[name].quote for name in names if name in instruments}
    return rate_sentences(run.config.account, quotes, instruments)


def conventions(periods_per_year: int, bill: BillAccruals) -> dict[str, Any]:
    """Return the conventions of ratios; ``bill_series`` is null for an excess over 0."""
    return {
        "periods_per_year": periods_per_year,
        "bill_series": bill.series or None,
        "bill_day_count": "actual/365",
    }


def bill_sentence(config: RunConfig, bill: BillAccruals) -> str:
    """Return the sentence on the bill that ratios are in excess of."""
    if not config.bills:
        return "Ratios use returns in excess of 0: report.bill_series is null."
    if not bill.series:
        return f"Ratios use returns in excess of 0: the data hold no {config.report.bill_series}."
    unknown = int(np.isnan(bill.rate).sum())
    early = f", and 0 at {unknown} of {len(bill.at)} ends of days, when none was known yet"
    return (
        f"Ratios use returns in excess of the bill: {bill.series} as known the day before, accrued "
        f"like cash (actual/365, weekends included){early if unknown else ''}."
    )


def _doubts(record: RunRecord) -> list[str]:
    """Return sentences on missing data and on prices that look like an unrecorded split."""
    return [*lacking(record), *jump_sentences(record.run)]


def _venue_assumptions(run: FinishedRun) -> list[str]:
    cap = run.config.venue.participation_cap
    traded = [
        run.dataset.instruments[name]
        for name in run.requirements.traded
        if run.dataset.instruments[name].kind is not InstrumentKind.OPTION
    ]
    costs = {item.id: run.config.venue.costs_of(item) for item in traded}
    alike: dict[str, list[str]] = {}
    for item in traded:
        alike.setdefault(_cost_words(costs[item.id], item), []).append(item.id)
    return [
        *(_bracket_words(item, run.config) for item in traded if item.is_margined),
        *(words for item in traded for words in _kept_words(item, run.config)),
        *(f"{', '.join(names)}: {words}" for words, names in alike.items()),
        *model_sentences(run.config),
        *activity_sentences(run),
        "One bar fills at most "
        + (f"{cap:g} of its volume." if cap is not None else "any quantity: no volume cap."),
    ]


def limit_ticks(run: FinishedRun) -> dict[str, float]:
    """Return the tick of each traded instrument that takes limit orders, quote."""
    traded = {name: run.dataset.instruments[name] for name in run.requirements.traded}
    return {
        name: item.tick_size
        for name, item in traded.items()
        if item.kind is not InstrumentKind.OPTION
    }


def _limit_assumption(run: FinishedRun) -> str:
    if run.config.venue.limit_fill is LimitFill.TOUCH:
        return (
            "A limit entry or a target fills inside a bar if the price touches it, as for the "
            "first order in the queue (venue.limit_fill: touch)."
        )
    ticks = ", ".join(f"{name} {tick:g}" for name, tick in limit_ticks(run).items())
    return (
        "A limit entry or a target fills inside a bar only if the price trades at least a tick "
        f"beyond it (venue.limit_fill: through); ticks: {ticks}."
    )


def _bracket_words(item: Instrument, config: RunConfig) -> str:
    """Return the sentence on a perp's maintenance table: its source and its day."""
    _, record = config.venue.brackets_of(item)
    if record is None:
        stands = config.venue.is_general("maintenance")
        why = "because its record holds none" if stands else "as this run writes it"
        return (
            f"Maintenance brackets of {item.id} are today's table of {config.venue.name} for the "
            f"whole window, {why}."
        )
    start = config.data.start.date()
    words = f"Maintenance brackets of {item.id} are those of {record.since} ({record.source})"
    if record.since > start:
        words += "; they also serve for earlier days, for which no record is published"
    return words + "."


def _kept_words(item: Instrument, config: RunConfig) -> list[str]:
    """Return the sentence on terms that change inside the window, which the run keeps."""
    last = (config.data.end - timedelta(microseconds=1)).date()
    changes = [
        change.words
        for record in item.terms
        for change in record.changes
        if change.since <= last
        # Filters are always the instrument's; a cost may be set by the run.
        and (change.name not in TERMS or config.venue.is_general(change.name))
    ]
    if not changes:
        return []
    return [
        f"{item.id} keeps the terms of {config.data.start.date()} for the whole window, although "
        f"its records change {', '.join(changes)}."
    ]


def _cost_words(costs: TradingCosts, item: Instrument) -> str:
    maker, taker, forced = (
        f"{round(rate / BASIS_POINT, 6):g} bps"
        for rate in (costs.maker_rate, costs.taker_rate, costs.liquidation_fee_rate)
    )
    fees = f"fees are {maker} for maker fills and {taker} for taker fills"
    if item.is_margined and is_taken_over(item):
        fees += f", {taker} at the bankruptcy price for a liquidation"
    elif item.is_margined:
        fees += f", {forced} of notional for a liquidation"
    return f"{fees}, unchanged through the window. {slippage_sentence(costs)}"


def _scenario_assumption(config: RunConfig) -> list[str]:
    path = ScenarioPath.named(config.data.source)
    if path is None:
        return []
    return [
        f"INVENTED: all data from {utc_text(datetime_ns(config.data.start))} on are {path.words}. "
        "The scenario has no probability, and no forecast follows. No catalog holds the path: "
        "`riskoff stress --path` makes its run again and audits it."
    ]


def _left_out_assumption(config: RunConfig) -> list[str]:
    names = config.playbook.ignore
    if not names:
        return []
    return [
        f"NOT THE RULES AS WRITTEN: {', '.join(names)} counted as true at every row "
        "(playbook.ignore), whatever was measured."
    ]


def _reads_assumption(run: FinishedRun) -> list[str]:
    reasons = not_reusable(run)
    if not reasons:
        return []
    return [
        f"NOT REUSABLE: {'; '.join(reasons)}. The run id may not name all that the result depends "
        "on, so a comparison runs it again every time."
    ]


def _look_ahead_assumption(run: FinishedRun) -> list[str]:
    check = run.look_ahead
    if check is None or check.most >= CUTS_OF_SHORT_RUNS:
        return []
    return [
        f"The look-ahead check computed the signals again on {check.cuts} cuts of the data, since "
        f"each cut repeats up to {check.rows:,} rows; a shorter run has up to "
        f"{CUTS_OF_SHORT_RUNS} at decisions."
    ]


def _mark_assumption(run: FinishedRun) -> str:
    outcome = run.outcome
    if outcome.mark_bars == 0:
        return "No bar was marked."
    share = outcome.inferred_mark_bars / outcome.mark_bars
    return (
        f"In {outcome.inferred_mark_bars} of {outcome.mark_bars} bars ({share:.1%}) the mark is "
        "not the venue's record: it is inferred from the last price or another market, or "
        "generated. Liquidations use it."
    )


def _adjusted_assumption(run: FinishedRun) -> list[str]:
    traded = run.requirements.traded
    adjusted = [name for name in traded if run.dataset.instruments[name].dividend_adjusted]
    if not adjusted:
        return []
    return [
        f"Prices of {', '.join(adjusted)} are adjusted for dividends: returns contain them, levels "
        "and quantities are not what was traded, and no dividend is paid."
    ]


def _option_assumption(record: RunRecord) -> list[str]:
    if not record.options:
        return []
    model = record.run.config.options
    return [
        f"Option prices are SYNTHETIC: European puts by Black-Scholes with a stated smile (skew "
        f"{model.skew:g}, convexity {model.convexity:g}) whose level reproduces the volatility "
        f"index, half spreads of {model.haircut:.1%} of each leg and more when it is high, cash "
        "settlement at the close of the expiry. They use no traded option price."
    ]
