"""A provider's executor that misbehaves costs its own tries, and nothing else."""

import os
import select
import threading
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from penstock.model.attempt import TryEnd, TryFacts, Value
from penstock.model.run import TaskKey
from penstock.model.state import Outcome
from penstock.model.text import visible
from penstock.processes.masking import Mask
from penstock.scheduler.capacity_file import CapacityFile
from penstock.scheduler.fenced import FencedExecutor
from penstock.spec.executor import (
    Executor,
    Heartbeat,
    PlanCode,
    TryAsked,
    TryFinished,
    TryRecovered,
    TryRequest,
    TryStarted,
)
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
        made.append(FencedExecutor(inner, "acme", lambda: NOW, hide=Mask(["t0ken-word"]).hide))
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


def test_an_executor_that_cannot_be_started_is_given_no_try_and_harms_nobody(fenced, capsys):
    executor = fenced(Sound("start"))
    executor.start()
    assert "executor 'acme': it cannot be started: ZeroDivisionError" in capsys.readouterr().err
    assert (executor.capacity(), executor.recover([TRY]), executor.events()) == (0, [], [])
    executor.cancel([(KEY, 3)], "by ann")
    executor.submit([TRY])
    assert [event.end.outcome for event in executor.events()] == [Outcome.LOST]


def test_what_is_no_event_and_what_was_not_asked_for_is_left_out(fenced, capsys):
    inner = Sound()
    executor = fenced(inner)
    executor.start()
    other = TryRecovered(TaskKey(9, "x"), 1)
    inner.told = ["nonsense", TryRecovered(KEY, 3), other]
    assert executor.recover([TRY]) == [TryRecovered(KEY, 3)]
    assert executor.events() == [TryRecovered(KEY, 3), other]
    assert "'nonsense', which is no event" in capsys.readouterr().err


class Unspeakable:
    """Its own text raises."""

    def __repr__(self):
        raise RuntimeError

    __str__ = __repr__


class UnnamedError(Exception):
    """An error whose text raises."""

    __str__ = Unspeakable.__repr__


NONSENSE = [
    Unspeakable(),
    "\x1b]0;OWNED\x07",
    Heartbeat("acme", None, NOW),
    Heartbeat("acme", ((None, 3),), NOW),
    Heartbeat("acme", ((TaskKey(2**70, "t"), 3),), NOW),
    TryStarted(None, 3, 1, NOW),
    TryStarted(KEY, "x", 1, NOW),
    TryStarted(KEY, 3, 1, "today"),
    TryStarted(TaskKey(2**63, "t"), 3, 1, NOW),
    TryStarted(TaskKey(1, "t\0"), 3, 1, NOW),
    TryStarted(TaskKey(1, "t", 2**40), 3, 1, NOW),
    TryFinished(KEY, -1, NOW, TryEnd(Outcome.SUCCESS)),
    TryFinished(KEY, 2**40, NOW, TryEnd(Outcome.SUCCESS)),
    TryFinished(KEY, 3, NOW, None),
    TryFinished(KEY, 3, NOW, TryEnd("done")),
    TryFinished(KEY, 3, NOW, TryEnd(Outcome.FAILED, "\udcff")),
    TryFinished(KEY, 3, NOW, TryEnd(Outcome.FAILED, 5)),
    TryFinished(KEY, 3, NOW, TryEnd(Outcome.SUCCESS, xcoms={"k": Value(b"1", 2**70)})),
    TryFinished(KEY, 3, NOW, TryEnd(Outcome.SUCCESS, xcoms={"k": b"1"})),
    TryFinished(KEY, 3, NOW, TryEnd(Outcome.SUCCESS, xcoms=[1])),
    TryFinished(KEY, 3, NOW, TryEnd(Outcome.SUCCESS, follow=5)),
    TryFinished(KEY, 3, NOW, TryEnd(Outcome.FAILED, retry_after_s="soon")),
    TryAsked(KEY, 3, 1, "variable"),
]


