import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pydantic import Field

from data_feeds.errors import YamlError
from engine.config.load import load_compare_config, load_run_config
from engine.config.locations import CONFIGS_FOLDER
from engine.config.models import RunConfig
from engine.errors import ConfigError
from engine.playbook import PlaybookParams
from engine.testing import PERP

Writer = Callable[..., Path]


class SmallParams(PlaybookParams):
    bars: int = Field(3, gt=1, description="Look-back, bars")
    level: float | None = Field(0.5, gt=0, description="Fraction of price")


def toy(name: str) -> type[PlaybookParams]:
    if name != "toy":
        raise ConfigError("no such playbook; did you mean toy?")
    return SmallParams


def problems(path: Path, *overrides: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load_run_config(path, overrides, params_model=toy)
    return str(caught.value).replace(str(path), "run.yaml").splitlines()


def test_a_complete_file_loads_with_defaults_of_model_venue_and_playbook(run_file: Writer) -> None:
    config = load_run_config(run_file(), params_model=toy)
    assert config.data.start == datetime(2026, 1, 1, tzinfo=UTC)
    assert config.data.end == datetime(2026, 2, 1, 12, tzinfo=UTC)
    assert config.playbook.params == {"bars": 5, "level": 0.5}
    assert config.venue.costs_of(PERP).taker_rate == pytest.approx(0.0005)
    assert config.risk.risk_fraction == 0.02
    assert config.risk.leverage_cap == 3.0


def test_params_stay_as_written_when_no_model_is_given(run_file: Writer) -> None:
    assert load_run_config(run_file()).playbook.params == {"bars": 5}


def test_a_resolved_config_written_as_json_is_read_back_equal(
    run_file: Writer, tmp_path: Path
) -> None:
    config = load_run_config(run_file(), params_model=toy)
    resolved = tmp_path / "resolved.yaml"  # JSON is YAML
    resolved.write_text(config.model_dump_json())
    assert load_run_config(resolved, params_model=toy) == config


def test_an_offset_is_converted_to_utc(run_file: Writer) -> None:
    path = run_file(("2026-01-01", "2026-01-01T00:00-05:00"))
    assert load_run_config(path).data.start == datetime(2026, 1, 1, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (
            "risk_fraction",
            "risk_fracton",
            "run.yaml:11: risk.risk_fracton: unknown key; did you mean risk.risk_fraction?",
        ),
        (
            "venue: binance_usdm",
            "venue: binance_usdm\nleverage_cap: 2",
            "run.yaml:10: leverage_cap: unknown key; did you mean risk.leverage_cap?",
        ),
        (
            "risk_fraction",
            '"a\\nb\\e[31m"',
            "run.yaml:11: risk.a b?[31m: unknown key; known here: risk_fraction, "
            "target_volatility, "
            "volatility_window, leverage_cap, notional_cap, participation_cap, "
            "participation_window, max_leverage_setting, liquidation_distance, daily_loss, "
            "weekly_loss, drawdown, ...",
        ),
        (
            "bars: 5",
            "barz: 5",
            "run.yaml:8: playbook.params.barz: unknown key; did you mean playbook.params.bars?",
        ),
        (
            "0.02",
            "5",
            "run.yaml:11: risk.risk_fraction = 5: must be 0.2 or less "
            "(Loss at the stop as a fraction of equity, costs included)",
        ),
        (
            "0.02",
            "-0.02",
            "run.yaml:11: risk.risk_fraction = -0.02: must be above 0 "
            "(Loss at the stop as a fraction of equity, costs included)",
        ),
        (
            "0.02",
            "2%",
            'run.yaml:11: risk.risk_fraction = "2%": must be a number, not text; write 1% as 0.01 '
            "(Loss at the stop as a fraction of equity, costs included)",
        ),
        (
            "0.02",
            "'0.02'",
            'run.yaml:11: risk.risk_fraction = "0.02": must be a number, not text; '
            "remove the quotes (Loss at the stop as a fraction of equity, costs included)",
        ),
        (
            "bars: 5",
            "bars: 5.5",
            "run.yaml:8: playbook.params.bars = 5.5: must be a whole number (Look-back, bars)",
        ),
        (
            "bars: 5",
            "bars: 1",
            "run.yaml:8: playbook.params.bars = 1: must be above 1 (Look-back, bars)",
        ),
        (
            "0.02",
            "true",
            "run.yaml:11: risk.risk_fraction = true: must be a number "
            "(Loss at the stop as a fraction of equity, costs included)",
        ),
        (
            "0.02",
            ".nan",
            "run.yaml:11: risk.risk_fraction = nan: must be a finite number; "
            "null switches a limit off",
        ),
        (
            "bars: 5",
            "bars: 5\n    level: -.inf",
            "run.yaml:9: playbook.params.level = -inf: must be a finite number; "
            "null switches a limit off",
        ),
        (
            "2026-01-01",
            "2026",
            "run.yaml:3: data.start = 2026: write an instant as 2026-02-05 or 2026-02-05T14:00Z; "
            "no zone means UTC (First instant traded, UTC; the warm-up comes before it)",
        ),
        (
            "2026-02-01T12:00Z",
            "2025-02-01",
            "run.yaml:2: data: end 2025-02-01 must lie after start 2026-01-01",
        ),
        (
            "  end: 2026-02-01T12:00Z\n",
            "",
            "run.yaml:2: data.end: missing; add it (Last instant traded, UTC)",
        ),
        (
            "0.02",
            "0.02\n  cool_down: 12 hours",
            "run.yaml:12: risk.cool_down = \"12 hours\": '12 hours' is not a duration; write a "
            "positive whole number and one of s m h d w, for example 15m or 4h "
            "(No entry after a losing exit for this long)",
        ),
        (
            "risk:\n  risk_fraction: 0.02",
            "risk: 0.02",
            "run.yaml:10: risk = 0.02: must be a block of 'key: value' lines",
        ),
        (
            "name: toy",
            "name: toi",
            "run.yaml:6: playbook.name = 'toi': no such playbook; did you mean toy?",
        ),
        (
            "binance_usdm",
            "binance_usd",
            'run.yaml:9: venue = "binance_usd": no such venue; did you mean binance_usdm?, '
            "or write the venue inline",
        ),
        (
            "name: trial",
            "name: Trial Run",
            'run.yaml:1: name = "Trial Run": must match ^[a-z0-9][a-z0-9_\\-]*$ '
            "(Names the run folder)",
        ),
        (
            "0.02",
            "0.02\naccount:\n  margin_mode: crossed",
            "run.yaml:13: account.margin_mode = \"crossed\": must be 'isolated' or 'cross' "
            "(isolated or cross)",
        ),
    ],
)
def test_one_mistake_gives_one_line_with_place_value_and_remedy(
    run_file: Writer, old: str, new: str, expected: str
) -> None:
    assert problems(run_file((old, new))) == [expected]


