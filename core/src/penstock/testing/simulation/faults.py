"""What befalls a simulation from outside: executors fall silent, somebody sets the clock, others lock the database."""

import sqlite3
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from random import Random

from penstock.testing.simulation.clock import SimulatedClock
from penstock.testing.simulation.timeline import Timeline
from penstock.testing.simulation.workers import SimulatedExecutor

_DAY = timedelta(days=1)
_OFFSETS = [0 * _DAY, _DAY / 1440, -_DAY / 1440, _DAY / 24, -_DAY / 12, _DAY, -400 * _DAY]


class Faults:
    """Each at instants of its own, until there is peace.

    Args:
        folder: Where the database is.
        stop: Has the scheduler stop.
        log: Takes what happens.
    """

    def __init__(
        self,
        random: Random,
        clock: SimulatedClock,
        timeline: Timeline,
        folder: Path,
        executors: Sequence[SimulatedExecutor],
        *,
        stop: Callable[[], None],
        log: Callable[..., None],
    ) -> None:
        self._random, self._clock, self._at, self._executors = random, clock, timeline.at, executors
        self._file, self._stop, self._log = folder / "penstock.db", stop, log
        self._others = ExitStack()
        self._over = False

    def begin(self) -> None:
        """Let them come."""
        self._at(self._random.uniform(0, 300), self._disturb)
        self._at(self._random.uniform(0, 450), self._set_time_of_day)
        self._at(self._random.uniform(0, 750), self._lock_database)

    def end(self) -> None:
        """From now on there are none, nobody has the database's lock, and the time of day is right."""
        self._over = True
        self._others.close()
        self._clock.offset = timedelta()

    def close(self) -> None:
        """Let go of the database."""
        self._others.close()

    def set_clock(self) -> None:
        """Somebody sets the clock, forward or back."""
        if not self._over:
            self._clock.offset = self._random.choice(_OFFSETS)
            self._log(f"CLOCK off by {self._clock.offset}")

    def _set_time_of_day(self) -> None:
        if not self._over:
            self.set_clock()
            self._at(self._random.uniform(0, 450), self._set_time_of_day)

    def _disturb(self) -> None:
        if self._over:
            return
        executor = self._random.choice(self._executors)
        executor.fall_silent(self._random.choice([5.0, 40.0, 120.0]))
        executor.room = self._random.choice([0, 1, 3, 5])
        if self._random.random() < 0.3:
            self._stop()
        self._at(self._random.uniform(0, 750), self._disturb)

    def _lock_database(self) -> None:
        """Another program has the database's lock for a while."""
        if self._over:
            return
        other = sqlite3.connect(self._file, timeout=0, isolation_level=None)
        self._others.callback(other.close)
        seconds = self._random.choice([2.0, 10.0, 40.0])
        try:
            other.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError:
            seconds = 0.0
        self._log(f"DATABASE locked for {seconds} s")
        self._at(seconds, other.close)
        self._at(seconds + self._random.uniform(0, 750), self._lock_database)
