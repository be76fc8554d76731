"""What a world is made of, whatever its seed: the DAGs and their tasks, limits and executors."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random

from penstock.engine.limits.fairness import TenantRule
from penstock.model.dag import DagSpec
from penstock.model.limits.rate import Rate
from penstock.testing.simulation.odd_input import OddInput


@dataclass(frozen=True)
class Setting:
    """What worlds have in common.

    Attributes:
        dags: The DAGs of a world, drawn from its chance.
        task_ids: Tasks that people name and that branches choose, whether a DAG has them or not.
        pools, rates: Slots of each pool, and how fast its tasks may start.
        routes: The executor of a queue; tasks of queues that are not named go to ``local``.
        queue_limits, tenants: The other limits that DAGs share.
        capacity: How many tries an executor holds.
        assets: Assets of which people tell of events.
        edited: A DAG as somebody writes it anew.
        odd: What nobody can handle, made of the world's chance and of what ends the scheduler's process.
        backfills: The share of worlds in which people run dates of the past; the schedules are intervals there.
    """

    dags: Callable[[Random], Sequence[DagSpec]]
    task_ids: Sequence[str]
    pools: Mapping[str, int]
    rates: Mapping[str, Rate] = field(default_factory=dict)
    routes: Mapping[str, str] = field(default_factory=dict)
    queue_limits: Mapping[str, int] = field(default_factory=dict)
    tenants: Mapping[str, TenantRule] = field(default_factory=dict)
    capacity: Mapping[str, int] = field(default_factory=lambda: {"local": 4, "remote": 3})
    assets: Sequence[str] = ()
    edited: Callable[[Random, DagSpec], DagSpec] = lambda _, dag: dag
    odd: Callable[[Random, Callable[[], None]], OddInput] = lambda _random, _kill: OddInput()
    backfills: float = 0.0