def test_every_mistake_of_a_file_is_listed(run_file: Writer) -> None:
    path = run_file(("0.02", "5"), ("bars: 5", "bars: 1"), ("end:", "ending:"))
    lines = problems(path)
    assert [line.split(" ")[1] for line in lines] == [
        "data.end:",
        "data.ending:",
        "risk.risk_fraction",
        "playbook.params.bars",
    ]


def test_a_broken_item_of_a_list_is_reported_once_with_its_own_line(run_file: Writer) -> None:
    ladder = "0.02\n  drawdown:\n    ladder:\n      - {drawdown: 0.05, multiplier: 2}"
    assert problems(run_file(("0.02", ladder))) == [
        "run.yaml:14: risk.drawdown.ladder.0.multiplier = 2: must be 1 or less "
        "(Factor on the size of new positions)"
    ]


def test_overrides_change_values_and_create_blocks(run_file: Writer) -> None:
    overrides = [
        "risk.risk_fraction=0.005",
        "account.venue_cash=5e3",
        "risk.daily_loss=null",
        "playbook.params.bars=7",
        "venue.taker_fee_bps=4",
        "venue.maintenance.0.rate=0.003",
    ]
    config = load_run_config(run_file(), overrides, params_model=toy)
    assert config.risk.risk_fraction == 0.005
    assert config.account.venue_cash == 5000.0
    assert config.risk.daily_loss is None
    assert config.playbook.params["bars"] == 7
    assert config.venue.taker_fee_bps == 4
    assert config.venue.maintenance[0].rate == 0.003


def test_an_override_reaches_inside_a_block_that_was_switched_off(run_file: Writer) -> None:
    overrides = ["risk.daily_loss=null", "risk.daily_loss.limit=0.5"]
    config = load_run_config(run_file(), overrides)
    assert config.risk.daily_loss is not None
    assert config.risk.daily_loss.limit == 0.5


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        (
            "risk.risk_fracton=1",
            "--set risk.risk_fracton=1: risk.risk_fracton: unknown key; "
            "did you mean risk.risk_fraction?",
        ),
        (
            "risk.risk_fraction=9",
            "--set risk.risk_fraction=9: risk.risk_fraction = 9: must be 0.2 or less "
            "(Loss at the stop as a fraction of equity, costs included)",
        ),
        (
            "risk.risk_fraction",
            "--set risk.risk_fraction: write KEY=VALUE with a dotted key, "
            "for example risk.risk_fraction=0.005",
        ),
        (
            "risk.risk_fraction=[1",
            "--set risk.risk_fraction=[1: the value is not YAML: "
            "expected ',' or ']', but got '<stream end>'",
        ),
        (
            "name.first=x",
            "--set name.first=x: name is a single value and has no keys",
        ),
        (
            "venue.maintenance.99.rate=1",
            "--set venue.maintenance.99.rate=1: venue.maintenance is a list of 12; "
            "'99' is not one of its positions, 0 to 11",
        ),
        (
            "venue=nowhere",
            '--set venue=nowhere: venue = "nowhere": no such venue; venues that ship with '
            "riskoff: binance_usdm, bitmex, or write the venue inline",
        ),
    ],
)
def test_a_wrong_override_is_named_as_it_was_typed(
    run_file: Writer, override: str, expected: str
) -> None:
    assert problems(run_file(), override) == [expected]


