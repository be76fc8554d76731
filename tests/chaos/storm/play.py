"""Plays a storm by a seed, and judges what is left."""

import random
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping

import msgspec
from storm.installation import LEASE_S, Storm, pick
from storm.strikes import Strike
from storm.stuck import Outages, longest_waits

from penstock.model.run import Try
from penstock.model.state import Outcome

REST_S = 60.0
"""Seconds in which all is tidied up when the storm is over."""


class Report(dict[str, object]):
    """What a storm has done, by which seed, what it found, and what it has left."""


def play(
    storm: Storm,
    seed: int,
    strikes: Mapping[str, tuple[float, Strike]],
    *,
    calm_s: float,
    patience_s: float,
    serves: Callable[[], bool] = lambda: True,
) -> Report:
    """Run all tasks of a storm's DAG while it strikes, and check that each has succeeded once.

    Args:
        storm: The installation, which is not started yet.
        seed: What decides who is struck, and when.
        strikes: What can happen, each with its weight.
        calm_s: Seconds between two strikes, about.
        patience_s: Seconds after which nothing strikes any more, and the run has to end in as many: it strikes by the clock, and a
            machine that others fill gets less done between two strikes.
        serves: Whether what carries tickets answers.

    Returns:
        A report.

    Raises:
        AssertionError: A promise is broken; the message names the seed.
    """
    chance, struck = random.Random(seed), Counter()
    storm.start()
    storm.trigger()
    began = time.monotonic()
    with Outages(lambda: serves() and storm.serves()) as outages:
        while storm.state() not in {"success", "failed"}:
            assert time.monotonic() < began + 2 * patience_s, (
                f"seed {seed}: the run has not ended in {2 * patience_s:g} s: {_progress(storm)}"
            )
            time.sleep(chance.uniform(0.5, 1.5) * calm_s)  # real processes are struck as they work
            if time.monotonic() > began + patience_s:
                storm.revive_all()
                continue
            name = pick(chance, {each: weight for each, (weight, _) in strikes.items()})
            struck[name] += 1
            storm.note(name)
            strikes[name][1](chance)
            storm.revive_all()
    took_s = time.monotonic() - began
    storm.revive_all()
    # A try that was given up is in somebody's hands until a worker and a scheduler have looked again.
    storm.wait(lambda: not storm.offered(), f"seed {seed}: nothing of any try is left in the database", REST_S)
    found = judge(storm, seed, outages)
    storm.stop()
    away_s = round(sum(end - begin for begin, end in outages.found), 1)
    left = {"rows": storm.offered(), "processes": len(storm.left())}
    return Report(seed=seed, seconds=round(took_s, 1), away_s=away_s, strikes=dict(struck), **found, left=left)


def judge(storm: Storm, seed: int, outages: Outages) -> dict[str, object]:
    """Check what a storm has left: each success once, no two tries of one task at a time, nothing stuck beyond two leases."""
    with storm.looking() as found:
        run = found.store.runs.find("storm", "one")
        tries: list[Try] = [each.attempt for each in found.store.runs.tries(run.run, "work")]
    (storm.folder / "tries.json").write_bytes(msgspec.json.encode([tries, outages.found]))  # for who looks into a seed
    outcomes: dict[int, list[Outcome | None]] = defaultdict(list)
    for each in tries:
        outcomes[each.map_index].append(each.outcome)
    wrong = {
        index: [str(each) for each in got]
        for index, got in outcomes.items()
        if got.count(Outcome.SUCCESS) != 1 or not {*got} <= {Outcome.SUCCESS, Outcome.LOST}
    }
    errors = {each.error for each in tries if each.outcome not in (Outcome.SUCCESS, Outcome.LOST)}
    assert not wrong, f"seed {seed}: tries ended as {dict(list(wrong.items())[:5])}: {errors}"
    assert len(outcomes) == storm.tasks, f"seed {seed}: {len(outcomes)} of {storm.tasks} tasks have tries"
    lost = sum(got.count(Outcome.LOST) for got in outcomes.values())
    _check_apart(storm, seed)
    waits = longest_waits(tries, storm.lines, outages, [at for at, what in storm.strikes if "scheduler" in what])
    for what, longest in waits.items():
        assert longest.seconds <= 2 * LEASE_S, f"seed {seed}: {longest.seconds:g} s {what}: {longest.what}"
    return {"lost": lost, **{f"longest {what}, s": longest.seconds for what, longest in waits.items()}}


def _check_apart(storm: Storm, seed: int) -> None:
    """No two tries of a task are seen to overlap."""
    words: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for line in storm.lines.read_text().splitlines():
        number, pid, at, _ = line.split()
        words[int(number)].append((int(at), int(pid)))
    for number, each in words.items():
        seen: list[int] = []
        for _, pid in sorted(each):
            if seen[-1:] != [pid]:
                assert pid not in seen, f"seed {seed}: two tries of task {number} ran at the same time"
                seen.append(pid)


def _progress(storm: Storm) -> str:
    done = sum(line.endswith(" end") for line in storm.lines.read_text().splitlines()) if storm.lines.exists() else 0
    return f"{done} ends of {storm.tasks} tasks; " + "".join(
        f"\n== {name}\n{storm.output(name)[-1200:]}" for name in ("up", "second up", "server", *storm.workers)
    )
