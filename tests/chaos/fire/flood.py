"""Thousands of short tasks over PostgreSQL while it is restarted and processes are killed and stopped, every few seconds."""

import contextlib
import json
import random
import signal
import time
from collections import Counter
from pathlib import Path

from fire.installation import LEASE_S, Fire, send
from fire.outages import Outages

from penstock.errors import StoreError

TASKS_A_RUN = 100
DAGS = ("flood", "flood2", "flood3", "flood4")
PAUSE_S = (0.5, 2.0)
KILLED = ("scheduler", "spawn server", "file server", "fork", "loader", "up")
STOPPED = ("scheduler", "spawn server", "file server")
OUTAGES = ("crashed", "stopped", "sessions cut")
OPEN = 'SELECT count(*) FROM "try" WHERE outcome IS NULL'
STATES = (
    "SELECT t.state, count(*) FROM task_instance t JOIN run USING (run) WHERE dag_id LIKE 'flood%%' GROUP BY t.state"
)
SUCCESSES = (
    "SELECT n, count(*) FROM (SELECT count(*) FILTER (WHERE outcome = 'success') AS n FROM \"try\" JOIN run USING (run) "
    "WHERE dag_id LIKE 'flood%%' GROUP BY run, task_id, map_index) AS tries GROUP BY n"
)


class Flood:
    """The tasks, and what befalls them.

    Args:
        fire: The installation, on PostgreSQL.
        seed: What the faults are drawn from.
        tasks: How many tasks, in hundreds.
        pause_s: Seconds between two faults, at least and at most.
    """

    def __init__(
        self, fire: Fire, outages: Outages, seed: int, tasks: int, pause_s: tuple[float, float] = PAUSE_S
    ) -> None:
        self._fire, self._outages, self._random, self._pause_s = fire, outages, random.Random(seed), pause_s
        # Several DAGs, so that each scheduler has some.
        self._runs = {f"flood{number}": DAGS[number % len(DAGS)] for number in range(tasks // TASKS_A_RUN)}
        self.faults: Counter[str] = Counter()

    def play(self, report: Path) -> dict[str, object]:
        """Let the tasks run to their end, and write down what became of them.

        Raises:
            AssertionError: One was lost, counted twice or is stuck, or something is held that nobody has.
        """
        began = time.monotonic()
        self._fire.up()
        for run_id, dag_id in self._runs.items():
            self._fire.trigger(dag_id, run_id)
        total = TASKS_A_RUN * len(self._runs)
        while len(self._carried_out()) < 0.95 * total:
            self._strike()
            time.sleep(self._random.uniform(*self._pause_s))  # the tasks go on meanwhile
        self._fire.up()
        for run_id, dag_id in self._runs.items():
            self._fire.end_of(dag_id, run_id)
        found = self._found()
        found |= {"tasks": total, "seconds": round(time.monotonic() - began, 1), "faults": dict(self.faults)}
        report.write_text(json.dumps(found, indent=2))
        assert found["states"] == {"success": total}, found
        assert found["successes"] == {"1": total}, found
        assert found["open"] == 0, found
        assert self._carried_out().keys() == {f"{run} {n}" for run in self._runs for n in range(TASKS_A_RUN)}
        self._fire.trigger("other", "after")
        assert self._fire.end_of("other", "after") == "success", "places that the flood had are not free"
        return found

    def _strike(self) -> None:
        kind = self._random.choice(["kill", "kill", "stop", "outage", "outage"])
        if kind == "outage":
            name = self._random.choice(OUTAGES)
            with self._outages[name](self._fire):
                self.faults[name] += 1
            self._fire.look_away()
            return
        what = self._random.choice(KILLED if kind == "kill" else STOPPED)
        pids = self._fire.pids(what)
        pids = [self._random.choice(sorted(pids))] if pids else []
        self.faults[f"{kind} {what}"] += bool(pids)
        if kind == "kill":
            send(signal.SIGKILL, pids)
            if what == "up":
                self._fire.wait_for(lambda: self._fire.ended() is not None, "the end of a killed supervisor", 60)
                with contextlib.suppress(StoreError):
                    self._fire.up()
        else:
            send(signal.SIGSTOP, pids)
            time.sleep(1.5 * LEASE_S)  # the lease is what it is about
            send(signal.SIGCONT, pids)

    def _carried_out(self) -> Counter[str]:
        """How often each task was carried out."""
        file = self._fire.folder / "flood"
        return Counter(file.read_text().splitlines()) if file.exists() else Counter()

    def _found(self) -> dict[str, object]:
        with self._fire.looking() as found, found.store.database.read() as connection:
            ask = connection.exec_driver_sql
            states = {str(state): count for state, count in ask(STATES)}
            successes = {str(times): count for times, count in ask(SUCCESSES)}
            still_open = ask(OPEN).scalar()
        done = self._carried_out()
        return {
            "states": states,
            "successes": successes,
            "open": still_open,
            "carried out": done.total(),
            "carried out again": done.total() - len(done),
        }
