"""Pods are created once, tell how far they are and why they failed, leave results, and end with their task."""

import threading
import time

import pytest

from penstock.errors import ErrorKind, ProviderError
from penstock.spec.external_job import Failed, Succeeded
from penstock_kubernetes.operators import KubernetesJobOperator, KubernetesPodOperator, pod_look
from penstock_testkit.processes import wait_until
from penstock_testkit.saas.http_faults import Order

FOREVER = "import time; print('up', flush=True); time.sleep(60)"


@pytest.fixture
def once_running(cluster):
    """A function that does something to the one pod once it runs, meanwhile."""
    threads = []

    def do(act):
        def wait():
            wait_until(
                lambda: any(pod["status"]["phase"] == "Running" for pod in cluster.pods().values()),
                otherwise=lambda: f"nothing runs: {cluster.pods()}",
            )
            act(next(iter(cluster.pods())))

        threads.append(threading.Thread(target=wait))
        threads[-1].start()

    yield do
    for each in threads:
        each.join()


def log(hook):
    try:
        yield from hook.read_log("penstock-1", "default", container="base")
    except ProviderError:
        yield b""


def settled(cluster):
    wait_until(lambda: not cluster.pods() and cluster.node.alive() == [], otherwise=lambda: str(cluster.pods()))


def test_a_result_comes_by_a_file_or_by_the_termination_message(cluster, run, python):
    by_file = (
        "import os, json; json.dump({'rows': 7, 'of': os.environ['WHO']}, open('/penstock/result/return.json', 'w'))"
    )
    found = run(KubernetesPodOperator, **python(by_file), env_vars={"WHO": "{{ dag.dag_id }}"}, result="file")
    assert (found.state, found.value) == ("success", {"rows": 7, "of": "jobs"})

    by_message = "open('/dev/termination-log', 'w').write('[1, 2]')"
    assert run(KubernetesPodOperator, **python(by_message), result="message").value == [1, 2]
    settled(cluster)


@pytest.mark.parametrize("by", ["file", "message"])
def test_no_result_is_no_failure(run, python, by):
    found = run(KubernetesPodOperator, **python("pass"), result=by)

    assert (found.state, found.value) == ("success", None)


@pytest.mark.parametrize(
    ("script", "says"),
    [
        ("open('/penstock/result/return.json', 'w').write('{rows: 7}')", "the result is no JSON"),
        ("open('/penstock/result/return.json', 'w').write('1' * 1048577)", "1048577 bytes; 1048576 are passed on"),
    ],
)
def test_a_result_that_nobody_can_read_is_told(run, python, script, says):
    found = run(KubernetesPodOperator, **python(script), result="file")

    assert found.state == "failed"
    assert says in found.errors[0]


def test_a_result_is_read_however_slowly_its_sidecar_starts(cluster, run, python, tmp_path):
    """The container ended before the sidecar's shell had set its trap: the end of the pod ended the shell without a word."""
    slow = tmp_path / "slow" / "sh"
    slow.parent.mkdir()
    slow.write_text('#!/bin/sh\nsleep 0.7\nexec /bin/sh "$@"\n')
    slow.chmod(0o755)
    path = cluster.node.environment["PATH"]
    cluster.node.environment = {**cluster.node.environment, "PATH": f"{slow.parent}:{path}"}

    found = run(KubernetesPodOperator, **python("open('/penstock/result/return.json', 'w').write('7')"), result="file")

    assert (found.state, found.value) == ("success", 7)


def test_a_failed_pod_says_why_and_its_sidecar_holds_up_nothing(cluster, run, python):
    """apache/airflow#22318, apache/airflow#36218: the sidecar hung."""
    found = run(KubernetesPodOperator, **python("import sys; sys.exit('no rows')"), result="file")

    assert found.state == "failed"
    assert "container 'base' ended with exit code 1" in found.errors[0]
    settled(cluster)


