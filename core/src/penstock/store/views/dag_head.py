"""What a list shows of a DAG's structure: most of that is its tasks, of which their number is enough there."""

from datetime import datetime

import msgspec

from penstock.decoders import json_decoder
from penstock.model.dag import DagSpec
from penstock.model.schedule import Schedule


class _Written(msgspec.Struct, frozen=True, kw_only=True):
    """What is read of a DAG's JSON; the defaults are those of `penstock.model.dag.DagSpec`, which leaves them out."""

    schedule: Schedule = Schedule()
    start_date: datetime | None = None
    end_date: datetime | None = None
    catchup: bool = False
    catchup_window_s: float | None = None
    tags: tuple[str, ...] = ()
    owners: tuple[str, ...] = ()


class DagHead(_Written, frozen=True, kw_only=True):
    """The head of a DAG's structure.

    Attributes:
        tasks: How many there are.
    """

    tasks: int = 0


class _WithTasks(_Written, frozen=True):
    tasks: list[msgspec.Raw] = []


_NAMES = _Written.__struct_fields__
_decode = json_decoder(_WithTasks).decode


def head_of(dag: DagSpec) -> DagHead:
    """The head of a structure."""
    return DagHead(tasks=len(dag.tasks), **{name: getattr(dag, name) for name in _NAMES})


def head_from_json(data: bytes) -> DagHead:
    """The head of the structure that a DAG's canonical JSON holds; raises msgspec.ValidationError on anything else."""
    found = _decode(data)
    return DagHead(tasks=len(found.tasks), **{name: getattr(found, name) for name in _NAMES})
