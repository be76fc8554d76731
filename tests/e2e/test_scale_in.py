"""As many workers as ``/scaling`` wants, up from none and down to none again: no try is lost by it, and none is repeated."""

import json
import random
import signal
import time
import urllib.request

import pytest

from penstock_testkit.brokers.valkey import valkey
from penstock_testkit.nightly import at_night, nightly_but
from penstock_testkit.remote.remote_installation import RemoteInstallation

TASKS = at_night(201, 60)
MOST_WORKERS = 3
SETTINGS = """
[executors.far]
type = "celery.executor"
broker = "{broker}"
server = "{url}"

[queues.far]
executor = "far"
tries_per_worker = 2
max_workers = 3
cooldown_s = 1
"""
DAG = """
import random, time
from penstock import DAG, task

with DAG("waves"):

    @task(queue="far", retries=0)
    def work(number):
        time.sleep(random.Random(number).uniform(0, 1.0))

    work.expand(number=list(range(TASKS)))
"""
pytestmark = [pytest.mark.timeout(400), pytest.mark.xdist_group("celery")]


class Autoscaler:
    """Starts workers, and has some leave, as the signal says."""

    def __init__(self, made, chance):
        self.made, self.chance, self.started = made, chance, []
        self.counts = set()

    def alive(self):
        return [each for each in self.started if each.poll() is None]

    def look(self):
        """Follow the signal once; the number of workers that it wants."""
        headers = {"Authorization": f"Bearer {self.made.token}"}
        with urllib.request.urlopen(
            urllib.request.Request(f"{self.made.url}/scaling", headers=headers), timeout=30
        ) as got:
            wanted = json.load(got)["far"]["workers"]
        alive = [each for each in self.alive() if not getattr(each, "leaving", False)]
        for _ in range(wanted - len(alive)):
            words = ("--executor", "far", "--queues", "far", "--concurrency", "2")
            self.started.append(self.made.worker(*words, name=f"worker-{len(self.started)}"))
        for each in self.chance.sample(alive, max(0, len(alive) - wanted)):
            each.leaving = True  # it may have a try, which it ends first
            each.send_signal(signal.SIGTERM)
        self.counts.add(len(self.alive()))
        return wanted


@pytest.mark.parametrize("kind", nightly_but(["sqlite"], ["sqlite", "postgresql"]))
def test_workers_come_and_go_by_the_signal_and_every_try_succeeds_at_its_first(tmp_path, request, kind):
    database = request.getfixturevalue("postgres_server").create_database() if kind == "postgresql" else ""
    environ = {"PENSTOCK_DATABASE__URL": database} if database else {}
    runs = [f"wave-{number}" for number in range(3)]
    with valkey() as broker:
        settings = SETTINGS.replace("{broker}", broker.url)
        dag = DAG.replace("TASKS", str(TASKS // len(runs)))
        with RemoteInstallation(tmp_path / "project", settings, {"waves.py": dag}, environ) as made:
            made.up()
            scaler = Autoscaler(made, random.Random(1))
            for run_id in runs:
                made.trigger("waves", run_id)
                made.wait(lambda: scaler.look() > 0, "the signal wants workers")
                made.wait(lambda: time.sleep(0.3) or scaler.look() <= 1, "a wave ebbs", 120)
            assert {made.ended("waves", run_id) for run_id in runs} == {"success"}
            made.wait(lambda: scaler.look() == 0 and not scaler.alive(), "every worker has left")
            tries = [
                row["try_number"]
                for run_id in runs
                for row in made.tasks("waves", run_id).values()
                if row["state"] == "success"
            ]
            assert tries == [1] * len(tries)
            assert len(tries) == TASKS // len(runs) * len(runs)
            assert max(scaler.counts) >= 2
            assert [each.returncode for each in scaler.started] == [0] * len(scaler.started)