def test_yaml_rules_come_with_file_and_line(run_file: Writer) -> None:
    path = run_file(("  risk_fraction: 0.02", "  risk_fraction: 0.02\n  risk_fraction: 0.01"))
    with pytest.raises(YamlError, match=r"trial\.yaml:12: key 'risk_fraction' repeated"):
        load_run_config(path)


def test_python_callers_cannot_pass_nan_either() -> None:
    with pytest.raises(ValueError, match="finite"):
        RunConfig.model_validate(
            {
                "name": "x",
                "data": {"start": "2026-01-01", "end": "2026-01-02"},
                "playbook": {"name": "toy"},
                "venue": {"maintenance": [{"floor": 0, "rate": 0.01}]},
                "account": {"venue_cash": float("inf")},
            }
        )


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        ("venue.maker_fee_bps=200", "must be 100 or less"),
        ("venue.maker_fee_bps=-50", "must be -10 or more"),
        ("venue.taker_fee_bps=500", "must be 100 or less"),
        ("venue.commission_bps=201", "must be 200 or less"),
        ("venue.liquidation_fee_bps=12500", "must be 1000 or less"),
        ("venue.slippage.base_bps=501", "must be 500 or less"),
        ("venue.slippage.range_share=2", "must be 1 or less"),
        ("venue.slippage.impact=11", "must be 10 or less"),
        ("risk.target_volatility=80", "must be 5 or less"),
        ("risk.leverage_cap=300", "must be 125 or less"),
    ],
)
def test_a_number_in_the_wrong_unit_is_refused_and_its_unit_named(
    run_file: Writer, setting: str, expected: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        load_run_config(run_file(), [setting])
    (line,) = str(caught.value).splitlines()
    assert line.startswith(f"--set {setting}: {setting.partition('=')[0]} = ")
    assert expected in line
    assert " is " in line or "basis points" in line


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        ("account.venue_cash=0", "venue_cash and brokerage_cash are both 0"),
        ("data.start=1969-12-31", "must lie in the years 1970 to 2199"),
        ("data.start=1970-01-01T00:00+05:00", "must lie in the years 1970 to 2199"),
        ("data.end=2200-01-01", "must lie in the years 1970 to 2199"),
        ("data.end=9999-12-31T23:00-05:00", "must lie in the years 1970 to 2199"),
        ("data.start=0001-01-01T00:00+05:00", "must lie in the years 1970 to 2199"),
        ("risk.cool_down=3651d", "must be 10 years or less"),
        ("data.extra_lag=99999999999999999999w", "must be 10 years or less"),
    ],
)
def test_what_would_overflow_or_start_with_nothing_is_refused(
    run_file: Writer, setting: str, expected: str
) -> None:
    with pytest.raises(ConfigError, match=re.escape(expected)) as caught:
        load_run_config(run_file(), [setting])
    assert len(str(caught.value).splitlines()) == 1


def test_the_longest_duration_and_the_first_and_last_instants_are_taken(
    run_file: Writer,
) -> None:
    settings = ["risk.cool_down=3650d", "data.start=1970-01-01", "data.end=2199-12-31T23:59Z"]
    config = load_run_config(run_file(), settings)
    assert (config.data.start.year, config.data.end.year) == (1970, 2199)


def test_a_block_that_an_override_made_is_said_to_come_from_it(run_file: Writer) -> None:
    with pytest.raises(ConfigError) as caught:
        load_run_config(run_file(), ["risk.foo.bar=1"])
    assert str(caught.value).startswith("--set risk.foo.bar=1: risk.foo: unknown key")


def test_conditions_left_out_are_a_set_whatever_their_order(run_file: Writer) -> None:
    one, other = (
        load_run_config(run_file(), [f"playbook.ignore=[{names}]"]) for names in ("b, a", "a, b")
    )
    assert one.playbook.ignore == ("a", "b")
    assert one == other


def test_a_condition_left_out_twice_is_refused(run_file: Writer) -> None:
    with pytest.raises(ConfigError, match="names a more than once; name each once"):
        load_run_config(run_file(), ["playbook.ignore=[a, b, a]"])


def test_an_unknown_venue_hides_no_other_mistake(run_file: Writer) -> None:
    path = run_file(("binance_usdm", "nowhere"), ("name: toy", "name: toi"))
    found = problems(path, "risk.risk_fraction=5", "venue.taker_fee_bps=3")
    keys = {line.split(": ")[1].split(" = ")[0] for line in found}
    assert (len(found), keys) == (3, {"venue", "playbook.name", "risk.risk_fraction"})


def test_an_unknown_episode_hides_no_other_mistake(tmp_path: Path) -> None:
    text = (CONFIGS_FOLDER / "compare" / "playbooks_by_episode.yaml").read_text()
    path = tmp_path / "c.yaml"
    path.write_text(text.replace('"2022"', '"1922"').replace("reference: balanced", "wrong: 1"))
    with pytest.raises(ConfigError) as caught:
        load_compare_config(path)
    lines = str(caught.value).splitlines()
    assert any("wrong: unknown key" in line for line in lines)
    assert any("episodes: 1922: no such file" in line for line in lines)
