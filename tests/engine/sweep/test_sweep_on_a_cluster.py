"""A sweep on a Dask cluster: scheduler and workers are processes of their own; one is killed."""

import os
import threading

from engine.sweep import publish_sweep, run_sweep, sweep_inputs
from engine.workers import Workers
from tests.engine.sweep.conftest import SMALL
from tests.engine.workers.cluster import Cluster, limited
from tests.engine.workers.test_dask_crew import kill_the_writer

# The first process that prepares this set sends its number through the pipe and never ends.
STAYS = """
    def prepare(self, data):
        pipe = Path("PIPE")
        begun = pipe.with_suffix(".begun")
        if self.params.stop == 0.93 and not begun.exists():
            begun.touch()
            pipe.write_text(str(os.getpid()))
            threading.Event().wait()
"""


def contents(folder):
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def test_a_cluster_gives_the_bytes_of_one_process_although_a_worker_is_killed(toy):
    pipe = toy.folder / "pipe"
    os.mkfifo(pipe)
    (plugin,) = toy.plugins.glob("*.py")
    stays = STAYS.replace("PIPE", str(pipe))
    plugin.write_text(plugin.read_text().replace("\n    def prepare(self, data):\n", stays))
    settings = ("checked_sets=0", "sensitivity.costs=[]", "sensitivity.lags=[]")
    pipe.with_suffix(".begun").touch()
    one = publish_sweep(toy.run(*settings, text=SMALL), toy.folder / "one")
    pipe.with_suffix(".begun").unlink()
    job = toy.job(*settings, text=SMALL)
    inputs = sweep_inputs(job)
    cluster = Cluster(toy.folder)
    try:
        with limited():
            threading.Thread(target=kill_the_writer, args=(pipe,), daemon=True).start()
            cluster.add_workers(2)
            workers = Workers(dask=cluster.address)
            result = run_sweep(job, inputs, toy.folder / "other", workers=workers)
    finally:
        cluster.close()
    assert pipe.with_suffix(".begun").exists()
    assert contents(publish_sweep(result, toy.folder / "two")) == contents(one)