def bound_looks(monkeypatch):
    """Have a look read little of a log, whether it comes while the pod runs or, as most do, once it has ended."""
    monkeypatch.setattr(pod_look, "RUNNING_BYTES", 500)
    monkeypatch.setattr(pod_look, "ENDED_BYTES", 2_000)


@pytest.mark.parametrize("operator", [KubernetesPodOperator, KubernetesJobOperator])
@pytest.mark.parametrize("skipped", [False, True])
def test_the_long_log_of_what_has_ended_is_read_in_pieces_each_line_once_and_then_it_is_deleted(
    cluster, run, python, caplog, monkeypatch, operator, skipped
):
    bound_looks(monkeypatch)
    script = "for n in range(1000): print(f'line {n:04}')\nimport sys; sys.exit(7 * " + f"{skipped:d})"
    with caplog.at_level("INFO"):
        found = run(operator, **python(script), skip_on_exit_code=[7])
    assert found.state == ("skipped" if skipped else "success")
    lines = [each.message for each in caplog.records if each.message.startswith("line ")]
    assert lines == [f"line {number:04}" for number in range(1000)]
    assert len(cluster.asked("GET /api/v1/namespaces/default/pods/{name}/log")) > 4
    settled(cluster)


def test_what_is_beyond_the_bound_of_an_ended_pods_log_is_left_out_but_for_its_end(run, python, caplog, monkeypatch):
    bound_looks(monkeypatch)
    monkeypatch.setattr(pod_look, "MOST_BYTES", 4_000)
    monkeypatch.setattr(pod_look, "LAST_LINES", 100)
    with caplog.at_level("INFO"):
        assert run(KubernetesPodOperator, **python("for n in range(5000): print(f'line {n:04}')")).state == "success"
    lines = [each.message for each in caplog.records if each.message.startswith("line ")]
    [gap] = [each.message for each in caplog.records if "is left out here" in each.message]
    assert len(lines) == len(set(lines)) < 2_000
    assert (lines[0], lines[-1], gap in lines) == ("line 0000", "line 4999", False)


def test_a_pod_that_goes_while_its_long_log_is_read_has_ended_as_it_was_seen_to(cluster, run, python, monkeypatch):
    bound_looks(monkeypatch)
    looked = []

    def without_pod(answer):
        for name, pod in cluster.pods().items():
            if pod["status"]["phase"] == "Succeeded":
                looked.append(name)
                if len(looked) > 1:  # at the first one, the task may have seen the pod run yet
                    cluster.store.remove("pods", name, "default")
        return answer

    cluster.faults.append(Order(lambda _: without_pod, None, "GET /api/v1/namespaces/default/pods/{name}/log"))
    many = "for n in range(1000): print(f'line {n:04}')"
    assert run(KubernetesPodOperator, **python(many)).state == "success"
    assert looked[1:], "it was there no more while there was something to read"
    settled(cluster)


def test_an_exit_code_may_skip_and_a_failed_pod_may_be_kept(cluster, run, python):
    found = run(KubernetesPodOperator, **python("import sys; sys.exit(99)"), skip_on_exit_code=[99])
    assert found.state == "skipped"
    settled(cluster)

    run(KubernetesPodOperator, **python("import sys; sys.exit(1)"), on_finish_action="delete_succeeded")
    (kept,) = cluster.pods().values()
    assert kept["status"]["phase"] == "Failed"
    assert kept["metadata"]["annotations"]["penstock/task"] == "job"


