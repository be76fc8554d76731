"""The setting of the repository's own worlds: random DAGs, every limit, and poison."""

from collections.abc import Callable
from random import Random

from msgspec.structs import replace
from simulator.dags import ASSETS, CAPACITY, OUTSIDE, POOLS, QUEUE_LIMITS, RATES, ROUTES, TENANTS, random_dag, with_past
from simulator.odd_input import OddInput

from penstock.model.dag import DagSpec
from penstock.testing.simulation.clock import BEGAN
from penstock.testing.simulation.setting import Setting
from penstock.testing.simulation.simulation import Simulation

PAST, SALT = 0.25, "past 944"
"""The share of worlds in which tasks wait for their past, and what it is drawn from."""


def world(seed: int, *, max_steps: int = 6000) -> Simulation:
    """The world of a seed."""
    return Simulation(seed, SETTING, max_steps=max_steps)


def _dags(random: Random) -> list[DagSpec]:
    made = [random_dag(random, f"d{number}", BEGAN) for number in range(random.randint(1, 3))]
    # Drawn apart, for the reason of `random_dag`; of the worlds that tests name, those that are for it have a past.
    state = random.getstate()[1]
    chance = Random(f"{SALT} {state[0]} {state[-1]}")
    return [with_past(chance, dag) for dag in made] if chance.random() < PAST else made


def _edited(random: Random, before: DagSpec) -> DagSpec:
    """Another DAG of that name; its limits stay, so that it is known what holds while one version follows another."""
    dag = random_dag(random, before.dag_id, BEGAN)
    limits = {name: getattr(before, name) for name in ("schedule", "max_active_runs", "max_active_tasks")}
    return replace(dag, **limits)


def _poison(random: Random, kill: Callable[[], None]) -> OddInput:
    return OddInput(random, random.choice([0.0, 0.01, 0.05]), kill)


SETTING = Setting(
    _dags,
    [f"t{number}" for number in range(10)],
    POOLS,
    RATES,
    ROUTES,
    QUEUE_LIMITS,
    TENANTS,
    CAPACITY,
    (OUTSIDE, OUTSIDE, *ASSETS),
    _edited,
    _poison,
    backfills=0.5,
)
