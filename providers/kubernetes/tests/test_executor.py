"""The executor starts a pod for each ticket, once, tells what it waits for and that it is gone, and leaves nothing behind."""

from datetime import UTC, datetime

import pytest

from penstock.errors import ConfigError, ProviderError
from penstock.spec.remote import RemoteContext, Ticket
from penstock_kubernetes.executors import KubernetesExecutor
from penstock_testkit.processes import wait_until


def ticket(number=1, **more):
    facts = {"dag_id": "A DAG, of anything", "run_id": "run/1 ü", "task_id": "load"}
    return Ticket(f"t-load-{number}", f"secret-{number}", "default", 7, 1, **facts, **more)


def until(ready, otherwise="it is not so"):
    wait_until(ready, otherwise=lambda: str(otherwise() if callable(otherwise) else otherwise))


def phase(cluster, name="t-load-1"):
    return cluster.pods().get(name, {"status": {"phase": "gone"}})["status"]["phase"]


def test_a_ticket_is_a_pod_once_whose_secret_no_list_of_pods_shows(make, cluster, told):
    script = "import os, time; print(os.environ['PENSTOCK_TICKET'], os.environ['PENSTOCK_SERVER'], flush=True); time.sleep(60)"
    first, second = make(script), make(script)
    for executor in (first, second, first):
        assert executor.ring([ticket(cpu=0.5, memory_bytes=1 << 20)]) == []
    until(lambda: phase(cluster) == "Running", cluster.pods)

    (pod,) = cluster.pods().values()
    assert pod["metadata"]["labels"]["penstock/installation"] == "i1"
    assert pod["metadata"]["annotations"]["penstock/dag"] == "A DAG, of anything"
    assert pod["spec"]["containers"][0]["resources"] == {
        "requests": {"cpu": "500m", "memory": str((1 << 20) + (192 << 20))},
        "limits": {"memory": str((1 << 20) + (192 << 20))},
    }
    assert "secret-1" not in str(pod)
    until(
        lambda: (
            [line.text for line in cluster.node.pods["t-load-1", "default"].runs["worker"].lines]
            == [b"secret-1 http://penstock.example\n"]
        )
    )
    until(lambda: told.notes["t-load-1"][-1] == "", lambda: told.notes)
    first.release([ticket()])
    until(lambda: not cluster.pods() and not cluster.store.all("secrets"), lambda: cluster.store.all("secrets"))
    assert cluster.node.alive() == []


def test_a_pod_whose_answer_was_lost_or_whose_secret_is_missing_is_made_whole(make, cluster):
    cluster.faults.reset_after(when="POST /api/v1/namespaces/default/pods")
    cluster.faults.server_error(when="POST /api/v1/namespaces/default/secrets")
    executor = make(started=False)
    cluster.faults.clear()
    executor.start()
    cluster.faults.reset_after(when="POST /api/v1/namespaces/default/pods")
    cluster.faults.server_error(when="POST /api/v1/namespaces/default/secrets")

    executor.ring([ticket()])

    until(lambda: phase(cluster) == "Running", cluster.pods)
    assert len(cluster.pods()) == 1


@pytest.mark.parametrize(
    ("act", "says"),
    [
        ("oom", "container 'worker' was killed for its memory, of which it may have 64Mi (OOMKilled, exit code 137)"),
        ("evict", "it was ended (Evicted): The node was low on resource: memory"),
        ("kill", "ended with exit code 137 (SIGKILL)"),
        ("lose", "its pod has ended: the cluster took it away (DeletionByPodGC)"),
        ("delete", "its pod is gone: container 'worker' ended with exit code"),
    ],
)
def test_what_ends_a_pod_is_told(make, cluster, told, act, says):
    memory = {"spec": {"containers": [{"name": "worker", "resources": {"limits": {"memory": "64Mi"}}}]}}
    executor = make(pod_template=memory)
    executor.ring([ticket()])
    until(lambda: phase(cluster) == "Running", cluster.pods)

    if act == "lose":
        cluster.node.lose()
    elif act == "delete":
        cluster.delete("pods", "t-load-1", "default", 0.1)
    else:
        getattr(cluster.node, act)("t-load-1")

    until(lambda: told.ends, cluster.pods)
    reason, retryable = told.ends["t-load-1"]
    assert retryable
    assert bool(told.failed) == (act == "oom"), "what its own memory ends has failed, what the cluster ends is lost"
    assert says in reason or (act == "delete" and "its pod" in reason)
    until(lambda: executor.look([ticket()]) or not cluster.pods(), cluster.pods)


