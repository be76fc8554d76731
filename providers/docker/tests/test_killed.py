"""A process that is killed at any step leaves one container, which the next one goes on with, to its log, result and removal."""

import itertools
import json
import os
import signal

import pytest

from penstock import DAG
from penstock.author.run.execution import prepare
from penstock.model.attempt import TryFacts, TryInputs
from penstock_docker.operators import DockerOperator
from penstock_testkit.kept_runtime import KeptRuntime
from penstock_testkit.nightly import nightly_but
from penstock_testkit.saas.patterns import Pattern

pytestmark = pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")  # the test's own engine has threads

CREATE, START = "POST /{version}/containers/create", "POST /{version}/containers/{name}/start"
INSPECT, LOGS = "GET /{version}/containers/{name}/json", "GET /{version}/containers/{name}/logs"
REMOVE, IMAGE = "DELETE /{version}/containers/{name}", "GET /{version}/images/{name}/json"

CHANGES = (CREATE, START, REMOVE)
"""What leaves something behind, or takes it away; a process may be killed amid what only reads each night."""


@pytest.fixture
def tried(connection, tmp_path):
    """A function that makes a try of a task, as a new process finds it."""
    runtime = KeptRuntime({"docker_default": connection}, tmp_path / "checkpoints")

    def make(try_number=1, **arguments):
        with DAG("shop", schedule=None):
            task = DockerOperator(task_id="load", image="busybox", **arguments)
        return prepare(task, TryFacts("shop", "r1", "load", try_number=try_number), TryInputs(), runtime)

    return make


def ended(made, most=2000):
    """The end of a try that is poked until it has one."""
    with made.active():
        for _ in range(most):
            if (end := made.poked(made.poke())) is not None:
                return end
    raise AssertionError("the container did not end")


def killed_at(engine, made, when, *, handled, nth):
    """Poke in a process of its own until a request is held, and kill it there."""
    pattern, seen = Pattern(when), itertools.count(1)
    held = engine.faults.hold(
        handled=handled, when=lambda request: pattern.match(request) is not None and next(seen) == nth
    )
    child = os.fork()
    if child == 0:
        try:
            ended(made)
        finally:
            os._exit(0)
    held.reached()
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    held.release()


CASES = [
    pytest.param(when, nth, handled, id=f"{when.rpartition('/')[2]}-{nth}-{handled}")
    for when, nth in [
        (IMAGE, 1),
        (CREATE, 1),
        (START, 1),
        (INSPECT, 1),
        (INSPECT, 4),
        (LOGS, 1),
        (LOGS, 3),
        (REMOVE, 1),
    ]
    for handled in (False, True)
]


@pytest.mark.parametrize(
    ("when", "nth", "handled"), nightly_but([each for each in CASES if each.values[0] in CHANGES], CASES)
)
def test_its_container_is_the_next_ones(engine, tried, caplog, when, nth, handled):
    caplog.set_level("INFO")
    pause = "0.05" if nth == 1 else "0.3"  # so that a slow machine, too, looks often enough before its end
    arguments = {"command": ["sh", "-c", f'for n in 1 2 3 4 5; do echo "|$n"; sleep {pause}; done']}
    killed_at(engine, tried(**arguments), when, handled=handled, nth=nth)

    end = ended(tried(**arguments))

    assert end.outcome.value == "success"
    assert json.loads(end.xcoms["return_value"].json) == "|5"
    assert len(engine.made) == 1
    told = [each for each in caplog.messages if each.startswith("|")]
    assert told == [f"|{n}" for n in range(6 - len(told), 6)]  # the rest is in the killed one's log


def test_one_that_failed_unseen_has_failed_for_the_next_try_and_is_followed_by_another(engine, tried):
    arguments = {"command": ["sh", "-c", "exit 3"], "retries": 1}
    killed_at(engine, tried(**arguments), REMOVE, handled=True, nth=1)

    with pytest.raises(Exception, match="exit code 3"):
        ended(tried(**arguments))
    assert len(engine.made) == 1
    with pytest.raises(Exception, match="exit code 3"):
        ended(tried(2, **arguments))
    assert len(engine.made) == 2


@pytest.mark.parametrize("state", ["created", "running", "exited"])
def test_one_from_before_a_clear_is_ended_and_removed_and_another_one_runs(engine, tried, hook, state):
    left = hook.create("left", "busybox", host={}, command=["sleep", "1000" if state == "running" else "0"])
    if state != "created":
        hook.start(left)
    if state == "exited":
        assert engine.containers[left].ended.wait(60)
    after = tried(command=["echo", "new"], stop_grace_s=1)
    after.context.runtime.set_checkpoint("penstock.job.left", {"token": "t", "id": left, "failed_try": 0})

    end = ended(after)

    assert json.loads(end.xcoms["return_value"].json) == "new"
    assert [each["Action"] for each in engine.events if each["id"] == left].count("start") == (state != "created")
    assert engine.containers == {}


def test_a_removal_that_comes_late_loses_no_result(engine, tried, hook):
    """A killed process had kept the end, and its request for the removal arrives while the next one reads."""
    made = hook.create("late", "busybox", host={}, command=["echo", "read"])
    hook.start(made)
    assert engine.containers[made].ended.wait(60)
    following = tried(command=["echo", "another"])
    following.context.runtime.set_checkpoint("penstock.job", {"token": "t", "id": made, "failed_try": 0})
    kept = {
        "container_id": made,
        "outcome": "success",
        "reason": "",
        "kind": "job_failed",
        "value": "kept",
        "digest": "",
    }
    following.context.runtime.set_checkpoint("docker.end", kept)
    engine.faults.append(lambda request: engine.close() if "/logs" in request.target else None)

    end = ended(following)

    assert json.loads(end.xcoms["return_value"].json) == "kept"
    assert engine.made == ["late"]


def test_one_whose_try_was_lost_ends_with_the_next_try_that_is_ended(engine, tried):
    arguments = {"command": ["sleep", "1000"], "stop_grace_s": 1}
    killed_at(engine, tried(**arguments), LOGS, handled=True, nth=1)
    (left,) = engine.containers.values()
    assert left.running

    following = tried(**arguments)
    with following.active():
        following.poke()
    following.killed()

    assert engine.containers == {}
    assert len(engine.made) == 1
