"""Check YAML that a page shows against the models: whole files, and parts laid over a whole one."""

import json
import textwrap
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from data_feeds.errors import RiskoffError
from data_feeds.sources.mapping import ImportMapping, InstrumentFile
from data_feeds.sources.model_problems import parse_model
from data_feeds.yaml_text import parse_yaml
from engine.config.models import RunConfig
from engine.config_files import read_any
from engine.episodes import Episode
from strategies.rules.params import RulesParams
from strategies.rules.rule_models import TradeRule

# Keys that only one kind of file has, as `read_any` tells them apart.
WHOLE = ("playbook", "sleeves", "rows", "over")
RUN: Mapping[str, Any] = {
    "name": "shown",
    "data": {"source": "embedded", "start": "2025-07-01", "end": "2026-04-15"},
    "playbook": {"name": "liquidation_reclaim"},
    "venue": "binance_usdm",
}
RULES: Mapping[str, Any] = {
    "instruments": {
        "btc": "BTCUSDT-PERP@1h",
        **{name: f"{name.upper()}@session" for name in ("spy", "qqq", "ief", "gld")},
    },
    "series": {"vix": "VIX"},
    "clock": "btc@1h",
}
TRADE: Mapping[str, Any] = {
    "instrument": "btc",
    "enter": {"rises": "btc.close > btc.close[1]"},
    "stop": "btc.close * 0.9",
}


def yaml_problems(text: str, folder: Path) -> Iterator[str]:
    """Yield what is wrong with a snippet; one that is no part of a known file is a problem, too."""
    plain = textwrap.dedent(text)
    is_list = plain.lstrip().startswith("- ")
    try:
        data = parse_yaml(f"entries:\n{plain}" if is_list else plain).data
        if is_list:
            _check_list(data["entries"])
        elif not _checked_alone(data, plain):
            path = folder / "shown.yaml"
            path.write_text(plain if _is_whole(data) else json.dumps(_file_around(data)))
            read_any(str(path), None, None)
    except RiskoffError as error:
        yield str(error).replace(f"{folder}/", "")


def _is_whole(data: Mapping[str, Any]) -> bool:
    return "name" in data and any(key in data for key in WHOLE)


def _check_list(entries: list[Any]) -> None:
    key, model = ("instruments", InstrumentFile) if "id" in entries[0] else ("files", ImportMapping)
    parse_model(model, parse_yaml(json.dumps({key: entries})))


def _checked_alone(data: Mapping[str, Any], text: str) -> bool:
    """Check a file that no run reads; return False where it is another one."""
    for key, model in (("files", ImportMapping), ("phases", Episode)):
        if key in data:
            parse_model(model, parse_yaml(text))
            return True
    return False


def _file_around(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return a whole run with a part of one in its place: of the run, a rule file or a trade."""
    if data.keys() <= RunConfig.model_fields.keys():
        return {**RUN, **data}
    if data.keys() <= {"rates"}:
        return {**RUN, "account": {"currency": "USD", **data}}
    rules = dict(data)
    if not data.keys() <= RulesParams.model_fields.keys():
        trade = data if data.keys() <= TradeRule.model_fields.keys() else {"enter": data}
        rules = {"trades": {"shown": {**TRADE, **trade}}}
    return {**RUN, "playbook": {"name": "rules", "params": {**RULES, **rules}}}