def test_what_holds_up_a_pod_is_told_and_given_up_after_its_time(make, cluster, told):
    """apache/airflow#14556, apache/airflow#15218: it was queued for ever."""
    executor = make(start_timeout_s=3.0)
    cluster.node.missing_images.append("lost:*")
    executor.ring(
        [
            ticket(1, executor_config={"pod": {"spec": {"nodeSelector": {"disk": "fast"}}}}),
            ticket(2, executor_config={"pod": {"spec": {"containers": [{"name": "worker", "image": "lost:1"}]}}}),
        ]
    )
    until(lambda: "didn't match Pod's node affinity" in str(told.notes.get("t-load-1")), lambda: told.notes)
    until(lambda: "ImagePullBackOff" in str(told.notes.get("t-load-2")), lambda: told.notes)

    until(lambda: executor.look([ticket(1), ticket(2)]) or told.ends, cluster.pods)

    assert list(told.ends) == ["t-load-2"]
    assert "did not start within 3 s: container 'worker' waits (ImagePullBackOff)" in told.ends["t-load-2"][0]
    until(lambda: list(cluster.pods()) == ["t-load-1"], cluster.pods)
    cluster.node.labels["disk"] = "fast"
    until(lambda: told.notes["t-load-1"][-1] == "", lambda: told.notes)


def test_a_quota_is_waited_for_until_a_pod_has_ended(make, cluster, told):
    cluster.quotas["default"] = 1
    executor = make("import time; time.sleep(0.3)")
    executor.ring([ticket(number) for number in range(4)])

    until(
        lambda: any("the quota of its namespace is used up" in str(each) for each in told.notes.values()),
        lambda: told.notes,
    )
    until(lambda: len(told.ends) == 4, lambda: (told.ends, told.notes))

    until(lambda: executor.look([]) or not cluster.pods(), cluster.pods)


def test_a_busy_server_is_asked_when_it_says(make, cluster, told):
    executor = make()
    cluster.faults.too_many_requests(3, retry_after="0", when="POST /api/v1/namespaces/default/pods")
    executor.ring([ticket()])
    until(lambda: phase(cluster) == "Running", lambda: told.notes)
    executor.silence([ticket()], "cancelled")
    until(lambda: not cluster.pods() and cluster.node.alive() == [], cluster.pods)


@pytest.mark.parametrize(
    ("config", "says"),
    [
        ({"pods": {}}, "executor_config has no pods; it has pod"),
        ({"pod": {"spec": {"containers": [{"image": "x"}]}}}, "has no name of lower-case"),
        ({"pod": {"metadata": {"labels": {"a": "ü"}}}}, "put other text into an annotation"),
        (
            {"pod": {"metadata": {"namespace": "secret-place"}}},
            "asks for the namespace 'secret-place'; this executor has default",
        ),
    ],
)
def test_what_a_task_asks_for_that_can_be_no_pod_is_refused(make, config, says):
    (refused,) = make().ring([ticket(executor_config=config)])
    assert says in refused.reason


def test_what_the_cluster_refuses_fails_its_try_alone(make, cluster, told):
    executor = make()
    executor.ring([ticket(1, executor_config={"pod": {"spec": {"restartPolcy": "Never"}}}), ticket(2)])
    until(lambda: phase(cluster, "t-load-2") == "Running", cluster.pods)

    reason, retryable = told.ends["t-load-1"]
    assert 'unknown field "spec.restartPolcy"' in reason
    assert not retryable


def test_the_name_the_ticket_and_the_policy_are_nobodys_to_change(make, cluster):
    worker = {"name": "worker", "env": [{"name": "PENSTOCK_TICKET", "value": "mine"}, {"name": "A", "value": "b"}]}
    patch = {"metadata": {"name": "other"}, "spec": {"restartPolicy": "Always", "containers": [worker]}}
    make().ring([ticket(executor_config={"pod": patch})])
    until(lambda: phase(cluster) == "Running", cluster.pods)

    spec = cluster.pods()["t-load-1"]["spec"]
    assert spec["restartPolicy"] == "Never"
    assert {each["name"]: each.get("value") for each in spec["containers"][0]["env"]} == {
        "PENSTOCK_TICKET": None, "A": "b", "PENSTOCK_SERVER": "http://penstock.example",
    }  # fmt: skip


