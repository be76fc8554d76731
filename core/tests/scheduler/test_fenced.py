"""A provider's executor that misbehaves costs its own tries, and nothing else."""

import os
import select
from datetime import UTC, datetime

import pytest

from penstock.errors import ConfigError
from penstock.model.attempt import TryFacts
from penstock.model.run import TaskKey
from penstock.model.state import Outcome
from penstock.scheduler.fenced import FencedExecutor
from penstock.spec.executor import Executor, Heartbeat, PlanCode, TryAsked, TryRecovered, TryRequest
from penstock.spec.wire import Ask, Reply

NOW = datetime(2026, 1, 1, tzinfo=UTC)
KEY = TaskKey(1, "t")
TRY = TryRequest(run=1, epoch=3, facts=TryFacts("d", "r", "t"), code=PlanCode("acme.copy"), log="file:///nowhere")


class Sound:
    """An executor that does as it should; `broken` names the methods that raise."""

    name = "acme"

    def __init__(self, *broken):
        self._broken = broken
        self.read, self._write = os.pipe()
        self.told, self.taken = [], []

    def _maybe(self, method):
        if method in self._broken:
            raise ZeroDivisionError("its author's fault")

    def start(self):
        self._maybe("start")

    def recover(self, tries):
        self._maybe("recover")
        return self.told

    def capacity(self):
        self._maybe("capacity")
        return 4

    def fileno(self):
        return self.read

    def submit(self, tries):
        self._maybe("submit")
        self.taken += tries

    def cancel(self, tries, reason):
        self._maybe("cancel")

    def reply(self, asked, reply):
        self._maybe("reply")

    def events(self):
        self._maybe("events")
        return self.told

    def stop(self, grace_s):
        os.close(self.read)
        os.close(self._write)
        self._maybe("stop")


@pytest.fixture
def fenced():
    """Fence an executor; its descriptors are closed at the end."""
    made = []

    def fence(inner):
        made.append(FencedExecutor(inner, "acme", lambda: NOW))
        return made[-1]

    yield fence
    for each in made:
        each.stop(0)


def readable(executor):
    return bool(select.select([executor], [], [], 0)[0])


def test_a_sound_executor_is_heard_and_served_as_it_is(fenced):
    inner = Sound()
    executor = fenced(inner)
    executor.start()
    executor.submit([TRY])
    inner.told = [Heartbeat("acme", ((KEY, 3),), NOW)]
    assert (executor.capacity(), inner.taken, executor.events()) == (4, [TRY], inner.told)
    assert not readable(executor)
    os.write(inner._write, b"x")
    assert readable(executor)


@pytest.mark.parametrize("method", ["recover", "capacity", "submit", "cancel", "reply", "events", "stop"])
def test_a_method_that_raises_is_told_once_and_harms_nothing_else(fenced, capsys, method):
    executor = fenced(Sound(method))
    executor.start()
    for _ in range(2):
        assert executor.capacity() == (0 if method == "capacity" else 4)
        assert executor.recover([TRY]) == []
        executor.cancel([(KEY, 3)], "by ann")
        executor.reply(TryAsked(KEY, 3, 1, Ask("variable", ("k",))), Reply())
        executor.submit([TRY])
        ended = [(event.key, event.epoch, event.end.outcome) for event in executor.events()]
        assert ended == ([(KEY, 3, Outcome.LOST)] if method == "submit" else [])
    told = capsys.readouterr().err
    assert told.count("ZeroDivisionError") == (0 if method == "stop" else 1)


def test_tries_that_could_not_be_handed_over_wake_the_scheduler(fenced, capsys):
    executor = fenced(Sound("submit"))
    executor.start()
    executor.submit([TRY])
    assert readable(executor)
    executor.events()
    assert not readable(executor)


def test_an_executor_that_cannot_be_started_is_named_with_what_it_raised(fenced):
    with pytest.raises(ConfigError, match="executor 'acme' cannot be started: ZeroDivisionError"):
        fenced(Sound("start")).start()


def test_what_is_no_event_and_what_was_not_asked_for_is_left_out(fenced, capsys):
    inner = Sound()
    executor = fenced(inner)
    executor.start()
    other = TryRecovered(TaskKey(9, "x"), 1)
    inner.told = ["nonsense", TryRecovered(KEY, 3), other]
    assert executor.recover([TRY]) == [TryRecovered(KEY, 3)]
    assert executor.events() == [TryRecovered(KEY, 3), other]
    assert "'nonsense', which is no event" in capsys.readouterr().err


def test_its_methods_are_those_of_the_spec():
    wanted = {name for name in vars(Executor) if not name.startswith("_")}
    assert wanted <= {*dir(FencedExecutor), "name"}
