"""Check ``riskoff account``: a file with sleeves gives a folder that passes its audit."""

import json
import shutil
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from engine.run_folder.seals import write_seals
from tests.engine.cli.command import Command, assert_one_clear_line

ACCOUNT = """\
name: pair
data: {start: 2026-02-03, end: 2026-02-05}
capital: 200000
sleeves:
  bold:
    share: 0.75
    playbook: {name: PLUGIN, params: {fault: none}}
  calm:
    share: 0.25
    playbook: {name: PLUGIN, params: {fault: none}}
    risk: {risk_fraction: 0.001}
risk:
  leverage_cap: 0.2
venue: binance_usdm
"""


@pytest.fixture
def account_file(toy_project: Path, toy_name: str) -> Path:
    path = toy_project / "account.yaml"
    path.write_text(ACCOUNT.replace("PLUGIN", toy_name))
    return path


@pytest.fixture
def run_account(account_file: Path, command: Command):
    return lambda *extra: command("account", account_file.name, "--plugin-path", "plugins", *extra)


def only_folder(out: Path) -> Path:
    (folder,) = out.iterdir()
    return folder


def test_an_account_leaves_its_sum_and_a_run_folder_a_sleeve(toy_project, run_account, command):
    done = run_account()
    assert (done.returncode, done.stderr) == (0, "")
    folder = only_folder(toy_project / "runs")
    assert toy_project / done.stdout.splitlines()[-1] == folder / "account.html"
    assert done.stdout.startswith("*** SYNTHETIC DATA: nothing here happened *** pair: 2 x toy")
    lines = [line.split() for line in done.stdout.splitlines()]
    bold, calm = (
        next(row for row in lines if row[:2] == [name, "toy"]) for name in ("bold", "calm")
    )
    assert (bold[2], calm[2]) == ("150,000.00", "50,000.00")
    # The account's cap of a fifth of its equity set the size of what the bold sleeve bought.
    assert int(bold[8]) > 0
    page = (folder / "account.html").read_text()
    assert "SYNTHETIC DATA" in page
    # Both sleeves trade one instrument: the account reports its missing bars once.
    (data_line,) = (line for line in done.stdout.splitlines() if line.startswith("Data "))
    assert data_line.count("missing in the window") == 1
    assert 'href="sleeves/bold/tearsheet.html"' in page
    assert "Interest on cash is" in page
    # Both sleeves have the default ladder, which no drawdown of these days reached.
    assert "No drawdown ladder was ever below full size." in page
    assert "bold, calm: size of new positions by drawdown" in page
    for name in ("bold", "calm"):
        sleeve = (folder / "sleeves" / name / "tearsheet.html").read_text()
        assert '<a href="../../account.html">&larr; the account</a>' in sleeve
        assert (folder / "sleeves" / name / "fills.parquet").is_file()
    audited = command("audit", str(folder))
    assert audited.returncode == 0
    assert "2 sleeves" in audited.stdout
    assert audited.stdout.endswith("Everything agrees.\n")
    told = command("explain", str(folder / "sleeves" / "bold"), "--trade", "1")
    assert told.returncode == 0


@pytest.mark.parametrize("asked", [("--day", "2026-02-03"), ("--why-not", "2026-02-03")])
def test_an_accounts_folder_is_not_explained_but_its_sleeves_are(
    toy_project, run_account, command, asked
):
    assert run_account().returncode == 0
    folder = only_folder(toy_project / "runs")
    words = assert_one_clear_line(command("explain", str(folder), *asked), 6)
    assert (
        "the folder of an account, not of a run; name one of its sleeves behind it: /bold, /calm"
        in words
    )
    for name in ("bold", "calm"):
        assert command("explain", f"{folder}/{name}", *asked).returncode == 0
        assert command("explain", str(folder / "sleeves" / name), *asked).returncode == 0