@pytest.mark.parametrize(
    ("act", "says"),
    [
        ("oom", "was killed for its memory, of which it may have 64Mi (OOMKilled, exit code 137)"),
        ("evict", "it was ended (Evicted): The node was low on resource: memory"),
        ("kill", "ended with exit code 137 (SIGKILL)"),
        ("lose", "nobody knows how it ended: NodeNotReady"),
        ("preempt", "Preempt"),
    ],
)
def test_what_ends_a_pod_from_outside_is_told(cluster, run, python, once_running, act, says):
    once_running(lambda name: cluster.node.lose() if act == "lose" else getattr(cluster.node, act)(name))

    found = run(KubernetesPodOperator, **python(FOREVER), container_resources={"limits": {"memory": "64Mi"}})

    assert found.state == "failed"
    assert says in found.errors[0]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"image": "bad/image:1", "startup_timeout_s": 1.5}, "within 1.5 s: container 'base' waits (ImagePullBackOff): Back-off"),
        (
            {"container_resources": {"requests": {"cpu": "1000"}}, "schedule_timeout_s": 1.5},
            "it had no machine within 1.5 s: it has no machine: 0/1 nodes are available: 1 Insufficient cpu",
        ),
        (
            {"env_vars": {"A": {"secretKeyRef": {"name": "none", "key": "a"}}}, "startup_timeout_s": 1.5},
            "(CreateContainerConfigError): secret \"none\" not found",
        ),
    ],
)  # fmt: skip
def test_a_pod_that_does_not_start_is_given_up_with_its_cause(cluster, run, python, caplog, arguments, says):
    with caplog.at_level("INFO"):
        found = run(KubernetesPodOperator, **{**python("pass"), **arguments}, termination_grace_s=0)

    assert found.state == "failed"
    assert says in found.errors[0]
    assert any("The pod penstock-" in each and " is " in each for each in caplog.messages)
    settled(cluster)


def test_its_log_is_the_tasks_once_whatever_breaks_off(cluster, run, python, caplog):
    """apache/airflow#33498, apache/airflow#39236, apache/airflow#12136: lines came twice, or the read failed the task."""
    cluster.faults.cut_answer(after=150, times=3, when="GET /api/v1/namespaces/default/pods/{name}/log")
    script = "import time\nfor n in range(40):\n  print('line', n, flush=True)\n  time.sleep(0.02)"

    with caplog.at_level("INFO"):
        assert run(KubernetesPodOperator, **python(script)).state == "success"

    assert [each for each in caplog.messages if each.startswith("line ")] == [f"line {number}" for number in range(40)]


def test_a_pod_whose_answer_was_lost_is_created_once(cluster, run, python):
    cluster.faults.reset_after(when="POST /api/v1/namespaces/default/pods")

    found = run(KubernetesPodOperator, **python("pass"), on_finish_action="keep")

    assert found.state == "success"
    assert list(cluster.pods()) == [found.value]


def test_a_quota_and_a_busy_server_are_waited_for(cluster, run, python):
    cluster.quotas["default"] = 0
    cluster.faults.too_many_requests(retry_after="0", when="POST /api/v1/namespaces/default/pods")
    threading.Timer(1, cluster.quotas.clear).start()

    found = run(KubernetesPodOperator, **python("pass"), retries=0)

    assert (found.state, found.tries) == ("success", 1)
    assert len(cluster.asked("POST /api/v1/namespaces/default/pods")) >= 3


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"pod_patch": {"spec": {"restartPolcy": "Never"}}}, 'unknown field "spec.restartPolcy"'),
        ({"pod_template": {"metadata": {"labels": {"a": "x" * 64}}}}, "put other text into an annotation"),
        (
            {"pod_template": {"spec": {}, "containers": []}},
            "it has no containers; it has apiVersion, kind, metadata, spec",
        ),
        ({"container_name": "Main"}, "no name of lower-case letters"),
        ({"container_resources": {"limits": {"cpu": "lots"}}}, "quantities must match"),
        ({"pod_template_file": "/nowhere/pod.yaml"}, "the template /nowhere/pod.yaml cannot be read"),
    ],
)
def test_what_can_be_no_pod_fails_at_once_and_nothing_is_created(cluster, run, python, arguments, says):
    found = run(KubernetesPodOperator, **python("pass"), **arguments, retries=3)

    assert (found.state, found.tries) == ("failed", 1)
    assert says in found.errors[0]
    assert not cluster.pods()


