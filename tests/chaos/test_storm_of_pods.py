"""The same where each try has a pod of its own: pods are killed and evicted, watches cut and blind, history compacted, quotas full."""

import contextlib
import json
import os
import sys
import time

import pytest
from storm.installation import MARK, Storm
from storm.play import play
from storm.strikes import common_strikes

from penstock_testkit.commands.fork_server import ForkServer
from penstock_testkit.kubernetes import KubeCluster
from penstock_testkit.nightly import nightly_but

SEED = int(os.environ.get("STORM_SEED", "1"))
TASKS = int(os.environ.get("STORM_TASKS", "5000"))
IMPORTED = ("penstock.cli.workers", "penstock.app.workers", "penstock.worker", "penstock.execute", "penstock.client")
"""What a worker imports, once for all pods: each is a process of its own all the same."""

pytestmark = [pytest.mark.timeout(7200), pytest.mark.xdist_group("chaos")]


def of_cluster(cluster):
    """What happens in a cluster."""

    def to_a_pod(change):
        def strike(chance):
            if names := sorted(cluster.pods()):
                with contextlib.suppress(KeyError):  # it has ended meanwhile
                    change(chance.choice(names))

        return strike

    def blind(chance):
        cluster.watches.blackhole = True
        time.sleep(chance.uniform(1, 6))
        cluster.watches.blackhole = False

    def full(chance):
        cluster.quotas["default"] = 1
        time.sleep(chance.uniform(1, 4))
        del cluster.quotas["default"]

    def cut(chance):
        cluster.watches.cut_after_events = chance.randrange(1, 6)

    return {
        # No pod runs out of memory: that fails its task, which has no retry, as it is to.
        "a pod is killed": (4, to_a_pod(cluster.node.kill)),
        "a pod is evicted": (2, to_a_pod(cluster.node.evict)),
        "watches are cut after some events": (2, cut),
        "watches are blind": (1, blind),
        "history is compacted": (2, lambda _: cluster.store.compact()),
        "the quota is full": (1, full),
    }


@pytest.mark.parametrize("tasks", nightly_but([30], [30, TASKS]))
def test_tries_in_pods_succeed_once_each_whatever_is_struck(tmp_path, postgres_server, tasks):
    database = postgres_server.create_database()
    cluster = KubeCluster(tmp_path / "node")
    program = (sys.executable, "-m", "penstock")
    with cluster.serving() as url, contextlib.closing(ForkServer("penstock.cli:main", *IMPORTED)) as forks:
        cluster.node.warm[program] = forks
        command = json.dumps([*program, "worker", "--ticket"])
        table = f'''type = "kubernetes.executor"
image = "penstock:1"
command = {command}
cluster = {{ server = "{url}", token = "{cluster.token}" }}
pod_template = {{ spec = {{ terminationGracePeriodSeconds = 1 }} }}
slots = 4
silent_s = 3.0
watch_s = 5
'''
        with Storm(tmp_path / "project", database, table, tasks, workers=0) as storm:
            cluster.node.environment = {
                **{name: storm.environ[name] for name in (MARK, "STORM_LINES", "PATH")},
                "TMPDIR": str(tmp_path),
            }
            strikes = {**common_strikes(storm, postgres_server), **of_cluster(cluster)}
            found = play(storm, SEED, strikes, calm_s=1.5 if tasks > 1000 else 0.5, patience_s=180 + tasks * 4)
            storm.wait(lambda: not cluster.pods(), f"seed {SEED}: no pod is left", 60)
            storm.wait(lambda: not cluster.store.all("secrets"), f"seed {SEED}: no ticket is left", 60)
            found["left"] |= {"pods": len(cluster.pods()), "containers": len(cluster.node.alive())}
    (tmp_path / "report.json").write_text(json.dumps(found))
    assert len(found["strikes"]) >= 2, found
    assert not any(found["left"].values()), found
