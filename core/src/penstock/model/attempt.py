"""A try: what it knows, what it is given, and how it ended. These values travel as they are from door to door.

Author code is run with `TryFacts` and `TryInputs` and returns a `TryEnd`; the wire carries it, the engine reads it, the
store writes it. Nobody copies their fields, so that a new one is written here and where it is used.
"""

from datetime import datetime
from typing import Any, Literal

import msgspec

from penstock.model.run import UNMAPPED, RunKind
from penstock.model.state import Outcome


class TryFacts(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a try knows about itself and its run.

    Attributes:
        try_number: Which try of the instance it is, from 1; a lost one is repeated under the same number.
        max_tries: Number of the try before the last one that there may be, as in Airflow: how many retries there are in all.
        conf, params: What was passed with the request for the run; parameters of DAG and task, already overridden by it.
        consumed: Which events of which assets the run was made for, as in `penstock.model.run.NewRun`.
        native_templates: Whether its templates give values in place of text.
    """

    dag_id: str
    run_id: str
    task_id: str
    map_index: int = UNMAPPED
    try_number: int = 1
    max_tries: int = 0
    run_kind: RunKind = RunKind.MANUAL
    logical_date: datetime | None = None
    interval_start: datetime | None = None
    interval_end: datetime | None = None
    run_started_at: datetime | None = None
    conf: dict[str, Any] = {}
    params: dict[str, Any] = {}
    consumed: dict[str, list[int]] = {}
    native_templates: bool = False


class MappedElement(msgspec.Struct, frozen=True, omit_defaults=True):
    """The one element of a mapped argument that belongs to an instance.

    Attributes:
        json: Its JSON (`penstock.model.values.value`), or that of a reference to it; of a dict, the pair ``(key, value)``; of
            ``expand_kwargs``, whose argument is ``**``, a dict.
        literal: Whether the author wrote it and it is in the form of a stored plan; else another task left it.
        length: Number of elements of the argument's source; None for a literal, whose length the DAG has.
        parts: Of values that are joined, the element of each; None of one that has no part in this instance.
    """

    json: bytes = b""
    literal: bool = False
    length: int | None = None
    parts: tuple["MappedElement | None", ...] = ()


class Gathered(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the instances of a mapped task left under a key, which nobody reads all at once.

    Attributes:
        count: How many left a value.
        dense: Whether all of them did, so that the place of a value is its map index.
    """

    count: int
    dense: bool = False


class TryInputs(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a try takes from other tasks.

    Attributes:
        values: JSON (`penstock.model.values.value`) by task id and key, of a large value that of a reference.
        elements: By mapped argument, what this instance takes; an argument whose elements the DAG file holds is missing.
        gathered: What mapped tasks left, by task id and key: the try asks for it page by page.
    """

    values: dict[str, dict[str, bytes]] = {}
    elements: dict[str, MappedElement] = {}
    gathered: dict[str, dict[str, Gathered]] = {}

    def value(self, task_id: str, key: str) -> bytes | None:
        """JSON of what a task left under a key; None if it left nothing or is not known here."""
        return self.values.get(task_id, {}).get(key)


class Value(msgspec.Struct, frozen=True, omit_defaults=True):
    """A value that a try leaves.

    Attributes:
        json: Its JSON, or that of a reference to it.
        length: Number of elements if it is a list or a dict, else None: what a mapping needs to know.
    """

    json: bytes
    length: int | None = None


class TryEnd(msgspec.Struct, frozen=True, omit_defaults=True):
    """How a try ended.

    Attributes:
        error: Why, for anything but success: one sentence, then the traceback if user code raised.
        retryable: False if the task's code or a provider said that a repetition is useless.
        xcoms: Values it leaves, by key.
        follow: For a branch, the ids that it answered, of tasks directly downstream or of task groups; None if it is no branch.
        skip_downstream: For a short circuit, ``all`` or ``direct`` downstream tasks are skipped; "" for none.
        retry_after_s: Seconds that the outside world asked to wait before the next try; None if it did not.
        retry_delay_s: Seconds to wait before the next try in place of what the task's retries say; None for what they say.
        rendered: Its fields that held templates, as text, for people to look at; none of a try that could not be prepared.
        map_key: What its ``map_index_template`` had become; "" if it has none.
        extras: What the events of the task's outlets carry, by URI; nothing for one that is absent.
        resolved: By the URI of an alias among the outlets, the assets that it stood for and what their events carry.
    """

    outcome: Outcome
    error: str = ""
    retryable: bool = True
    xcoms: dict[str, Value] = {}
    follow: tuple[str, ...] | None = None
    skip_downstream: Literal["", "all", "direct"] = ""
    retry_after_s: float | None = None
    retry_delay_s: float | None = None
    rendered: dict[str, str] = {}
    map_key: str = ""
    extras: dict[str, dict[str, Any]] = {}
    resolved: dict[str, dict[str, dict[str, Any]]] = {}