def test_the_same_inputs_give_the_same_folder_byte_for_byte(toy_project, run_account):
    for out in ("first", "second"):
        assert run_account("--out", out).returncode == 0
    first, second = (only_folder(toy_project / out) for out in ("first", "second"))
    assert first.name == second.name
    names = sorted(path.relative_to(first) for path in first.rglob("*") if path.is_file())
    assert names == sorted(p.relative_to(second) for p in second.rglob("*") if p.is_file())
    differing = {
        str(name) for name in names if (first / name).read_bytes() != (second / name).read_bytes()
    }
    assert differing <= {"timing.json"}


def test_json_names_account_page_and_metrics(toy_project, run_account):
    document = json.loads(run_account("--json").stdout)
    folder = only_folder(toy_project / "runs")
    assert toy_project / document["account"] == folder
    assert document["metrics"] == json.loads((folder / "metrics.json").read_text())
    assert document["metrics"]["start_equity"] == 200_000.0


def test_settings_reach_a_sleeve_and_the_resolved_file_runs_again(
    toy_project, run_account, command
):
    assert run_account("--set", "sleeves.calm.risk.risk_fraction=0.002").returncode == 0
    folder = only_folder(toy_project / "runs")
    resolved = folder / "account.resolved.yaml"
    written = YAML(typ="safe").load(resolved.read_text())
    assert written["sleeves"]["calm"]["risk"]["risk_fraction"] == 0.002
    assert written["sleeves"]["calm"]["playbook"]["params"]["warmup_bars"] == 10
    again = command("account", str(resolved), "--plugin-path", "plugins", "--out", "again")
    assert again.returncode == 0, again.stderr
    assert only_folder(toy_project / "again").name == folder.name


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("share: 0.25", "share: 0.5", "sleeves: shares add up to 1.25; they must add up to 1"),
        (
            "capital: 200000",
            "capital: 0",
            "account.yaml:3: capital = 0: must be above 0 (Cash of the whole account",
        ),
        ("  calm:", "  Calm:", "'Calm' names a sleeve; write lower-case letters"),
        ("  calm:", "  at:", "'at' names a sleeve; write lower-case letters"),
        ("leverage_cap", "leverage_cup", "account.yaml:13: risk.leverage_cup: unknown key; did"),
        (
            "{fault: none}}\nrisk",
            "{fault: none, wamup_bars: 3}}\nrisk",
            "sleeves.calm.playbook.params.wamup_bars: unknown key; did you mean",
        ),
    ],
)
def test_mistakes_are_named_with_their_line(account_file, run_account, old, new, words):
    text = account_file.read_text()
    text = text.replace("    risk: {risk_fraction: 0.001}\n", "") if "wamup" in new else text
    assert old in text
    account_file.write_text(text.replace(old, new))
    done = run_account()
    assert words in assert_one_clear_line(done, 2)


def test_an_account_is_no_single_run(account_file, command):
    words = assert_one_clear_line(command("run", "account.yaml"), 2)
    assert "account.yaml:4: sleeves: an account of several playbooks is no single run" in words
    assert "use: riskoff account account.yaml" in words


def test_a_sleeve_names_its_account_and_is_no_run_of_its_own(toy_project, run_account, command):
    run_account()
    folder = only_folder(toy_project / "runs")
    config = folder / "sleeves" / "bold" / "config.resolved.yaml"
    assert YAML(typ="safe").load(config.read_text())["sleeve_of"] == folder.name
    words = assert_one_clear_line(command("run", str(config), "--plugin-path", "plugins"), 2)
    assert f"sleeve_of: this was a sleeve of the account {folder.name}" in words


def test_accounts_are_validated_and_shown(account_file, command):
    done = command("validate", "account.yaml", "--plugin-path", "plugins")
    assert (done.returncode, done.stdout) == (0, "account.yaml: valid\n")
    shown = YAML(typ="safe").load(
        command("show-config", "account.yaml", "--plugin-path", "plugins").stdout
    )
    assert shown["sleeves"]["bold"]["at_venue"] == 1.0
    assert command("validate", "three_playbooks_2022").returncode == 0