def test_pods_of_other_schedulers_live_and_what_nobody_needs_is_removed(make, cluster):
    make().ring([ticket(1)])
    until(lambda: phase(cluster) == "Running", cluster.pods)
    executor = make(start_timeout_s=0.5)
    cluster.node.missing_images.append("lost:*")
    lost = {"pod": {"spec": {"containers": [{"name": "worker", "image": "lost:1"}]}}}
    executor.ring([ticket(1), ticket(2, executor_config=lost)])

    until(lambda: executor.look([]) or list(cluster.pods()) == ["t-load-1"], cluster.pods)
    assert phase(cluster) == "Running"
    cluster.node.kill("t-load-1")
    until(lambda: executor.look([]) or not cluster.pods(), cluster.pods)


def test_a_pod_that_has_ended_may_be_kept_for_a_while(make, cluster, told):
    executor = make("pass", keep_s=4.0)
    executor.ring([ticket()])
    until(lambda: told.ends, cluster.pods)
    assert "nobody knows how the try ended" in told.ends["t-load-1"][0]
    executor.release([ticket()])
    executor.look([])
    assert phase(cluster) == "Succeeded"
    until(lambda: executor.look([]) or not cluster.pods(), cluster.pods)


def test_watches_that_are_cut_and_a_restart_lose_nothing_and_label_nothing_anew(make, cluster, told):
    """apache/airflow#26888, apache/airflow#66396: a restart ended or labelled pods."""
    cluster.watches.cut_after_s = 0.1
    first = make("import time; time.sleep(1)")
    first.ring([ticket(number) for number in range(3)])
    until(lambda: len(cluster.pods()) == 3, cluster.pods)
    first.stop()
    cluster.store.compact()
    second = make()
    second.ring([ticket(number) for number in range(3)])

    until(lambda: len(told.ends) == 3, lambda: told.ends)
    assert not cluster.asked("PATCH /api/v1/namespaces/default/pods/{name}")
    until(lambda: second.look([]) or not cluster.pods(), cluster.pods)


def test_options_and_templates_that_are_wrong_are_told_before_any_try(make, cluster, tmp_path):
    with pytest.raises(ConfigError, match="a pod needs an image"):
        make(image="", pod_template={}, started=False)
    with pytest.raises(ConfigError, match="creates must be greater than 0; keep_s must be 0 or more"):
        make(creates=0, keep_s=-1, started=False)
    with pytest.raises(ProviderError, match="unknown field"):
        make(pod_template={"spec": {"hostNetwerk": True}})
    with pytest.raises(ProviderError, match="is no pod"):
        make(pod_template={"specs": {}})
    with pytest.raises(ProviderError, match="has the image ' ', and white space is no part of one"):
        make(pod_template={"spec": {"containers": [{"name": "base", "image": " "}]}})


def test_a_cluster_that_is_away_is_told_and_asked_again(make, cluster):
    executor = make(started=False, cluster={"server": cluster.url, "token": cluster.token, "max_attempts": 1})
    cluster.faults.server_error(None)

    with pytest.raises(ProviderError):
        executor.start()

    cluster.faults.clear()
    executor.start()
    assert executor.slots() == 100


def test_a_cluster_is_a_connection_by_its_name_or_options_and_not_both(cluster, connection, tmp_path, told):
    def made(**options):
        given = {"image": "penstock:1", "silent_s": 1.0, **options}
        clock = lambda: datetime.now(UTC)  # noqa: E731 - as the scheduler hands it over
        places = ("pods", given, "http://penstock.example", "i1", tmp_path, clock, told.waiting, told.gone, connection)
        return KubernetesExecutor(RemoteContext(*places))

    executor = made()
    executor.start()
    executor.ring([ticket()])
    until(lambda: "t-load-1" in cluster.pods(), "its pod is created")
    executor.stop()
    with pytest.raises(ConfigError, match=r"\[executors.pods\]: cluster and conn_id exclude each other"):
        made(cluster={"server": cluster.url, "token": cluster.token})
