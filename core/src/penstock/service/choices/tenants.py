"""Operations on the tenants of ``[tenants]`` and of DAGs."""

from collections import Counter

import msgspec

from penstock.engine.limits.fairness import TenantRule
from penstock.model.access.permission import Permission
from penstock.service.choices.live_tasks import live_tasks
from penstock.service.installation import Installation
from penstock.service.operations.operation import operation


class TenantUsage(msgspec.Struct, frozen=True):
    """A tenant and what its tasks use.

    Attributes:
        name: "" for the one of all DAGs that name none.
        weight: Its share where tenants compete, beside the weights of the others.
        max_active_tasks: Tasks of it at once; None for any number.
        active: Tasks of it that have a try now, sensors not counted.
        waiting: Task instances of it that are ready and wait.
        dags: How many DAGs name it.
    """

    name: str
    weight: float
    max_active_tasks: int | None
    active: int = 0
    waiting: int = 0
    dags: int = 0


@operation("GET", "/tenants", needs=Permission.INSTALLATION_READ)
def list_tenants(installation: Installation) -> list[TenantUsage]:
    """List the tenants that the settings or DAGs name, with what their tasks use; raises StoreError."""
    rules = installation.settings.tenants
    active, waiting, dags = Counter[str](), Counter[str](), Counter[str]()
    if installation.has_database:
        for each in live_tasks(installation.store):
            active[each.tenant] += each.attempt is not None
            waiting[each.tenant] += each.waits
        dags.update(row.spec.tenant for row in installation.store.dags.rows())
    found = []
    for name in sorted({*rules, *active, *dags}):
        rule = rules.get(name, TenantRule())
        found.append(TenantUsage(name, *rule, active[name], waiting[name], dags[name]))
    return found
