"""The main job under fire: its processes are killed at random moments, and nothing is lost, doubled or left behind."""

import os
import random
import signal
import time
from datetime import timedelta
from pathlib import Path

import pytest
from pipeline import tasks_of
from rehearsal import Rehearsal, hour

TRACKED = {"AA": ["scheduled", "arrived", "cancelled"], "UA": ["scheduled", "departed", "arrived"]}
HOURS = 2
TASKS = HOURS * tasks_of(TRACKED)
SEEDS = range(1)
MARK = "CLICKSTREAM_CHAOS"
FORKED = ("spawn server", "file server", "try or waiter")
WORKERS = ("spawn server", "file server", "running try")

pytestmark = [pytest.mark.timeout(300), pytest.mark.xdist_group("chaos")]


@pytest.fixture(scope="module")
def stage(tmp_path_factory):
    """Servers with the events of every hour that is going to be loaded, and a project that does not run."""
    with Rehearsal(tmp_path_factory.mktemp("chaos") / "stage", TRACKED) as made:
        made.produce(list(TRACKED), hour(10), hour(10) + timedelta(hours=HOURS * (len(SEEDS) + 1)))
        made.env[MARK] = str(made.folder)
        made.schedule(hour(10), hour(10) - timedelta(hours=1))
        yield made


def processes(stage):
    """Every process of this installation, by what it is: each inherits a mark in its environment."""
    mark = f"{MARK}={stage.folder}".encode()
    found = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if mark in (entry / "environ").read_bytes().split(b"\0"):
                    command = (entry / "cmdline").read_bytes().decode().split("\0")
                    parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
                    found[int(entry.name)] = (parent, command)
            except (OSError, ValueError):
                continue
    named = {}
    for pid in found:
        named.setdefault(kind(pid, found), []).append(pid)
    return named


def kind(pid, found):
    """What a process is; those that were forked without a program of their own are told apart by their depth."""
    parent, command = found[pid]
    program = next((word.rpartition(".")[2] for word in command if word.startswith("penstock.")), "up")
    if program != "spawn_server":
        return program
    depth = 0
    while parent in found and "penstock.app.spawn_server" in found[parent][1]:
        depth, parent = depth + 1, found[parent][0]
    return FORKED[min(depth, 2)]


def running_tries(stage):
    """Processes in which a task of a customer runs or waits at this moment."""
    told = stage.rows(
        "SELECT DISTINCT pid FROM try JOIN run USING (run) "
        "WHERE dag_id LIKE 'clickstream%' AND pid IS NOT NULL AND try.ended_at IS NULL"
    )
    return sorted({pid for (pid,) in told} & set(processes(stage).get("try or waiter", [])))


def kill_one(stage, what, chance):
    """SIGKILL a process of this kind as soon as there is one."""

    def victim():
        alive = running_tries(stage) if what == "running try" else sorted(processes(stage).get(what, []))
        return chance.choice(alive) if alive else None

    try:
        os.kill(stage.wait_for(victim, f"a {what} to kill", 30), signal.SIGKILL)
    except ProcessLookupError:
        kill_one(stage, what, chance)


def done(stage, before):
    """Tasks of this round that have ended well."""
    return stage.progress().tasks - before


def assert_nothing_is_lost_doubled_or_left(stage):
    """Tables, ledger, states and processes are as after an undisturbed run."""
    assert stage.problems(TRACKED, stage.first, stage.last) == []
    ours = "FROM run JOIN {} t USING (run) WHERE dag_id LIKE 'clickstream%' AND "
    unfinished = stage.rows(
        f"SELECT dag_id, run_id, task_id, t.state {ours.format('task_instance')} t.state NOT IN ('success', 'skipped')"
    )
    open_tries = stage.rows(f"SELECT dag_id, run_id, task_id, epoch {ours.format('try')} t.ended_at IS NULL")
    successes = stage.rows(
        f"SELECT dag_id, run_id, task_id, count(*) {ours.format('try')} outcome = 'success' "
        "GROUP BY 1, 2, 3 HAVING count(*) <> 1"
    )
    assert (unfinished, open_tries, successes) == ([], [], [])
    assert stage.down() == 0
    assert wait_for_silence(stage) == {}


def wait_for_silence(stage):
    """What still lives some seconds after everything was told to stop."""
    until = time.monotonic() + 5
    while (left := processes(stage)) and time.monotonic() < until:
        time.sleep(0.05)
    return left


def next_hours(stage):
    """Schedule this round's hours; returns the tasks that had ended well before."""
    before = stage.progress().tasks
    stage.schedule(stage.first, stage.last + timedelta(hours=HOURS))
    return before


def finish(stage, before):
    """Wait until this round's hours are loaded."""
    stage.wait_until(lambda: done(stage, before) >= TASKS, f"{TASKS} tasks", 120)
    runs = len(TRACKED) * HOURS + before // (TASKS // (len(TRACKED) * HOURS))
    stage.wait_until(lambda: stage.progress().runs == {"success": runs}, f"{runs} runs", 30)


@pytest.mark.parametrize("seed", SEEDS)
def test_scheduler_loader_batcher_and_workers_are_killed_at_random_moments(stage, seed):
    chance = random.Random(seed)
    victims = ["scheduler", "loader", "provider_service", *WORKERS]
    chance.shuffle(victims)
    moments = sorted(chance.sample(range(TASKS - 4), len(victims)))
    before = next_hours(stage)
    stage.up()

    for victim, moment in zip(victims, moments, strict=True):
        stage.wait_until(lambda moment=moment: done(stage, before) >= moment, f"{moment} tasks", 120)
        time.sleep(chance.random() * 0.5)
        kill_one(stage, victim, chance)

    finish(stage, before)
    assert_nothing_is_lost_doubled_or_left(stage)


def test_everything_ends_with_a_killed_supervisor_and_goes_on_with_the_next(stage):
    chance = random.Random(99)
    before = next_hours(stage)
    stage.up()
    stage.wait_until(lambda: done(stage, before) >= TASKS // 2, "half of the tasks", 120)

    kill_one(stage, "up", chance)

    assert wait_for_silence(stage) == {}
    stage.up()
    finish(stage, before)
    assert_nothing_is_lost_doubled_or_left(stage)
