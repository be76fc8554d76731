"""Pods are known as they are, whatever becomes of the streams that tell of them."""

import sys
import threading
from itertools import count

import pytest

from penstock_kubernetes.hooks.watched import Pace, WatchedPods
from penstock_testkit.processes import wait_until


class Told:
    """What was told of pods."""

    def __init__(self):
        self.changed, self.gone, self.lock = {}, [], threading.Lock()

    def change(self, pod):
        with self.lock:
            self.changed.setdefault(pod["metadata"]["name"], []).append(pod["status"].get("phase"))

    def leave(self, pod):
        with self.lock:
            self.gone.append(pod["metadata"]["name"])


@pytest.fixture
def told():
    return Told()


@pytest.fixture
def watched(hook, cluster, told):
    """Pods of the namespace that have the label, watched with little patience."""
    cluster.watches.bookmark_every_s = 0.1
    found = WatchedPods(hook, ["default"], "app=penstock", told.change, told.leave, Pace(watch_s=2, silent_s=0.5))
    yield found
    found.stop()


@pytest.fixture
def create(hook):
    """A function that creates a pod with the label that runs for a moment."""
    numbers = count()

    def make(script="pass", name=""):
        name = name or f"p{next(numbers)}"
        container = {"name": "base", "image": "x", "command": [sys.executable, "-S", "-c", script]}
        metadata = {"name": name, "labels": {"app": "penstock"}}
        hook.create("pods", {"metadata": metadata, "spec": {"restartPolicy": "Never", "containers": [container]}})
        return name

    return make


def knows(watched, cluster):
    """Wait until what is known is what is there."""

    def same():
        known = {name: pod["metadata"]["resourceVersion"] for (_, name), pod in (watched.known() or {}).items()}
        return known == {name: pod["metadata"]["resourceVersion"] for name, pod in cluster.pods().items()}

    wait_until(same, otherwise=lambda: f"{watched.known()} and {cluster.pods()}, {watched.problem}")


def test_pods_from_before_and_later_ones_are_told_with_their_phases(watched, create, told, cluster, hook):
    first = create()
    watched.start()
    assert watched.known(5)
    second = create()
    wait_until(lambda: told.changed.get(second, [""])[-1] == "Succeeded", otherwise=lambda: str(told.changed))
    hook.delete("pods", second)
    wait_until(lambda: second in told.gone, otherwise=lambda: str(told.gone))

    knows(watched, cluster)
    assert first in told.changed
    assert watched.silent_s < 5


@pytest.mark.parametrize("fault", ["cut_after_events", "cut_after_s"])
def test_streams_that_are_cut_lose_nothing(watched, create, told, cluster, fault):
    setattr(cluster.watches, fault, 2 if fault == "cut_after_events" else 0.1)
    watched.start()
    names = [create("import time; time.sleep(0.4)") for _ in range(3)]

    wait_until(
        lambda: all(told.changed.get(each, [""])[-1] == "Succeeded" for each in names),
        otherwise=lambda: str(told.changed),
    )

    knows(watched, cluster)
    assert cluster.watches.opened >= 2


@pytest.mark.parametrize("by_http", [False, True])
def test_history_that_has_expired_is_listed_anew(watched, create, told, cluster, hook, by_http):
    """apache/airflow#21087, apache/airflow#35354, apache/airflow#44127: 410 ended the watch for ever."""
    cluster.watches.expired_by_http = by_http
    watched.start()
    assert watched.known(5) == {}
    for _ in range(2):
        name = create()
        cluster.store.compact()
        knows(watched, cluster)
    hook.delete("pods", name, grace_s=0)
    cluster.store.compact()

    wait_until(lambda: name in told.gone, otherwise=lambda: str(told.gone))
    knows(watched, cluster)


def test_a_stream_that_says_nothing_is_given_up(watched, create, told, cluster):
    """apache/airflow#12644: a lost connection froze the watch."""
    watched.start()
    assert watched.known(5) == {}
    cluster.watches.blackhole = True
    name = create()
    wait_until(lambda: name in told.changed, otherwise=lambda: str(told.changed))


def test_a_server_that_fails_is_asked_again_and_the_problem_is_said(watched, create, told, cluster):
    cluster.faults.server_error(3, when="GET /api/v1/namespaces/default/pods")
    cluster.denied.add(("watch", "pods"))
    watched.start()
    wait_until(lambda: "cannot watch" in str(watched.problem), seconds=30, otherwise=lambda: watched.problem)
    cluster.denied.clear()
    name = create()
    wait_until(lambda: told.changed.get(name, [""])[-1] == "Succeeded", otherwise=lambda: watched.problem)
