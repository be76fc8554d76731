"""The process of the sinks: puts together what processes measure, and gives each sink its share at its own pace."""

import os
import select
import stat
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from contextvars import copy_context
from datetime import datetime
from functools import partial
from pathlib import Path

import msgspec

from penstock.decoders import msgpack_decoder
from penstock.metrics.labels import Labels
from penstock.metrics.series import OpenSeries, Record
from penstock.metrics.sink_faults import SinkFaults
from penstock.model.names import error_reason
from penstock.model.now import Now
from penstock.processes.frames import FrameReader, FrameRefusedError
from penstock.spec.metrics_sink import MetricsSink, Point

STOP_S = 3.0
"""Seconds that the sinks get for what they have not been given yet, when the process is to end."""

_READ_SIZE = 1 << 16

_decode = msgpack_decoder(Record).decode


class Collector:
    """Reads a named pipe, and wakes the sinks every interval in which something came.

    Args:
        pipe: The named pipe; made if need be.
        sinks: By name.
        interval_s: Seconds between two calls of a sink.
        read_clock: Tells the present.
        faults: Takes what goes wrong.
        labels: Bounds the values of tags.

    Raises:
        OSError: The pipe cannot be made.
    """

    def __init__(
        self,
        pipe: Path,
        sinks: Mapping[str, MetricsSink],
        interval_s: float,
        read_clock: Callable[[], Now],
        faults: SinkFaults,
        labels: Labels,
    ) -> None:
        with suppress(FileNotFoundError):
            if not stat.S_ISFIFO(pipe.stat().st_mode):
                pipe.unlink()  # such as what a copy of the state folder has made of it
        with suppress(FileExistsError):
            os.mkfifo(pipe, 0o600)
        # Open for writing, too: it does not end when the last process that measures does.
        self._reading = os.open(pipe, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        self._frames = FrameReader()
        self._read_clock, self._interval_s = read_clock, interval_s
        self._labels = labels
        self._sinks = [_SinkThread(name, sink, faults) for name, sink in sinks.items()]
        self._due: float | None = None

    def run(self, stop: int) -> None:
        """Work until ``stop`` is readable; then give the sinks what is left."""
        while True:
            wait_s = None if self._due is None else max(0.0, self._due - self._now_s())
            ready, _, _ = select.select([stop, self._reading], [], [], wait_s)
            self.step()
            if stop in ready:
                break
        for sink in self._sinks:
            sink.end(self._read_clock().wall, STOP_S)
        os.close(self._reading)

    def step(self) -> None:
        """Take what has come, and give it on if that is due."""
        records = list(self._labels.bounded(self._received()))
        if records:
            for sink in self._sinks:
                sink.add(records)
            self._due = self._now_s() + self._interval_s if self._due is None else self._due
        if self._due is not None and self._now_s() >= self._due:
            self._give()

    def _give(self) -> None:
        now = self._read_clock().wall
        behind = [sink.give(now) for sink in self._sinks]
        self._due = self._now_s() + self._interval_s if any(behind) else None

    def _received(self) -> list[Record]:
        records: list[Record] = []
        with suppress(BlockingIOError):
            while data := os.read(self._reading, _READ_SIZE):
                try:
                    records += [_decode(payload) for _, _, payload in self._frames.feed(data)]
                except (FrameRefusedError, msgspec.MsgspecError):  # somebody else writes into the pipe
                    self._frames = FrameReader()
        return records

    def _now_s(self) -> float:
        return self._read_clock().monotonic_s


class _SinkThread:
    """One sink in its thread: what it has not been given yet is put together meanwhile."""

    def __init__(self, name: str, sink: MetricsSink, faults: SinkFaults) -> None:
        self._name, self._sink, self._faults = name, sink, faults
        self._pending = OpenSeries()
        self._points: list[Point] = []
        self._at: datetime | None = None
        self._changed = threading.Condition()
        self._ending = False
        # A thread begins with a context of its own, in which a hook finds no connection.
        run = partial(copy_context().run, self._run)
        self._thread = threading.Thread(target=run, name=f"penstock-metrics-{name}", daemon=True)
        self._thread.start()

    def add(self, records: list[Record]) -> None:
        """Put values to those that wait."""
        self._pending.add(records)

    def give(self, at: datetime) -> bool:
        """Hand over what waits, unless the sink is still at work; whether something goes on waiting."""
        with self._changed:
            if self._at is None and self._pending:
                self._points, self._at = self._pending.take(), at
                self._changed.notify()
        return bool(self._pending)

    def end(self, at: datetime, grace_s: float) -> None:
        """Give it what is left as soon as it has finished, and let it finish that."""
        with self._changed:
            self._changed.wait_for(lambda: self._at is None, grace_s)
            self.give(at)
            self._ending = True
            self._changed.notify()
        self._thread.join(grace_s)

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._at is not None or self._ending)
                points, at = self._points, self._at
            if at is None:
                return
            try:
                self._sink.write(points, at)
                self._faults.mended(self._name)
            except BaseException as error:  # noqa: BLE001 - the fence: a provider's code may raise anything, SystemExit too
                self._faults.add(self._name, error_reason(error), at)
            with self._changed:
                self._points, self._at = [], None
                self._changed.notify()
