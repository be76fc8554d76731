"""`simulate`: a user's own DAGs in worlds where everything fails at times."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from random import Random
from typing import NamedTuple

from msgspec.structs import replace

from penstock.author.build.build import build_dag
from penstock.author.dag import DAG
from penstock.model.dag import DEFAULT_POOL, DagSpec
from penstock.model.retry import RetrySpec
from penstock.model.run import Run
from penstock.model.schedule import Schedule, ScheduleKind
from penstock.testing.simulation.clock import BEGAN
from penstock.testing.simulation.setting import Setting
from penstock.testing.simulation.simulation import Simulation

LONGEST_PAUSE_S = 600.0
"""A longer pause before a retry counts as one of this length: it would show nothing more."""
_EVERY_S = (150.0, 450.0, 1200.0)
_STEPS = 6000
_LOG_LINES, _LINE = 20, 160


class SimulatedRun(NamedTuple):
    """How a run ended in a world.

    Attributes:
        dag_id: Its DAG.
        run_id: Its name.
        state: ``success``, ``failed``, ``cancelled`` or ``skipped``.
        tasks: State of each task instance by its name, ``task`` or ``task[0]``.
        tries: How often an instance was tried, by its name; one that never was is not there.
        touched: Whether a person cancelled, cleared or marked something in it.
    """

    dag_id: str
    run_id: str
    state: str
    tasks: dict[str, str]
    tries: dict[str, int]
    touched: bool


class Simulated(NamedTuple):
    """What happened in all worlds together.

    Attributes:
        runs: The runs, in the order of their worlds.
        tries: How many tries there were.
        crashes: How often the scheduler was killed.
    """

    runs: list[SimulatedRun]
    tries: int
    crashes: int


class SimulationFailedError(AssertionError):
    """In the world of a seed a rule does not hold; its message says which, and how to see that world again.

    Attributes:
        seed: The seed.
        log: What happened in its world, a line each.
    """

    def __init__(self, seed: int, why: str, log: list[str]) -> None:
        self.seed, self.log = seed, log
        last = "\n".join(f"{line:.{_LINE}}" for line in log[-_LOG_LINES:])
        super().__init__(
            f"seed {seed}: {why}\nTo see it again: simulate(..., seeds=[{seed}]). What happened last:\n{last}"
        )


def simulate(
    *dags: DAG,
    seeds: int | Iterable[int] = 20,
    pools: Mapping[str, int] | None = None,
    check: Callable[[SimulatedRun], None] | None = None,
) -> Simulated:
    """Have DAGs run in seeded worlds: the real scheduler and a real database, and no code of the tasks.

    How each try ends is drawn. Workers succeed, fail, die, hang, and answer late, twice or never; the scheduler is killed and stopped; the
    database is locked, fails, and leaves open whether a commit was done; clocks are set; people trigger, cancel, clear, mark and pause.
    After a while of that there is peace, in which every run must end. A DAG falls due every
    few minutes in place of its own schedule, and when people tell of events of the assets that it waits for.

    Args:
        dags: The DAGs, which share the pools.
        seeds: How many worlds, or the seeds of those that are wanted.
        pools: Slots of pools by name; each other pool has four, or what its largest task takes.
        check: Called with each run that ended; an AssertionError says that it should not have ended so.

    Raises:
        AuthoringError: Something is wrong with a DAG.
        SimulationFailedError: In a world a run never ends, a rule of the scheduler does not hold, or ``check`` found something.
        RuntimeError: Python runs with ``-O``, which leaves assertions out: nothing would be checked.
    """
    if not __debug__:
        raise RuntimeError(
            "simulate() checks by assertions, and Python runs with -O, which leaves them out; run it without."
        )
    plans = [build_dag(dag) for dag in dags]
    setting = _setting(plans, pools or {})
    found = Simulated([], 0, 0)
    for seed in range(seeds) if isinstance(seeds, int) else seeds:
        simulation = Simulation(seed, setting, max_steps=_STEPS + 100 * len(setting.task_ids))
        try:
            simulation.run()
            runs = [_ended(simulation, run) for run in simulation.rows.runs.values()]
            if check is not None:
                for run in runs:
                    check(run)
        except AssertionError as error:
            raise SimulationFailedError(seed, str(error), simulation.log) from error
        found = Simulated(
            [*found.runs, *runs], found.tries + len(simulation.rows.tries), found.crashes + simulation.crashes
        )
    return found


def _ended(simulation: Simulation, run: Run) -> SimulatedRun:
    rows = sorted((key, task) for key, task in simulation.rows.tasks.items() if key.run == run.run)
    states = {str(key): task.state.value for key, task in rows}
    tries = Counter(str(key) for key, _ in simulation.rows.tries if key.run == run.run)
    return SimulatedRun(run.dag_id, run.run_id, run.state.value, states, {**tries}, run.run in simulation.touched)


def _setting(plans: list[DagSpec], pools: Mapping[str, int]) -> Setting:
    tasks = [task for plan in plans for task in plan.tasks]
    slots = {DEFAULT_POOL: 4}
    for task in tasks:
        slots[task.pool] = max(4, slots.get(task.pool, 0), task.pool_slots)
    routes = {task.queue: "remote" for task in tasks if task.queue != "default"}
    names = sorted({task.task_id for task in tasks})
    conditions = [plan.schedule.assets for plan in plans]
    assets = sorted({asset for each in conditions if each is not None for asset in each.assets()})
    return Setting(
        lambda random: [_simulated(random, plan) for plan in plans],
        names,
        {**slots, **pools},
        routes=routes,
        assets=assets,
    )


def _simulated(random: Random, plan: DagSpec) -> DagSpec:
    """A DAG that falls due a few times within an hour or two, and that is not paused."""
    every_s = random.choice(_EVERY_S)
    return replace(
        plan,
        tasks=tuple(replace(task, retry=_shorter(task.retry)) for task in plan.tasks),
        schedule=Schedule(ScheduleKind.INTERVAL, every_s=every_s, assets=plan.schedule.assets),
        start_date=BEGAN - timedelta(seconds=every_s * random.randint(0, 3)),
        end_date=BEGAN + timedelta(seconds=every_s * 2),
        paused_upon_creation=False,
    )


def _shorter(retry: RetrySpec) -> RetrySpec:
    most = LONGEST_PAUSE_S if retry.max_delay_s is None else min(retry.max_delay_s, LONGEST_PAUSE_S)
    return replace(retry, max_delay_s=most)
