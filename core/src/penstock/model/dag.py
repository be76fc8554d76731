"""The structure of a DAG as it is stored: plain values that are canonical as JSON.

Objects of `penstock.author` become these values in the child process that imports a DAG file; the engine reads nothing else.
Equal DAGs have equal JSON and so equal hashes: fields are in declaration order, the keys of a dict and lists that mean sets are sorted,
defaults are left out. Params stand in their author's order: another order is another version.
"""

from datetime import datetime
from typing import Any, Literal

import msgspec

from penstock.decoders import decode_json
from penstock.model.assets.asset_condition import AssetSpec
from penstock.model.history.marked_task import MarkedTask
from penstock.model.mapped.indexes import Join
from penstock.model.retry import RetrySpec
from penstock.model.schedule import Overlap, Schedule
from penstock.model.state import AlertEvent, TriggerRule
from penstock.model.values.plain_value import plain_value

DEFAULT_POOL = "default_pool"
"""The pool of tasks that name none."""

MAILTO = "mailto"
"""The scheme of an alert channel that is a mail address, as RFC 6068 has it."""

# How the processes of tries are parted: a fresh one for each, one for many, or none, for debugging.
Isolation = Literal["fork", "reuse", "inline"]


class XComRef(msgspec.Struct, frozen=True, omit_defaults=True):
    """A task's input: the value that another task of the same run left under a key."""

    task_id: str
    key: str = "return_value"


class Mapping(msgspec.Struct, frozen=True, omit_defaults=True):
    """One mapped argument of ``expand``: a literal, a source, or several sources that are joined.

    Attributes:
        argument: The operator's argument that takes one element an instance; "" of a part of what is joined.
        length: Number of elements of a literal list or dict, known when the file is imported.
        literal: The elements of that literal as JSON, if the task is run from a plan; else its DAG file holds them.
        source: The task whose value, a list or a dict, is spread over the instances.
        join, parts: How these parts are joined, if they are.
    """

    argument: str = ""
    length: int | None = None
    literal: tuple[Any, ...] | None = None
    source: XComRef | None = None
    join: Join = ""
    parts: tuple["Mapping", ...] = ()

    def sources(self) -> tuple[XComRef, ...]:
        """The values of tasks that are mapped over."""
        inner = tuple(source for part in self.parts for source in part.sources())
        return inner if self.source is None else (self.source, *inner)


class SensorPolicy(msgspec.Struct, frozen=True, omit_defaults=True):
    """How a sensor waits.

    Attributes:
        poke_interval_s: Seconds between two pokes of the same condition.
        timeout_s: Seconds from the first poke until the wait is given up.
        soft_fail: Whether giving up marks the task skipped instead of failed.
    """

    poke_interval_s: float = 60.0
    timeout_s: float = 604800.0
    soft_fail: bool = False


class AlertRule(msgspec.Struct, frozen=True, omit_defaults=True):
    """Who is told of what.

    Attributes:
        on: The events.
        to: Names of alert channels, or ``mailto:`` addresses.
        after_s: Seconds for the events that are about time; None to go by history, or by the event's own default.
        callback: Names the functions of the DAG file that are called: ``on_failure_callback``, or ``alerts.2`` for the third alert's.
        functions: What these are called, for people: ``reports.note``.
    """

    on: tuple[AlertEvent, ...]
    to: tuple[str, ...] = ()
    after_s: float | None = None
    callback: str = ""
    functions: tuple[str, ...] = ()


class ParamSpec(msgspec.Struct, frozen=True, omit_defaults=True):
    """A parameter of a DAG or a task.

    Attributes:
        default: Its value, unless a run's ``conf`` has one.
        doc: A sentence about it.
        schema: Its JSON Schema, with what is for people alone.
        required: Whether it has no default, so that ``conf`` must have a value.
    """

    default: Any = None
    doc: str = ""
    schema: dict[str, Any] = {}
    required: bool = False