@pytest.mark.parametrize("event", NONSENSE, ids=range(len(NONSENSE)))
def test_an_event_with_anything_out_of_its_bounds_is_left_out_and_told(fenced, capsys, event):
    inner = Sound()
    executor = fenced(inner)
    executor.start()
    inner.told = [event, TryStarted(KEY, 3, 7, NOW)]
    assert executor.events() == executor.recover([TRY]) == [TryStarted(KEY, 3, 7, NOW)]
    told = capsys.readouterr().err
    assert "Report it to the provider's author" in told
    assert "\x1b" not in told


@pytest.mark.parametrize("at", [datetime.max.replace(tzinfo=UTC), NOW + timedelta(days=9), NOW.replace(tzinfo=None)])
def test_an_instant_that_has_not_been_is_the_present(fenced, at):
    inner = Sound()
    executor = fenced(inner)
    executor.start()
    inner.told = [TryStarted(KEY, 3, 2**40, at, "w\n" * 200), TryFinished(KEY, 3, at, TryEnd(Outcome.SUCCESS))]
    assert executor.events() == [
        TryStarted(KEY, 3, 0, NOW, visible("w\n" * 125)),
        TryFinished(KEY, 3, NOW, TryEnd(Outcome.SUCCESS)),
    ]


ERRORS = [SystemExit("t0ken-word"), KeyboardInterrupt(), GeneratorExit(), UnnamedError()]


@pytest.mark.parametrize("raised", ERRORS, ids=lambda error: type(error).__name__)
def test_whatever_it_raises_ends_a_call_and_not_the_scheduler(fenced, capsys, raised):
    inner = Sound()

    def raising(*_):
        raise raised

    executor = fenced(inner)
    executor.start()
    inner.events = inner.capacity = inner.submit = raising
    executor.submit([TRY])
    assert executor.capacity() == 0
    assert [event.end.outcome for event in executor.events()] == [Outcome.LOST]
    told = capsys.readouterr().err
    assert (type(raised).__name__ in told, "t0ken" in told) == (True, False)
    other = Sound()
    other.start = raising
    fenced(other).start()
    assert f"cannot be started: {type(raised).__name__}" in capsys.readouterr().err


def test_what_it_wants_to_hold_is_kept_whenever_that_has_changed(tmp_path):
    inner, kept = Sound(), CapacityFile(tmp_path, "acme")
    executor = FencedExecutor(inner, "acme", lambda: NOW, keep_capacity=kept.write)
    executor.start()
    assert kept.read() is None
    for wanted in (3, 3, 0):
        inner.capacity = lambda wanted=wanted: wanted
        assert executor.capacity() == kept.read() == wanted
    executor.stop(0)


@pytest.mark.parametrize("method", ["events", "capacity", "submit", "cancel", "reply"])
def test_a_call_that_hangs_keeps_nobody_waiting_and_is_taken_up_when_it_returns(capsys, method):
    inner, go_on = Sound(), threading.Event()
    whole = getattr(inner, method)

    def hanging(*arguments):
        go_on.wait()
        return whole(*arguments)

    executor = FencedExecutor(inner, "acme", lambda: NOW, patience_s=0.05)
    executor.start()
    setattr(inner, method, hanging)
    inner.told = [Heartbeat("acme", ((KEY, 3),), NOW)]
    os.write(inner._write, b"x")  # what it is to read lies there all the while, and must not wake anybody
    executor.cancel([(KEY, 1)], "by ann")
    executor.reply(TryAsked(KEY, 3, 1, Ask("variable", ("k",))), Reply())
    if method == "submit":
        executor.submit([TRY])
        assert executor.events() == []
    executor.events()
    executor.capacity()
    assert f"{method}() has not returned" in capsys.readouterr().err
    assert (executor.capacity(), readable(executor)) == (0, False)
    later = msgspec.structs.replace(TRY, epoch=4)
    executor.submit([later])
    assert [(event.epoch, event.end.outcome) for event in executor.events()] == [(4, Outcome.LOST)]
    go_on.set()
    assert select.select([executor], [], [], 60)[0]
    while not executor.capacity():
        continue
    assert executor.events()[0] == inner.told[0]
    assert readable(executor)
    assert inner.taken == ([TRY] if method == "submit" else [])
    executor.stop(0)


def test_its_methods_are_those_of_the_spec():
    wanted = {name for name in vars(Executor) if not name.startswith("_")}
    assert wanted <= {*dir(FencedExecutor), "name"}
