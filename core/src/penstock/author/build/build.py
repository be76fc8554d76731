"""From authoring objects to the DAG as data: the last checks, and the values of the model."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from penstock.author.build.alerts import alert_rules
from penstock.author.build.assets import declared_assets, uris_of
from penstock.author.build.checks import dag_problems
from penstock.author.build.graph import topological_order
from penstock.author.build.import_errors import to_problem
from penstock.author.build.params import param_specs, params_of
from penstock.author.build.weights import effective_weights
from penstock.author.capability import PlannedTask, plan_value
from penstock.author.construct.signature import defaults_for_none
from penstock.author.construct.task_resources import executor_config_of, resources_of
from penstock.author.construct.task_rules import TaskRules, plain_value, seconds
from penstock.author.construct.weight_strategy import weights_by_try
from penstock.author.dag import DAG
from penstock.author.mapping.mapped_group import mapped_group
from penstock.author.mapping.task import EXPAND_KWARGS, MappedTask, elements_of
from penstock.author.parse_session import ParseSession, Problem
from penstock.author.sensor import Sensor
from penstock.author.template_fields import needs_rendering
from penstock.author.timetable.catchup import to_catchup
from penstock.author.timetable.dates import to_utc
from penstock.author.timetable.timetables import schedule_of
from penstock.author.xcom.arg import NO_FILL, ConcatenatedXCom, TransformedXCom, XComValue, ZippedXCom
from penstock.errors import AuthoringError, as_sentence
from penstock.model.dag import DagSpec, Mapping, SensorPolicy, TaskSpec, XComRef, from_json, to_json
from penstock.model.mapped.indexes import Join
from penstock.model.schedule import Overlap
from penstock.model.state import TriggerRule

if TYPE_CHECKING:
    from datetime import timedelta

    from penstock.author.abstract_operator import AbstractOperator


class BuildResult(NamedTuple):
    """The result of an import: DAGs as data, or the problems of the file; notes either way, each with file and line."""

    dags: tuple[DagSpec, ...]
    problems: tuple[str, ...]
    notes: tuple[str, ...] = ()


def build_file(session: ParseSession, file: str) -> BuildResult:
    """Convert the DAGs of an import to data, or collect every problem of it in the order of its lines.

    Args:
        session: The session in which the file was imported.
        file: The file's path relative to the DAGs folder.
    """
    problems = list(session.problems)
    first: dict[str, DAG] = {}
    for dag in session.dags:
        if dag.dag_id in first:
            line = first[dag.dag_id]._site.line  # noqa: SLF001 - the same room
            problems.append(Problem(dag._site, f"there is a DAG {dag.dag_id!r} already, made in line {line}."))  # noqa: SLF001 - as above
        else:
            first[dag.dag_id] = dag
    for dag in first.values():
        try:
            problems += dag_problems(dag)
        except Exception as error:  # noqa: BLE001 - objects of the author's own are looked at, which may raise anything
            problems.append(to_problem(error, session, file, dag._site))  # noqa: SLF001 - the same room
    dags: list[DagSpec] = []
    if not _sentences(problems, notes=False):
        for dag in first.values():
            try:
                dags.append(_stored(_spec(dag, file)))
            except _NotStoredError as error:
                problems.append(_not_storable(dag, error))
            except Exception as error:  # noqa: BLE001 - as above
                problems.append(to_problem(error, session, file, dag._site))  # noqa: SLF001 - as above
    wrong, notes = _sentences(problems, notes=False), _sentences(problems, notes=True)
    return BuildResult(() if wrong else tuple(dags), wrong, notes)


def build_dag(dag: DAG, file: str = "") -> DagSpec:
    """Convert a DAG to data.

    Raises:
        AuthoringError: Something is wrong with the DAG; it carries every problem.
    """
    wrong = _sentences([*dag.problems, *dag_problems(dag)], notes=False)
    if wrong:
        raise AuthoringError(wrong)
    try:
        return _stored(_spec(dag, file))
    except _NotStoredError as error:
        raise AuthoringError(str(_not_storable(dag, error))) from None


class _NotStoredError(Exception):
    """A DAG does not come back equal from its own JSON; the message says why."""


def _not_storable(dag: DAG, error: _NotStoredError) -> Problem:
    return Problem(dag._site, f"DAG {dag.dag_id!r} cannot be stored: {as_sentence(error)}")  # noqa: SLF001 - the same room


def _stored(spec: DagSpec) -> DagSpec:
    """Return the DAG as its JSON gives it back: values of Python's own types, or it is refused here and nowhere later.

    Raises:
        _NotStoredError: It has no JSON form, or one that is another DAG.
    """
    try:
        found = from_json(to_json(spec))
    except (TypeError, ValueError, ArithmeticError, RecursionError, MemoryError) as error:
        raise _NotStoredError(str(error)) from None
    if found != spec:
        names = [name for name in spec.__struct_fields__ if getattr(found, name) != getattr(spec, name)]
        raise _NotStoredError(f"{', '.join(names)} would be another value when it is read")
    return found


def _sentences(problems: list[Problem], *, notes: bool) -> tuple[str, ...]:
    """Write the problems, or the notes, in the order of their lines, each once."""
    return tuple(dict.fromkeys(str(problem) for problem in sorted(problems) if problem.is_note is notes))


def _spec(dag: DAG, file: str) -> DagSpec:
    schedule, start = schedule_of(dag)
    catchup, window_s = to_catchup(dag.catchup)
    upstream: dict[str, set[str]] = {task.task_id: set() for task in dag.tasks}
    graph = dag.graph()
    for upper, lower in graph.edges():
        upstream[lower.task_id].add(upper.task_id)
    order, tasks = topological_order(upstream), dag.task_dict
    rules = {task_id: TaskRules.of(tasks[task_id]) for task_id in order}
    weights = _weights(dag, rules, upstream)
    return DagSpec(
        dag_id=dag.dag_id,
        file=file,
        tasks=tuple(_task(tasks[each], rules[each], upstream[each], weights[each]) for each in order),
        schedule=schedule,
        start_date=start,
        end_date=None if dag.end_date is None else to_utc(dag.end_date, schedule.timezone, "end_date"),
        catchup=catchup,
        catchup_window_s=window_s,
        overlap=Overlap(str(dag.overlap)),
        max_active_runs=dag.max_active_runs,
        max_active_tasks=dag.max_active_tasks,
        tenant=dag.tenant,
        params=param_specs(dag.params),
        tags=tuple(sorted(set(dag.tags))),
        owners=tuple(sorted({each.owner for each in tasks.values() if each.owner})),
        doc=dag.doc or dag.description,
        groups={
            group.group_id: tuple(sorted(first.task_id for first in graph.first_tasks(group))) for group in dag.groups
        },
        isolation=dag.isolation,
        native_templates=bool(plain_value(dag.render_template_as_native_obj)),
        paused_upon_creation=dag.is_paused_upon_creation,
        run_timeout_s=None if dag.dagrun_timeout is None else seconds(plain_value(dag.dagrun_timeout)),
        alerts=alert_rules(dag),
        assets=declared_assets(dag),
    )


def _weights(dag: DAG, rules: dict[str, TaskRules], upstream: dict[str, set[str]]) -> dict[str, tuple[int, ...]]:
    """The priority of each task: one, or one for each try."""
    found = effective_weights(
        {task_id: each.priority_weight for task_id, each in rules.items()},
        {task_id: each.weight_rule for task_id, each in rules.items()},
        upstream,
    )
    return {
        task_id: weights_by_try(each.weight_rule, dag.dag_id, task_id, each.priority_weight, each.retries)
        or (found[task_id],)
        for task_id, each in rules.items()
    }


def _task(task: "AbstractOperator", rules: TaskRules, upstream: set[str], weights: tuple[int, ...]) -> TaskSpec:
    cls = task._operator_class()  # noqa: SLF001 - the same room
    stored = task if isinstance(task, PlannedTask) else None
    return TaskSpec(
        task_id=task.task_id,
        operator=f"{cls.__module__}:{cls.__qualname__}" if stored is None else "",
        capability=None if stored is None else stored.capability,
        plan=None if stored is None else stored.plan(),
        upstream=tuple(sorted(upstream)),
        trigger_rule=TriggerRule(rules.trigger_rule),
        inputs=_inputs(task),
        mapped=tuple(_mappings(task)),
        group=group.group_id if (group := mapped_group(task.task_group)) is not None else "",
        max_active_per_dag=rules.max_active_tis_per_dag,
        max_active_per_run=rules.max_active_tis_per_dagrun,
        retry=rules.retry_spec(),
        execution_timeout_s=rules.timeout_s(),
        sensor=_sensor_policy(task),
        decides=bool(getattr(cls, "decides", "")),
        instant=not isinstance(task, MappedTask) and bool(getattr(task, "instant", False)),
        setup=task.is_setup,
        teardown=task.is_teardown,
        fails_run=task._node.fails_run,  # noqa: SLF001 - the same room
        depends_on_past=rules.depends_on_past or rules.wait_for_downstream,
        wait_for_downstream=rules.wait_for_downstream,
        pool=rules.pool,
        pool_slots=rules.pool_slots,
        priority_weight=weights[0],
        weights=weights[1:] and weights,
        queue=rules.queue,
        **_for_executors(task),
        templated=_templated(task),
        params=param_specs(params_of(task)),
        alerts=alert_rules(task),
        outlets=uris_of(task.outlets),
        inlets=uris_of(task.inlets),
        marks=task._marked(),  # noqa: SLF001 - the same room
        doc=task.doc,
        line=task._site.line,  # noqa: SLF001 - the same room
    )


def _for_executors(task: "AbstractOperator") -> dict[str, Any]:
    """What executors are asked for a task, and told of it, as fields of a TaskSpec."""
    resources, config = resources_of(task.resources), executor_config_of(task.executor_config)
    return {"cpu": resources.cpu, "memory_bytes": resources.memory_bytes, "executor_config": config}


def _sensor_policy(task: "AbstractOperator") -> SensorPolicy | None:
    """Work out how a task waits; None if it does not."""
    if isinstance(task, PlannedTask):
        return None if task.policy is None else SensorPolicy(**task.policy)
    if isinstance(task, MappedTask):
        given = task.partial_arguments
        cls = task._operator_class()  # noqa: SLF001 - the same room
        if not issubclass(cls, Sensor):
            return None
        usual = defaults_for_none(cls)
        interval, timeout = (given.get(name, usual[name]) for name in ("poke_interval", "timeout"))
        return _policy(cls, interval, timeout, TaskRules.of(task), soft_fail=given.get("soft_fail", False))
    if isinstance(task, Sensor) and task.waits:
        return _policy(type(task), task.poke_interval, task.timeout, TaskRules.of(task), soft_fail=task.soft_fail)
    return None


def _policy(
    cls: type[Sensor], interval: "timedelta | float", timeout: "timedelta | float", rules: TaskRules, *, soft_fail: bool
) -> SensorPolicy:
    limits = [seconds(timeout)]
    if cls.is_job and (limit := rules.timeout_s()) is not None:
        limits.append(limit)
    return SensorPolicy(poke_interval_s=seconds(interval), timeout_s=min(limits), soft_fail=bool(soft_fail))


def _inputs(task: "AbstractOperator") -> tuple[XComRef, ...]:
    found = {(arg.operator.task_id, arg.key) for arg in task._inputs()}  # noqa: SLF001 - the same room
    return tuple(XComRef(task_id, key) for task_id, key in sorted(found))


def _mappings(task: "AbstractOperator") -> Iterator[Mapping]:
    group = mapped_group(task.task_group)
    mapped = group.mapped if group is not None else task.mapped if isinstance(task, MappedTask) else {}
    for name, value in mapped.items():
        if isinstance(value, XComValue):
            yield _source(value, name)
            continue
        planned = isinstance(task, PlannedTask) and group is None
        literal = tuple(map(plan_value, elements_of(name, value))) if planned else None
        yield Mapping(argument=name, length=len(value), literal=literal)


def _source(value: XComValue, argument: str = "") -> Mapping:
    """Convert a value of tasks that is mapped over; what a function makes of its elements is known to the DAG file alone."""
    if isinstance(value, TransformedXCom):
        return _source(value.parts[0], argument)
    if isinstance(value, ZippedXCom):
        join: Join = "zip" if value.fillvalue is NO_FILL else "longest"
        return Mapping(argument, join=join, parts=tuple(map(_source, value.parts)))
    if isinstance(value, ConcatenatedXCom):
        return Mapping(argument, join="concat", parts=tuple(map(_source, value.parts)))
    (leaf,) = value.leaves()
    return Mapping(argument, source=XComRef(leaf.operator.task_id, leaf.key))


def _templated(task: "AbstractOperator") -> bool:
    cls = task._operator_class()  # noqa: SLF001 - the same room
    extensions = tuple(cls.template_ext if isinstance(task, MappedTask) else task.template_ext)
    if isinstance(task, MappedTask):
        literals = task.literals()
        return EXPAND_KWARGS in literals or needs_rendering([task.partial_arguments, literals], extensions)
    if isinstance(task, PlannedTask):
        return needs_rendering(task.plan_arguments, ())
    return any(needs_rendering(getattr(task, field, None), extensions) for field in task.template_fields)
