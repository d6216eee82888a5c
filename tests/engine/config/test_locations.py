from pathlib import Path

import pytest

from data_feeds.yaml_text import load_yaml
from engine.config.load import load_run_config
from engine.config.locations import CONFIGS_FOLDER, find_config, find_venue
from engine.config.venue import VenueConfig
from engine.contracts.maintenance import build_tiers
from engine.errors import ConfigError


def test_a_file_that_exists_wins_over_the_shipped_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    own = Path("configs/venues/binance_usdm.yaml")
    own.parent.mkdir(parents=True)
    own.write_text("name: mine\n")
    assert find_config(str(own)) == own


def test_a_shipped_file_is_found_from_any_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    found = find_config("configs/venues/binance_usdm.yaml")
    assert found == CONFIGS_FOLDER / "venues" / "binance_usdm.yaml"


@pytest.mark.parametrize("text", ["configs/../../etc/passwd", "runs/nothing.yaml", ""])
def test_what_is_not_there_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match=r"no such file|is a folder"):
        find_config(text)


def test_a_name_without_its_ending_is_refused_with_the_file_beside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("my_idea.yaml").write_text("name: my_idea\n")
    with pytest.raises(ConfigError, match=r"^my_idea: no such file; did you mean my_idea.yaml\?$"):
        find_config("my_idea")


def test_every_shipped_run_is_valid() -> None:
    for path in sorted((CONFIGS_FOLDER / "runs").glob("*.yaml")):
        assert load_run_config(path).name, path


def test_the_shipped_brackets_have_the_published_deductions() -> None:
    # Second bracket: 0 + 300,000 x (0.005 - 0.004) = 300; third: 300 + 800,000 x 0.0015 = 1,500.
    venue = VenueConfig.model_validate(load_yaml(find_venue("binance_usdm")).data)
    tiers = build_tiers([(row.floor, row.rate) for row in venue.maintenance])
    assert [tier.deduction for tier in tiers] == pytest.approx(
        [
            0,
            300,
            1_500,
            12_000,
            132_000,
            482_000,
            2_982_000,
            14_482_000,
            26_482_000,
            41_482_000,
            121_482_000,
            421_482_000,
        ]
    )