def test_a_damaged_account_fails_its_audit(toy_project, run_account, command):
    run_account()
    folder = only_folder(toy_project / "runs")
    (folder / "equity.parquet").write_bytes(
        (folder / "sleeves" / "bold" / "equity.parquet").read_bytes()
    )
    done = command("audit", str(folder))
    assert done.returncode == 6
    assert f"{folder / 'equity.parquet'}: is not the file that was written" in done.stderr
    assert f"run again: riskoff account {folder}/account.resolved.yaml" in done.stderr
    assert "equity is the sum of the sleeves" in done.stdout


@pytest.mark.parametrize("name", ["fills.parquet", "metrics.json"])
def test_a_damaged_sleeve_is_named_by_its_own_readers_and_by_its_accounts_audit(
    toy_project, run_account, command, name
):
    run_account()
    folder = only_folder(toy_project / "runs")
    sleeve = folder / "sleeves" / "bold"
    assert command("explain", str(sleeve), "--at", "2026-02-03T00:00Z").returncode == 0
    (sleeve / name).unlink()
    for arguments in (
        ("explain", str(sleeve), "--at", "2026-02-03T00:00Z"),
        ("audit", str(folder)),
    ):
        done = command(*arguments)
        assert done.returncode == 6
        assert str(sleeve / name) in done.stderr
    done = command("explain", str(sleeve), "--at", "2026-02-03T00:00Z")
    assert f"run again: riskoff account {folder}/account.resolved.yaml" in done.stderr


def test_an_edited_number_of_an_account_is_refused_and_recomputed(
    toy_project, run_account, command
):
    run_account()
    folder = only_folder(toy_project / "runs")
    path = folder / "metrics.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"total_return": 9.99}))
    done = command("audit", str(folder))
    assert done.returncode == 6
    assert "metrics, total_return: total_return again" in done.stdout
    write_seals(folder)
    assert command("audit", str(folder)).returncode == 5


@pytest.mark.parametrize("name", ["account.resolved.yaml", "manifest.json", "sleeves.parquet"])
def test_the_audit_of_a_damaged_account_names_the_damage(toy_project, run_account, command, name):
    run_account()
    folder = only_folder(toy_project / "runs")
    (folder / name).unlink()
    done = command("audit", str(folder))
    assert done.returncode == 6
    assert done.stderr.startswith(f"error: {folder / name}: ")


def test_a_sleeve_that_is_another_run_is_refused_however_it_is_sealed(
    toy_project, run_account, command
):
    run_account()
    folder = only_folder(toy_project / "runs")
    bold, other = (
        folder / "sleeves" / "bold",
        next(place for place in sorted((folder / "sleeves").iterdir()) if place.name != "bold"),
    )
    shutil.rmtree(bold)
    shutil.copytree(other, bold)
    write_seals(folder)
    for arguments in (("explain", str(bold)), ("explain", str(folder)), ("audit", str(folder))):
        done = command(*arguments)
        assert done.returncode == 6
        assert "manifest.json: is of another run" in done.stderr
        assert str(bold) in done.stderr
    assert command("explain", str(other)).returncode == 0


def test_export_writes_a_folder_of_csv_files_for_each_sleeve_and_for_a_run(
    run_account, toy_run, command: Command
) -> None:
    assert run_account().returncode == 0
    done = command("export", "pair", "--csv")
    assert (done.returncode, done.stderr) == (0, "")
    place = Path(done.stdout.splitlines()[-1])
    assert sorted(path.name for path in place.iterdir()) == ["bold", "calm"]
    assert "orders.csv" in {path.name for path in (place / "calm").iterdir()}
    assert toy_run().returncode == 0
    place = Path(command("-q", "export", "trial", "--out", "elsewhere").stdout.strip())
    assert place.parent == Path("elsewhere")
    assert (place / "ledger.csv").read_text().startswith("fact_id,at,kind")
