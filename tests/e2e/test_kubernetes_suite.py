"""The executor of Kubernetes keeps what every executor must keep, with pods that are real workers."""

import os
import sys

import pytest

from penstock.testing import RemoteExecutorSuite
from penstock_testkit.kubernetes import KubeCluster

pytestmark = pytest.mark.xdist_group("kubernetes_suite")  # one server and one executor for all of it


class TestKubernetesExecutor(RemoteExecutorSuite):
    @pytest.fixture(scope="class")
    @classmethod
    def cluster(cls, tmp_path_factory):
        """A cluster that runs workers, and whose watches break off."""
        folder = tmp_path_factory.mktemp("cluster")
        found = KubeCluster(folder / "node")
        found.watches.bookmark_every_s, found.watches.cut_after_s = 0.3, 1.0
        found.node.environment = {"PATH": os.environ["PATH"], "TMPDIR": str(folder)}
        with found.serving() as found.url:
            yield found
        assert found.complaints() == []

    @pytest.fixture(scope="class")
    @classmethod
    def executor_table(cls, cluster):
        command = [sys.executable, "-m", "penstock", "worker", "--ticket"]
        where = f'{{ server = "{cluster.url}", token = "{cluster.token}" }}'
        table = 'type = "kubernetes.executor"\nserver = "{url}"\nimage = "penstock:1"\nslots = 3\n'
        return f"{table}command = {command}\ncluster = {where}\n"
