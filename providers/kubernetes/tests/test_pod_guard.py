"""A Deployment that needs fewer workers ends idle ones, and what is busy says so on its own pod."""

import pytest

from penstock.errors import ProviderError
from penstock_kubernetes.executors import KubernetesExecutor
from penstock_kubernetes.executors.pod_guard import COST, PodGuard
from penstock_testkit.processes import wait_until

LABELS = {"penstock/pool": "default"}


@pytest.fixture
def pods(cluster, hook, python):
    """Three pods of a pool that run, the oldest first."""
    spec = {
        "containers": [
            {"name": "worker", "image": "python:3", "command": python("import time; time.sleep(60)")["cmds"]}
        ],
        "terminationGracePeriodSeconds": 0,
    }
    for name in ("w-1", "w-2", "w-3"):
        hook.create("pods", {"metadata": {"name": name, "labels": LABELS}, "spec": spec}, "default")
    wait_until(
        lambda: [each["status"]["phase"] for each in cluster.pods().values()] == ["Running"] * 3, otherwise=lambda: "they do not run",
    )  # fmt: skip
    return [PodGuard(hook, name, "default") for name in ("w-1", "w-2", "w-3")]


def annotations(cluster, name):
    return cluster.pods()[name]["metadata"].get("annotations") or {}


def test_a_scale_in_ends_the_idle_pod_though_others_are_younger(cluster, pods):
    oldest, second, youngest = pods
    second.busy()
    youngest.busy()
    assert cluster.scale_in(LABELS, 2) == ["w-1"]
    second.idle()
    assert annotations(cluster, "w-2") == {}
    assert cluster.scale_in(LABELS, 1) == ["w-2"]
    assert cluster.scale_in(LABELS, 1) == []
    assert oldest.lasts_s == 0


def test_without_a_word_the_youngest_would_be_ended(cluster, pods):
    assert len(pods) == 3
    assert cluster.scale_in(LABELS, 2) == ["w-3"]


def test_other_annotations_of_the_pod_stay(cluster, hook, pods):
    hook.annotate("pods", "w-1", "default", {"ours": "kept"})
    pods[0].busy()
    assert annotations(cluster, "w-1") == {"ours": "kept", COST: "1000"}
    pods[0].idle()
    assert annotations(cluster, "w-1") == {"ours": "kept"}


def test_an_account_without_the_right_and_a_pod_that_is_not_there_are_told(cluster, hook, pods):
    cluster.denied.add(("patch", "pods"))
    with pytest.raises(ProviderError, match='cannot patch resource "pods"'):
        pods[0].busy()
    cluster.denied.clear()
    with pytest.raises(ProviderError, match="there is no pod w-9 in the namespace default"):
        PodGuard(hook, "w-9", "default").busy()


def test_a_worker_that_is_told_its_pod_has_a_guard_and_another_has_none():
    environ = {"KUBERNETES_SERVICE_HOST": "10.0.0.1", "KUBERNETES_SERVICE_PORT": "443"}
    assert KubernetesExecutor.guard({}) is None
    assert KubernetesExecutor.guard(environ) is None
    assert KubernetesExecutor.guard({"PENSTOCK_POD_NAME": "w-1"}) is None
    found = KubernetesExecutor.guard({**environ, "PENSTOCK_POD_NAME": "w-1", "PENSTOCK_POD_NAMESPACE": "pools"})
    assert (found.name, found.namespace) == ("w-1", "pools")
    assert found.hook.fields.in_cluster
