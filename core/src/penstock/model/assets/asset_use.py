"""Which DAGs and tasks name an asset, and as what."""

from enum import StrEnum

import msgspec


class AssetRole(StrEnum):
    """As what a DAG or a task names an asset."""

    SCHEDULE = "schedule"
    OUTLET = "outlet"
    INLET = "inlet"


class AssetUse(msgspec.Struct, frozen=True):
    """A DAG that waits for an asset, or a task that makes or reads it; ``task_id`` is empty for a DAG's schedule."""

    asset: str
    dag_id: str
    task_id: str
    role: AssetRole
