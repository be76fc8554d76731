"""Who competes for what is limited, and how a limited thing is shared fairly among tenants.

The shares are those of start-time fair queueing (P. Goyal, H. Vin and H. Cheng, 1996): what a tenant is given begins at a
virtual time that moves on with what it takes, divided by its weight, and the tenant whose next start is earliest goes first. There
a tenant that asked for little for a while saves nothing up. Here it has a head start, so that few tasks beside the thousands of
another wait hardly longer than alone; as that is bounded, so is what anybody can take beyond its share, however long it was idle.
"""

from typing import NamedTuple

HEAD_START = 10.0
"""Slots, at weight 1, that a tenant which took less than its share for a while is given before the others."""


class TenantRule(NamedTuple):
    """What an installation says of a tenant.

    Attributes:
        weight: Its share where tenants compete, beside the weights of the others.
        max_active_tasks: Tasks of it at once; None for any number.
    """

    weight: float = 1.0
    max_active_tasks: int | None = None


class Tenant:
    """Whoever shares an installation with others: the DAGs that name it.

    Attributes:
        number: Unique; among equals the smaller goes first.
    """

    __slots__ = ("number", "weight")

    def __init__(self, number: int, weight: float = 1.0) -> None:
        self.number, self.weight = number, weight


class Competitor:
    """A DAG of a tenant, as far as it competes for the slots of one executor; those of equal priority take turns.

    Attributes:
        number: Unique; among equals the smaller goes first.
        priority_class: 1 for the runs of its backfill, which go after all others, whoever's these are; 0 for those.
        served: Number of its last turn.
    """

    __slots__ = ("number", "priority_class", "served", "tenant")

    def __init__(self, tenant: Tenant, number: int, priority_class: int = 0) -> None:
        self.tenant, self.number, self.priority_class, self.served = tenant, number, priority_class, 0


class Fairness:
    """How much of one resource each tenant was given, as virtual time."""

    __slots__ = ("_ends", "_now")

    def __init__(self) -> None:
        self._now = 0.0
        self._ends: dict[Tenant, float] = {}

    def start(self, tenant: Tenant) -> float:
        """The virtual time at which what the tenant is given next would begin; it never becomes earlier."""
        earliest = self._now - HEAD_START
        return max(earliest, self._ends.get(tenant, earliest))

    def serve(self, tenant: Tenant, amount: int) -> None:
        """Count what a tenant was given."""
        start = self.start(tenant)
        self._now = max(self._now, start)
        self._ends[tenant] = start + amount / tenant.weight
