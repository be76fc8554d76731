"""Events of assets, and how far each DAG that waits for them has taken them."""

from datetime import datetime
from typing import Any

import msgspec

LARGEST_EXTRA = 65_536
"""Bytes of the JSON of what an event carries."""


MOST_RESOLVED = 1_000
"""Assets that a try may name through an alias."""


class NewAssetEvent(msgspec.Struct, frozen=True):
    """An event that is not stored yet: a task that declares the asset has succeeded, or somebody outside has said so.

    Attributes:
        asset: URI of the asset.
        extra: What the event carries.
        key: Names it among those of its asset: a second one of the same key is no event; None for one without a name.
        dag_id, run_id: Whose task made it; "" if it came from outside.
        run: Number of that run; 0 if it came from outside.
        task_id, map_index: The task instance that made it.
        alias: The alias through which the task named the asset; "" if its outlets did. Of such an event there are two rows.
        resolved: In the other row, whose ``asset`` is the URI of the alias, the asset; "" in all else.
    """

    asset: str
    extra: dict[str, Any] = {}
    key: str | None = None
    dag_id: str = ""
    run_id: str = ""
    run: int = 0
    task_id: str = ""
    map_index: int = -1
    alias: str = ""
    resolved: str = ""


class AssetEvent(NewAssetEvent, frozen=True, kw_only=True):
    """An event as stored.

    Attributes:
        number: Its place among the events of all assets: a larger one was committed later.
        at: When it was stored.
        duplicates: How many more came with its key; they are no events.
    """

    number: int
    at: datetime
    duplicates: int = 0


class AssetCursor(msgspec.Struct, frozen=True):
    """How far a DAG has taken the events of an asset.

    Attributes:
        number: That of the last event that a run of it was made for; None if it waits for the asset no more.
    """

    dag_id: str
    asset: str
    number: int | None
