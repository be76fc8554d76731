"""Measurements go from recorders through the pipe to sinks, and nobody waits for one."""

import os
import threading
from datetime import UTC, datetime

import pytest

from penstock.author.runtime import BaseRuntime, current
from penstock.engine.messages import Step
from penstock.metrics import series
from penstock.metrics.collector import Collector
from penstock.metrics.labels import Labels
from penstock.metrics.metrics_table import CAPACITY, DROPPED, IMPORT_DURATION, METRICS, NOTICES, RUNS_FINISHED
from penstock.metrics.recorder import OFF, Recorder
from penstock.metrics.series import OpenSeries, Record
from penstock.metrics.sink_faults import FILE, SinkFaults, read_sink_faults
from penstock.model.changes import Changes
from penstock.model.run import Run, RunKind, Try
from penstock.model.state import Outcome, RunState
from penstock.processes.masking import Mask
from penstock.scheduler.measures import Measures
from penstock.spec.metrics_sink import BOUNDS_S
from penstock.testing import FakeClock

NOW = datetime(2026, 3, 1, tzinfo=UTC)


class Sink:
    """Keeps what it is given; it can be made to wait, or to raise."""

    def __init__(self):
        self.given, self.fault = [], None
        self.may_go, self.called = threading.Event(), threading.Event()
        self.may_go.set()

    def write(self, points, at):
        self.called.set()
        self.may_go.wait(30)
        if self.fault:
            raise self.fault
        self.given.append({(point.name, *point.tags.values()): point.value for point in points})


class House:
    """The process of the sinks, in this one."""

    def __init__(self, folder):
        self.folder, self.clock, self.told = folder, FakeClock(NOW), []
        self.sinks = {"one": Sink(), "two": Sink()}
        self.mask = Mask()
        self.faults = SinkFaults(folder, self.told.append, self.mask)
        self.collector = Collector(folder / "pipe", self.sinks, 10.0, self.clock.read, self.faults, Labels(500))
        self.recorder = Recorder(folder / "pipe")
        self.stop_r, self.stop_w = os.pipe()

    def record(self, metric, value, *tags):
        self.recorder.record(metric, value, *tags)
        self.recorder.flush()
        self.collector.step()

    def end(self):
        os.write(self.stop_w, b"x")
        self.collector.run(self.stop_r)


@pytest.fixture
def house(tmp_path):
    made = House(tmp_path)
    yield made
    os.close(made.stop_r)
    os.close(made.stop_w)


def test_values_are_put_together_and_given_once_an_interval(house):
    house.record(NOTICES, 1, "acme", "ok")
    house.record(NOTICES, 2, "acme", "ok")
    house.record(CAPACITY, 3, "local")
    house.record(CAPACITY, 2, "local")
    assert not house.sinks["one"].called.is_set()
    house.clock.advance(10)
    house.record(NOTICES, 1, "acme", "failed")
    house.end()
    one = {("notifier.notices", "acme", "ok"): 3, ("executor.capacity", "local"): 2}
    assert house.sinks["one"].given == [{**one, ("notifier.notices", "acme", "failed"): 1}]
    assert house.sinks["two"].given == house.sinks["one"].given


def test_a_slow_sink_gets_the_sum_later_and_holds_up_no_other(house):
    slow = house.sinks["one"]
    slow.may_go.clear()
    house.record(NOTICES, 1, "acme", "ok")
    for _ in range(3):
        house.clock.advance(10)
        house.record(NOTICES, 1, "acme", "ok")
        assert slow.called.wait(30)
    slow.may_go.set()
    house.end()
    key = ("notifier.notices", "acme", "ok")
    assert sum(given[key] for given in slow.given) == 4
    assert sum(given[key] for given in house.sinks["two"].given) == 4


