"""What happens to an installation under fire, drawn from a seed, and what must hold after it."""

import contextlib
import fcntl
import random
import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass

from fire.installation import LEASE_S, Fire, send
from fire.outages import Outages

from penstock.model.request import decode

TASKS = ("plain", "runs", "detaches", "stubborn", "command")
KINDS = (
    *("scheduler", "up", "loader", "parse server", "notifier", "listener"),
    *("spawn server", "file server", "fork", "try", "command"),
)
MOMENTS = ("at once", "at work", "ending")


@dataclass(frozen=True)
class Strike:
    """Signals to some processes, one right after the other.

    Attributes:
        victims: Kinds of processes, one of each; "everything" for all that there are.
        moment: When: "at once" after the trigger, "at work" when all tries run, "ending" when they end.
        stopped: Whether they are stopped for longer than a lease instead of killed.
        then: What follows to those that were stopped.
    """

    victims: tuple[str, ...]
    moment: str = "at work"
    stopped: bool = False
    then: int = signal.SIGCONT


@dataclass(frozen=True)
class Scenario:
    """Strikes in their order, with a fault of the database or poison beside them."""

    strikes: tuple[Strike, ...] = ()
    outage: str = ""
    poison: bool = False


def draw(seed: int, outages: Sequence[str] = ()) -> Scenario:
    """The scenario of a seed."""
    chance = random.Random(seed)
    strikes = []
    moments = chance.choices(MOMENTS, k=chance.choice([1, 2, 2, 3]))
    for moment in sorted(moments, key="ending".__eq__):
        victims = tuple(chance.sample(KINDS, chance.choice([1, 2, 2, 3, 3])))
        stopped = chance.random() < 0.35
        if stopped and chance.random() < 0.2:
            victims = ("everything",)
        then = signal.SIGCONT if victims == ("everything",) else chance.choice([signal.SIGCONT, signal.SIGKILL])
        strikes.append(Strike(victims, moment, stopped, then))
    outage = chance.choice(["", "", "", *outages])
    return Scenario(tuple(strikes), outage, chance.random() < 0.3)


def play(fire: Fire, scenario: Scenario, run_id: str, outages: Outages) -> None:
    """Have a scenario happen to a run, and check all that must hold.

    Raises:
        AssertionError: It does not hold.
    """
    fire.up()
    for dag_id in ("fire", "kept"):
        fire.trigger(dag_id, run_id)
    if scenario.poison:
        poison(fire, run_id)
    for number, strike in enumerate(scenario.strikes, 1):
        fire.up()
        if strike.moment == "at work":
            fire.wait_for(lambda: begun(fire, run_id) >= {*TASKS, "serves", "waits"}, "all tries run")
        elif strike.moment == "ending":
            open_gate(fire, run_id)
        last = number == len(scenario.strikes)
        with outages[scenario.outage](fire) if scenario.outage and last else contextlib.nullcontext():
            carry_out(fire, strike, run_id)
    check(fire, scenario, run_id)


def carry_out(fire: Fire, strike: Strike, run_id: str) -> None:
    """Choose the victims among the living, and strike."""
    alive = fire.processes()
    alive["try"] = [pid for what, _, pid in fire.lines(run_id) if what == "begin" and pid in alive.get("fork", [])]
    if strike.victims == ("everything",):
        del alive["try"]
        chosen = [pid for pids in alive.values() for pid in pids]
    else:
        chosen = [pid for what in strike.victims for pid in alive.get(what, [])[-1:]]
    send(signal.SIGSTOP if strike.stopped else signal.SIGKILL, chosen)
    if strike.stopped:
        time.sleep(LEASE_S * 1.5)  # the lease is what it is about
        send(strike.then, chosen)
    if "up" in strike.victims and (not strike.stopped or strike.then == signal.SIGKILL):
        fire.wait_for(lambda: fire.ended() is not None, "the end of a killed supervisor", 60)


def check(fire: Fire, scenario: Scenario, run_id: str) -> None:
    """After whatever it was: other DAGs run, the run ends, its tries did not overlap, and nothing of them is left."""
    fire.up()
    fire.trigger("other", run_id)
    assert fire.end_of("other", run_id) == "success"
    open_gate(fire, run_id)
    for dag_id in ("fire", "kept"):
        assert fire.end_of(dag_id, run_id) == "success", dag_id
    lines = fire.lines(run_id)
    assert [line for line in lines if line[0] == "overlap"] == []
    if scenario.poison:
        assert fire.end_of("poison", run_id) == "failed"
    fire.wait_for(lambda: all(is_free(fire, run_id, task) for task in TASKS), "the end of what tries started", 60)
    if all(strike.victims == ("everything",) for strike in scenario.strikes) and not scenario.poison:
        begins = [task for what, task, _ in lines if what == "begin"]
        assert len(begins) == len(set(begins)), f"tries ran again for no reason: {begins}"
    (fire.folder / "dags" / "hangs.py").unlink(missing_ok=True)


def begun(fire: Fire, run_id: str) -> set[str]:
    """Tasks of which a try has begun."""
    return {task for _, task, _ in fire.lines(run_id)}


def open_gate(fire: Fire, run_id: str) -> None:
    """Let the tasks of a run end."""
    (fire.folder / f"{run_id}.gate").touch()


def is_free(fire: Fire, run_id: str, task: str) -> bool:
    """Whether nothing lives that has the lock of a task."""
    with (fire.folder / f"{run_id}.{task}.lock").open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
    return True


def poison(fire: Fire, run_id: str) -> None:
    """A request that nobody can read, a file whose import never ends, and tasks that do what no task should."""
    with fire.looking() as found, found.store.transaction() as tx:
        tx.submit([decode(b"\xff" + run_id.encode())], found.now())
    (fire.folder / "dags" / "hangs.py").write_text("from penstock import DAG\nimport time\ntime.sleep(600)\n")
    fire.trigger("poison", run_id)
