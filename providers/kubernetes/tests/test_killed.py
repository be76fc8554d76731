"""A process that is killed between a request and the note of its answer leaves one pod, and one job."""

import os
import signal
from types import SimpleNamespace

import pytest

from penstock.author.runtime import current
from penstock_kubernetes.operators import KubernetesJobOperator, KubernetesPodOperator
from penstock_testkit.kept_runtime import KeptRuntime
from penstock_testkit.processes import wait_until

pytestmark = pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")  # the fake's own threads


@pytest.mark.parametrize("operator", [KubernetesPodOperator, KubernetesJobOperator])
def test_its_work_is_the_next_ones(cluster, connections, python, tmp_path, operator):
    """apache/airflow#10230, apache/airflow#18070: another one's pod was taken up."""
    runtime = KeptRuntime(connections, tmp_path / "checkpoints")
    resource = "pods" if operator is KubernetesPodOperator else "jobs"
    path = "/api/v1" if resource == "pods" else "/apis/batch/v1"
    held = cluster.faults.hold(when=f"POST {path}/namespaces/default/{resource}", handled=True)
    context = SimpleNamespace(runtime=runtime, facts=SimpleNamespace(try_number=1, max_tries=1))
    arguments = python(f"open('{tmp_path}/ran', 'a').write('x')", on_finish_action="keep")
    token = current.set(runtime)
    child = os.fork()
    if child == 0:
        try:
            operator(task_id="job", **arguments).poke(context)
        finally:
            os._exit(0)
    held.reached()
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    held.release()
    (made,) = cluster.store.all(resource)

    following = operator(task_id="job", **arguments)
    ends = []
    wait_until(
        lambda: ends.append(following.poke(context)) or bool(ends[-1]),
        otherwise=lambda: str(cluster.pods()),
    )

    current.reset(token)
    assert ends[-1].value == made["metadata"]["name"]
    assert len(cluster.store.all(resource)) == 1
    assert (tmp_path / "ran").read_text() == "x"