def test_a_template_a_file_and_a_patch_are_laid_over_each_other(cluster, run, python, tmp_path):
    file = tmp_path / "pod.yaml"
    file.write_text("""
metadata: {labels: {team: sales}}
spec:
  terminationGracePeriodSeconds: 3
  containers: [{name: base, image: other, env: [{name: A, value: one}, {name: B, value: two}]}]
""")
    patch = {
        "spec": {
            "containers": [{"name": "base", "env": [{"name": "C", "value": "three"}]}],
            "terminationGracePeriodSeconds": None,
        }
    }

    run(
        KubernetesPodOperator, **python("import os; print(os.environ['A'])"), env_vars={"B": "mine"}, pod_patch=patch,
        pod_template_file=str(file), on_finish_action="keep",
    )  # fmt: skip

    (pod,) = cluster.pods().values()
    assert pod["metadata"]["labels"]["team"] == "sales"
    assert {each["name"]: each["value"] for each in pod["spec"]["containers"][0]["env"]} == {
        "A": "one",
        "B": "mine",
        "C": "three",
    }
    assert (pod["spec"]["containers"][0]["image"], pod["spec"]["terminationGracePeriodSeconds"]) == ("python:3", 30)


def test_a_pod_that_runs_longer_than_its_task_may_is_ended_and_seen_gone(cluster, run, python):
    found = run(KubernetesPodOperator, **python(FOREVER), timeout=0.5, termination_grace_s=1)

    assert found.state == "failed"
    assert not cluster.pods()
    assert cluster.node.alive() == []


def test_a_pod_that_does_not_go_is_no_success_of_the_cancel(cluster, runtime, python, hook):
    stubborn = (
        "import signal, time; signal.signal(signal.SIGTERM, lambda *_: None); print('up', flush=True); time.sleep(60)"
    )
    task = KubernetesPodOperator(task_id="job", **python(stubborn))
    job_id = task.submit("penstock-1")
    wait_until(lambda: b"up" in b"".join(log(hook)), otherwise=lambda: "it waits")

    with pytest.raises(ProviderError, match="is still there") as raised:
        hook.delete_and_see("pods", "penstock-1", "default", grace_s=30, patience_s=0.3)

    assert raised.value.kind is ErrorKind.TIMEOUT
    assert job_id == "default/penstock-1"


def test_an_end_that_was_seen_counts_after_the_pod_is_deleted(cluster, runtime, python):
    """A process that is killed between the deletion and the note of the end: the next one finds no pod."""
    task = KubernetesPodOperator(
        task_id="job", **python("open('/dev/termination-log', 'w').write('5')"), result="message"
    )
    job_id = task.submit("penstock-1")
    wait_until(
        lambda: task.look(job_id) is not None and not cluster.pods(),
        otherwise=lambda: "it is there",
    )

    assert task.look(job_id) == Succeeded(5)
    assert isinstance(KubernetesPodOperator(task_id="other", **python("pass")).look(job_id), Failed)


def test_a_container_that_no_spec_calls_a_sidecar_holds_up_nothing(cluster, run, python):
    mesh = {"name": "mesh", "image": "x", "command": ["sleep", "60"]}
    begun = time.monotonic()

    found = run(
        KubernetesPodOperator, **python("pass"), pod_patch={"spec": {"containers": [mesh]}}, termination_grace_s=1
    )

    assert found.state == "success"
    assert time.monotonic() - begun < 50
    settled(cluster)


def test_contradictory_arguments_are_refused():
    with pytest.raises(ValueError, match="needs an image"):
        KubernetesPodOperator(task_id="t")
    with pytest.raises(ValueError, match="exclude each other"):
        KubernetesPodOperator(task_id="t", pod_template={"spec": {}}, pod_template_file="a.yaml")