def test_a_sink_that_raises_is_told_once_and_goes_on(house):
    bad = house.sinks["one"]
    bad.fault = SystemExit("no door")
    house.record(NOTICES, 1, "acme", "ok")
    while (found := read_sink_faults(house.folder)) == {} or found["one"].failed < 2:
        house.clock.advance(10)
        house.record(NOTICES, 1, "acme", "ok")
        bad.called.wait(0.01)
        bad.called.clear()
    assert found["one"].fault == "SystemExit: no door"
    bad.fault = None
    house.record(NOTICES, 1, "acme", "ok")
    house.end()
    assert house.told == [
        "the metrics sink 'one' has failed: SystemExit: no door. What it was given is not given again.",
        "the metrics sink 'one' works again",
    ]
    assert read_sink_faults(house.folder) == {}


class UntoldError(Exception):
    def __str__(self):
        raise RuntimeError("no text")


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        (UntoldError(), "UntoldError: (its text cannot be told: its __str__ raised RuntimeError)"),
        (ValueError("half \ud800 a pair"), "ValueError: half \ufffd a pair"),
        (ValueError("the key s3cr3t-key is wrong"), "ValueError: the key *** is wrong"),
        (ValueError("x" * 5_000_000), "ValueError: " + "x" * 1985 + "..."),
    ],
    ids=["no text", "half a pair", "a secret", "long"],
)
def test_a_sink_may_raise_whatever_it_wants(house, fault, told):
    house.mask.learn(["s3cr3t-key"])
    bad = house.sinks["one"]
    bad.fault = fault
    for number in (1, 2):
        while (found := read_sink_faults(house.folder)) == {} or found["one"].failed < number:
            house.clock.advance(10)
            house.record(NOTICES, 1, "acme", "ok")
            assert house.collector._sinks[0]._thread.is_alive()
            bad.called.wait(0.01)
            bad.called.clear()
    assert found["one"].fault == told
    house.end()


def test_a_sink_works_in_the_context_in_which_the_process_was_made_ready(tmp_path):
    token = current.set(runtime := BaseRuntime())
    try:
        house = House(tmp_path)
    finally:
        current.reset(token)
    found = []
    house.sinks["one"].write = lambda points, at: found.append(current.get())
    house.record(NOTICES, 1, "acme", "ok")
    house.end()
    assert found == [runtime]
    for each in (house.stop_r, house.stop_w):
        os.close(each)


def test_a_file_in_place_of_the_pipe_gives_way(tmp_path):
    (tmp_path / "pipe").write_text("from a copy of the folder")
    house = House(tmp_path)
    house.record(NOTICES, 1, "acme", "ok")
    house.end()
    assert house.sinks["one"].given
    for each in (house.stop_r, house.stop_w):
        os.close(each)


def test_a_recorder_writes_into_no_file_and_finds_the_pipe_that_takes_its_place(tmp_path):
    pipe = tmp_path / "pipe"
    pipe.write_text("from a copy of the folder")
    recorder = Recorder(pipe)
    for _ in range(2):
        recorder.record(NOTICES, 1, "acme", "ok")
        recorder.flush()
        assert not pipe.is_file() or pipe.read_text() == "from a copy of the folder"
        house = House(tmp_path)
        house.recorder = recorder
        house.record(NOTICES, 1, "acme", "ok")
        house.end()
        assert house.sinks["one"].given[0]["notifier.notices", "acme", "ok"] == 1
        pipe.unlink()
        for each in (house.stop_r, house.stop_w):
            os.close(each)


def test_a_fault_that_finds_no_room_is_forgotten_later(tmp_path):
    faults = SinkFaults(tmp_path, lambda _: None)
    faults.add("one", "it raises", NOW)
    state, away = tmp_path / FILE, tmp_path / FILE.replace(".json", ".new")
    away.mkdir()
    faults.mended("one")
    assert read_sink_faults(tmp_path)
    away.rmdir()
    faults.mended("one")
    assert state.read_text() == "{}"


