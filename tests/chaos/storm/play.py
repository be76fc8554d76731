"""Plays a storm by a seed, and judges what is left."""

import os
import random
import signal
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from contextlib import suppress

from storm.installation import LEASE_S, Storm, pick

from penstock.model.state import Outcome

Strike = Callable[[random.Random], None]


REST_S = 60.0
"""Seconds in which all is tidied up when the storm is over."""


class Report(dict[str, object]):
    """What a storm has done, and what it found."""


def play(
    storm: Storm, seed: int, strikes: Mapping[str, tuple[float, Strike]], *, calm_s: float, patience_s: float
) -> Report:
    """Run all tasks of a storm's DAG while it strikes, and check that each has succeeded once.

    Args:
        storm: The installation, which is not started yet.
        seed: What decides who is struck, and when.
        strikes: What can happen beside what all storms have, each with its weight.
        calm_s: Seconds between two strikes, about.
        patience_s: Seconds in which the run has to end.

    Returns:
        A report.

    Raises:
        AssertionError: A promise is broken; the message names the seed.
    """
    chance, struck = random.Random(seed), Counter()
    storm.start()
    storm.trigger()
    all_strikes = {**_common(storm), **strikes}
    began, until = time.monotonic(), time.monotonic() + patience_s
    while storm.state() not in {"success", "failed"}:
        assert time.monotonic() < until, f"seed {seed}: the run has not ended in {patience_s:g} s: {_progress(storm)}"
        time.sleep(chance.uniform(0.5, 1.5) * calm_s)  # real processes are struck as they work
        name = pick(chance, {each: weight for each, (weight, _) in all_strikes.items()})
        struck[name] += 1
        all_strikes[name][1](chance)
        storm.revive_all()
    took_s = time.monotonic() - began
    storm.revive_all()
    found = judge(storm, seed)
    # A try that was given up is in somebody's hands until a worker and a scheduler have looked again.
    storm.wait(lambda: not storm.offered(), f"seed {seed}: nothing of any try is left in the database", REST_S)
    storm.stop()
    return Report(seed=seed, seconds=round(took_s, 1), strikes=dict(struck), **found)


def judge(storm: Storm, seed: int) -> dict[str, object]:
    """Check what a storm has left: each success once, no two tries of one task at a time, nothing waiting for ever."""
    with storm.looking() as found:
        run = found.store.runs.find("storm", "one")
        outcomes: dict[int, list[Outcome | None]] = defaultdict(list)
        for each in found.store.runs.tries(run.run, "work"):
            outcomes[each.attempt.map_index].append(each.attempt.outcome)
    wrong = {
        index: [str(each) for each in got]
        for index, got in outcomes.items()
        if got.count(Outcome.SUCCESS) != 1 or not {*got} <= {Outcome.SUCCESS, Outcome.LOST}
    }
    assert not wrong, f"seed {seed}: tries ended as {dict(list(wrong.items())[:5])}"
    assert len(outcomes) == storm.tasks, f"seed {seed}: {len(outcomes)} of {storm.tasks} tasks have tries"
    lost = sum(got.count(Outcome.LOST) for got in outcomes.values())
    return {"lost": lost, "longest_gap_s": _gaps(storm, seed)}


def _gaps(storm: Storm, seed: int) -> float:
    """The longest time between the last word of a try and the first of the next, once no two are seen to overlap."""
    words: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for line in storm.lines.read_text().splitlines():
        number, pid, at, _ = line.split()
        words[int(number)].append((int(at), int(pid)))
    longest = 0
    for number, each in words.items():
        each.sort()
        seen, last_pid, last_at = {each[0][1]}, each[0][1], each[0][0]
        for at, pid in each:
            if pid != last_pid:
                assert pid not in seen, f"seed {seed}: two tries of task {number} ran at the same time"
                seen.add(pid)
                longest = max(longest, at - last_at)
            last_pid, last_at = pid, at
    return round(longest / 1e9, 1)


def _progress(storm: Storm) -> str:
    done = sum(line.endswith(" end") for line in storm.lines.read_text().splitlines()) if storm.lines.exists() else 0
    return f"{done} ends of {storm.tasks} tasks; " + "".join(
        f"\n== {name}\n{storm.output(name)[-1200:]}" for name in ("up", "second up", "server", *storm.workers)
    )


def _common(storm: Storm) -> dict[str, tuple[float, Strike]]:
    def kill_worker(chance: random.Random) -> None:
        storm.send(chance.choice(storm.workers), signal.SIGKILL)

    def leave_worker(chance: random.Random) -> None:
        storm.send(chance.choice(storm.workers), signal.SIGTERM)

    def stop_worker(chance: random.Random) -> None:
        name = chance.choice(storm.workers)
        storm.send(name, signal.SIGSTOP)
        time.sleep(chance.uniform(0.5, 1.5) * LEASE_S)  # longer than its lease, or not
        storm.send(name, signal.SIGCONT)

    def kill_server(_chance: random.Random) -> None:
        storm.send("server", signal.SIGKILL)

    def kill_scheduler(chance: random.Random) -> None:
        if found := storm.schedulers():
            with suppress(ProcessLookupError):
                os.kill(chance.choice(found), signal.SIGKILL)

    of_workers: dict[str, tuple[float, Strike]] = {
        "a worker is killed": (4, kill_worker),
        "a worker is told to leave": (1, leave_worker),
        "a worker stands still": (1, stop_worker),
    }
    return {
        **(of_workers if storm.workers else {}),
        "the server is killed": (2, kill_server),
        "a scheduler is killed": (2, kill_scheduler),
    }