class TaskSpec(msgspec.Struct, frozen=True, omit_defaults=True):
    """One task of a DAG: everything the engine and an executor need to know without the author's code.

    Attributes:
        operator: Class of the operator, ``module:qualname``, for people and for ``tasks list``.
        capability: Capability id if ``operator(...)`` made the task; ``plan`` then holds its arguments, and no file is imported to run it.
        upstream: Ids of the tasks directly upstream, sorted.
        inputs: Values of other tasks that the task takes as arguments; each is upstream, too.
        mapped: The mapped arguments, its own or those of its task group; empty for a plain task.
        group: Id of the mapped task group whose indexes it shares; "" if it stands in none.
        max_active_per_dag, max_active_per_run: Instances that may run at once, in all runs and in each; None for any number.
        sensor: How it waits if it is a sensor, else None.
        decides: Whether it is known for a branch or short circuit: what it answers says which tasks downstream go on.
        instant: True if there is nothing to run, as for ``EmptyOperator``: the engine ends it at once.
        execution_timeout_s: Seconds after which a running try is killed; None for no limit.
        setup, teardown: Whether the task makes or removes a resource for others; ``fails_run``, whether its failure fails the run.
        depends_on_past, wait_for_downstream: Whether it waits for the same task of the run before, and for what is directly below that.
        cpu, memory_bytes: Processors and bytes of memory that it asks for; 0 for no matter how many.
        executor_config: What executors are told of it, as plain values.
        weights: Its priority at each try, if a strategy gives it another one at some; the last counts for all later ones.
        templated: Whether any template field of it holds a Jinja expression.
        params: Its parameters; one of the DAG that has the same name does not count for it.
        alerts: Who is told of what happens to it, besides those of the DAG.
        outlets, inlets: URIs of the assets of which its success is an event, and of those whose events it may read, sorted.
        marks: The task of another DAG that is cleared with it.
    """

    task_id: str
    operator: str = ""
    capability: str | None = None
    plan: dict[str, Any] | None = None
    upstream: tuple[str, ...] = ()
    trigger_rule: TriggerRule = TriggerRule.ALL_SUCCESS
    inputs: tuple[XComRef, ...] = ()
    mapped: tuple[Mapping, ...] = ()
    group: str = ""
    max_active_per_dag: int | None = None
    max_active_per_run: int | None = None
    retry: RetrySpec = RetrySpec()
    execution_timeout_s: float | None = None
    sensor: SensorPolicy | None = None
    decides: bool = False
    instant: bool = False
    setup: bool = False
    teardown: bool = False
    fails_run: bool = False
    depends_on_past: bool = False
    wait_for_downstream: bool = False
    pool: str = DEFAULT_POOL
    pool_slots: int = 1
    priority_weight: int = 1
    weights: tuple[int, ...] = ()
    queue: str = "default"
    cpu: float = 0.0
    memory_bytes: int = 0
    executor_config: dict[str, Any] = {}
    templated: bool = False
    params: dict[str, ParamSpec] = {}
    alerts: tuple[AlertRule, ...] = ()
    outlets: tuple[str, ...] = ()
    inlets: tuple[str, ...] = ()
    marks: MarkedTask | None = None
    doc: str = ""
    line: int = 0


class DagSpec(msgspec.Struct, frozen=True, omit_defaults=True, weakref=True):
    """A DAG as data.

    Attributes:
        file: Path of the file that defines it, relative to the DAGs folder, with ``/``.
        tasks: Every task by id, in topological order.
        owners: Whom its tasks name as their owners, for people, sorted.
        groups: By id of a task group, the tasks with which it begins, sorted: what a branch means that answers the group.
        tenant: Whose share of limited resources its tasks take; "" for that of all DAGs that name none.
        catchup: Whether all runs that fell due since the start date are run; else only the newest of the past.
        catchup_window_s: With catchup, how long ago one that nobody watched for may have fallen due; None for any time.
        overlap: What becomes of a run that falls due while ``max_active_runs`` are active.
        isolation: ``fork``, ``reuse`` or ``inline``, or None for the installation's default.
        native_templates: Whether templates give values in place of text.
        run_timeout_s: Seconds from its start after which a run is ended; None for no limit.
        alerts: Who is told of what happens to its runs and to any of its tasks.
        assets: The assets that its schedule and its tasks name, by URI.
    """

    dag_id: str
    file: str
    tasks: tuple[TaskSpec, ...] = ()
    schedule: Schedule = Schedule()
    start_date: datetime | None = None
    end_date: datetime | None = None
    catchup: bool = False
    catchup_window_s: float | None = None
    overlap: Overlap = Overlap.QUEUE
    max_active_runs: int = 16
    max_active_tasks: int = 16
    tenant: str = ""
    params: dict[str, ParamSpec] = {}
    tags: tuple[str, ...] = ()
    owners: tuple[str, ...] = ()
    doc: str = ""
    groups: dict[str, tuple[str, ...]] = {}
    isolation: Isolation | None = None
    native_templates: bool = False
    paused_upon_creation: bool = False
    run_timeout_s: float | None = None
    alerts: tuple[AlertRule, ...] = ()
    assets: dict[str, AssetSpec] = {}

    @property
    def alerting(self) -> bool:
        """Whether anybody is to be told of anything that happens in it."""
        return bool(self.alerts) or any(task.alerts for task in self.tasks)

    def task(self, task_id: str) -> TaskSpec:
        """The task with this id; raises KeyError if there is none."""
        for task in self.tasks:
            if task.task_id == task_id:
                return task
        raise KeyError(task_id)


def param_values(dag: DagSpec, task: TaskSpec | None, conf: dict[str, Any]) -> dict[str, Any]:
    """The values that a task sees of the DAG's parameters and of its own, in a run that was given ``conf``."""
    params = dag.params if task is None else dag.params | task.params
    return {name: conf.get(name, param.default) for name, param in params.items()}


def to_json(dag: DagSpec) -> bytes:
    """The canonical JSON of a DAG: the same DAG always gives the same bytes."""
    if not dag.params and not any(task.params for task in dag.tasks):
        return msgspec.json.encode(dag, order="deterministic", enc_hook=_plain)
    made: dict[str, Any] = msgspec.to_builtins(dag, order="deterministic", enc_hook=_plain)
    written: tuple[DagSpec | TaskSpec, ...] = (dag, *dag.tasks)
    for ordered, each in zip((made, *made.get("tasks", ())), written, strict=True):
        if each.params:
            ordered["params"] = {name: ordered["params"][name] for name in each.params}
    return msgspec.json.encode(made)


def _plain(value: Any) -> Any:  # noqa: ANN401 - a value of a type that JSON has not
    """A subclass of a plain type as that type; raises TypeError for anything else."""
    found = plain_value(value)
    if found is None:
        raise TypeError(f"{value!r:.200} is a {type(value).__module__}.{type(value).__qualname__}")
    return found


def from_json(data: bytes) -> DagSpec:
    """The DAG of its canonical JSON; raises msgspec.ValidationError on anything else."""
    return decode_json(data, DagSpec)