def test_nobody_waits_for_a_process_of_the_sinks_that_is_away_or_behind(tmp_path):
    recorder = Recorder(tmp_path / "pipe")
    recorder.record(NOTICES, 1, "acme", "ok")
    recorder.flush()
    house = House(tmp_path)
    house.recorder = recorder
    for _ in range(4000):
        recorder.record(NOTICES, 1, "acme", "ok")
    recorder.record(RUNS_FINISHED, 1, "x" * 5000, "success")
    recorder.flush()
    house.collector.step()
    house.record(NOTICES, 1, "acme", "ok")
    house.end()
    (given,) = house.sinks["one"].given
    ok, dropped = given["notifier.notices", "acme", "ok"], given[DROPPED.name,]
    assert (ok + dropped, ok > 500, dropped > 500) == (4003, True, True), "each is counted, as one or the other"
    for each in (house.stop_r, house.stop_w):
        os.close(each)


def test_the_last_value_of_a_gauge_waits_for_the_process_of_the_sinks(tmp_path):
    recorder = Recorder(tmp_path / "pipe")
    for value in (3, 2):
        recorder.record(CAPACITY, value, "local")
        recorder.flush()
    house = House(tmp_path)
    recorder.flush()
    house.collector.step()
    house.end()
    assert house.sinks["one"].given == [{("executor.capacity", "local"): 2}]
    for each in (house.stop_r, house.stop_w):
        os.close(each)


def test_what_is_no_record_harms_nothing(house):
    with (house.folder / "pipe").open("wb", buffering=0) as pipe:
        pipe.write(b"\xff" * 300)
    house.collector.step()
    house.record(NOTICES, 1, "acme", "ok")
    house.end()
    assert house.sinks["one"].given


def test_a_timing_is_spread_over_buckets(monkeypatch):
    monkeypatch.setattr(series, "SAMPLE", 2)
    gathered = OpenSeries()
    gathered.add([Record(IMPORT_DURATION.name, value) for value in (0.001, 0.005, 0.006, 9e9)])
    (point,) = gathered.take()
    assert (point.count, point.sample, point.kind) == (4, (0.001, 0.005), "timing")
    assert point.buckets == (2, 1, *[0] * (len(BOUNDS_S) - 2), 1)
    assert not gathered


def test_series_are_bounded_and_strangers_are_dropped(monkeypatch):
    monkeypatch.setattr(series, "MOST_SERIES", 3)
    gathered = OpenSeries()
    gathered.add([Record(RUNS_FINISHED.name, 1, (str(number), "success")) for number in range(5)])
    gathered.add([Record("nonsense", 1), Record(CAPACITY.name, 1), Record(RUNS_FINISHED.name, 1, ("0", "success"))])
    assert {(point.name, *point.tags.values()): point.value for point in gathered.take()} == {
        (RUNS_FINISHED.name, "0", "success"): 2,
        (RUNS_FINISHED.name, "1", "success"): 1,
        (RUNS_FINISHED.name, "2", "success"): 1,
        (DROPPED.name,): 4,
    }


def test_a_turn_tells_what_has_ended_with_it(house):
    run = Run(
        1, "sales", "one", RunKind.MANUAL, RunState.SUCCESS, "", NOW, None, None, None, {}, NOW, NOW.replace(second=5)
    )
    tries = [
        Try(1, "t", -1, 1, 1, "local", NOW, NOW.replace(second=1), NOW.replace(second=4), Outcome.FAILED),
        Try(1, "u", -1, 1, 1, "local", NOW),
    ]
    Measures(house.recorder).turn([Step(Changes(runs=[run], tries=tries), (), (), None)], 0.25, 0.125)
    house.end()
    assert house.sinks["one"].given == [
        {
            ("scheduler.turn",): 0.25,
            ("scheduler.commit",): 0.125,
            ("runs.finished", "sales", "success"): 1,
            ("runs.duration", "sales", "success"): 5,
            ("tries.finished", "local", "failed"): 1,
            ("tries.wait", "local"): 1,
            ("tries.duration", "local", "failed"): 3,
        }
    ]


def test_without_a_sink_nothing_is_asked_but_whether_it_is_on():
    assert (OFF.on, Measures().on) == (False, False)


def test_every_metric_has_a_room_a_name_and_a_sentence():
    assert all(name.count(".") == 1 and each.meaning.endswith(".") for name, each in METRICS.items())
