"""``riskoff compare --dask`` writes the folder of ``--jobs 1``."""

from pathlib import Path

from tests.engine.cli.command import Command
from tests.engine.cli.test_compare_command import CONFIG
from tests.engine.compare.conftest import EPISODES
from tests.engine.workers.cluster import Cluster, limited


def written(folder: Path) -> dict[str, bytes]:
    """Return the content of every file except the times."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != "timing.json"
    }


def test_a_cluster_writes_the_comparison_of_one_process_to_the_byte(command: Command, tmp_path):
    (tmp_path / "one.yaml").write_text(CONFIG)
    (tmp_path / "crash.yaml").write_text(EPISODES["crash"])
    asked = ("compare", "one.yaml", "--no-tearsheets")
    here = command(*asked, "--jobs", "1", "--out", "here")
    assert (here.returncode, here.stderr) == (0, "")
    cluster = Cluster(tmp_path)
    try:
        with limited():
            cluster.add_workers(1)
            there = command(*asked, "--dask", cluster.address, "--out", "there")
    finally:
        cluster.close()
    assert (there.returncode, there.stderr) == (0, "")
    one, other = (written(tmp_path / name) for name in ("here", "there"))
    assert len(one) > 10
    assert one.keys() == other.keys()
    assert [name for name in one if one[name] != other[name]] == []
