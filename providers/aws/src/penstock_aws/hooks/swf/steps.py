"""The table of a workflow: its steps, each an activity that runs after others."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from graphlib import CycleError, TopologicalSorter
from typing import Any

from penstock.errors import ProviderError
from penstock_aws.hooks.swf.hook import type_of

_WANTED = {"list": "a list of names", "int": "a whole number of 0 or more", "str": "a text"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """An activity of a workflow.

    Attributes:
        name: Its name in the workflow, and the ``activityId``, in each attempt the same.
        activity: The activity type, as ``name:version``.
        after: The steps that have to be done before.
        retries: How often it is scheduled again after a failure or a timeout.
        task_list: The list of tasks of its workers; that of the activity type unless given.
        heartbeat_s: So long after the last sign of life of its worker it has timed out, in whole seconds; what the activity
            type says unless given, as the three that follow.
        start_to_close_s: The longest that a worker may take.
        schedule_to_start_s: The longest that it may wait for a worker.
        schedule_to_close_s: The longest of both together.
    """

    name: str
    activity: str
    after: tuple[str, ...] = ()
    retries: int = 0
    task_list: str = ""
    heartbeat_s: int = 0
    start_to_close_s: int = 0
    schedule_to_start_s: int = 0
    schedule_to_close_s: int = 0


def read_steps(tables: Sequence[Mapping[str, Any]]) -> tuple[Step, ...]:
    """The steps of a workflow from tables of settings.

    Raises:
        ValueError: A table has no name, an unknown key or a wrong value, two have one name, or one comes after itself or
            what is not there.
    """
    steps = tuple(_step(each) for each in tables)
    names = [each.name for each in steps]
    if not steps or len(set(names)) < len(names):
        raise ValueError(f"the steps are {names}; give at least one, and each a name of its own")
    for each in steps:
        if unknown := set(each.after) - set(names):
            raise ValueError(f"step {each.name!r} comes after {sorted(unknown)}, which are no steps")
    try:
        TopologicalSorter({each.name: each.after for each in steps}).prepare()
    except CycleError as error:
        raise ValueError(f"these steps wait for each other: {' -> '.join(error.args[1])}") from error
    return steps


def _step(table: Mapping[str, Any]) -> Step:
    known = {each.name: each for each in fields(Step)}
    if unknown := sorted(table.keys() - known.keys()):
        raise ValueError(f"a step has {', '.join(unknown)}; known are {', '.join(known)}")
    for name, value in table.items():
        wanted = "list" if name == "after" else "int" if name == "retries" or name.endswith("_s") else "str"
        if type(value).__name__ != wanted or (isinstance(value, int) and value < 0):
            raise ValueError(f"{name} of a step is {value!r}; give {_WANTED[wanted]}")
    name, activity = str(table.get("name", "")), str(table.get("activity", ""))
    if not name or name == "arn" or any(sign in name for sign in ":/|") or not name.isprintable():
        raise ValueError(f"a step's name is {name!r}; give one without : / | that is not arn")
    try:
        type_of(activity)
    except ProviderError as error:
        raise ValueError(f"activity of step {name!r} is {activity!r}; write name:version") from error
    return Step(**{**table, "after": tuple(str(each) for each in table.get("after", ()))})
