"""What can be wrong with a finished DAG, found all at once: ids, dates, limits, cycles, names in templates.

This is the place of a new check of a DAG file. One of the DAG as a whole is a function here that yields sentences or
problems, called by `dag_problems`. What concerns a single argument of a task stands with the argument, in a function
that `AbstractOperator` or a subclass calls when it is made: `TaskRules.problems`, `waiting_problems`. Either way every
problem is reported with the author's line, and none ends the import.
"""

import re
from collections.abc import Iterator
from graphlib import CycleError
from typing import Any, get_args

from penstock.author.abstract_operator import OWN_STATE
from penstock.author.airflow.arguments import ArgumentProblem, is_harmless, unknown_argument
from penstock.author.alert import alert_problems
from penstock.author.build.graph import topological_order
from penstock.author.build.params import param_problems, params_of
from penstock.author.capability import PlannedTask
from penstock.author.construct.signature import accepted_arguments
from penstock.author.construct.task_rules import duration_problems, integer_problems, plain_value, text_problems
from penstock.author.dag import DAG
from penstock.author.graph.task_group import TaskGroup
from penstock.author.mapping.mapped_group import GroupArgument, mapped_group
from penstock.author.mapping.task import MappedTask
from penstock.author.operator import Operator
from penstock.author.parse_session import Problem
from penstock.author.sensor import Sensor
from penstock.author.template_fields import is_path, is_template, template_fault, texts
from penstock.author.timetable.catchup import catchup_problems, overlap_problems, runs_all
from penstock.author.timetable.dates import is_naive, to_utc
from penstock.author.timetable.timetables import needs_zone, to_schedule
from penstock.author.timetable.zones import zone_of
from penstock.author.xcom.arg import find_values
from penstock.errors import AuthoringError, did_you_mean
from penstock.model.dag import Isolation
from penstock.model.schedule import unworkable

_ID = re.compile(r"[\w.\-]{1,250}", re.ASCII)
_PULL = re.compile(r"xcom_pull\(\s*(?:task_ids\s*=\s*)?(['\"])([^'\"]+)\1")


def dag_problems(dag: DAG) -> Iterator[Problem]:
    """Check a DAG as a whole; what its constructors found is in ``dag.problems``."""
    for name, problem in (*_dag_arguments(dag), *_dates(dag)):
        site = dag._changes.get(name, dag._site)  # noqa: SLF001 - the same room
        yield Problem(site, f"DAG {dag.dag_id!r}: {problem.text}", problem.is_note)
    yield from _default_args(dag)
    yield from _ids(dag)
    yield from _params(dag)
    yield from _cycles(dag)
    yield from _mapped_groups(dag)
    yield from _templates(dag)


def _dag_arguments(dag: DAG) -> Iterator[tuple[str, ArgumentProblem]]:
    checks = {
        "dag_id": id_problems(dag.dag_id, "dag_id"),
        "max_active_runs": integer_problems(plain_value(dag.max_active_runs), "max_active_runs", least=1),
        "max_active_tasks": integer_problems(plain_value(dag.max_active_tasks), "max_active_tasks", least=1),
        "tenant": id_problems(dag.tenant, "tenant") if dag.tenant != "" else iter(()),
        "dagrun_timeout": _timeout_problems(dag.dagrun_timeout),
        "isolation": _isolation_problems(dag.isolation),
        "tags": _tag_problems(dag.tags),
        "params": param_problems(dag.params, scheduled=dag.schedule is not None),
        "catchup": catchup_problems(dag.catchup),
        "overlap": overlap_problems(dag.overlap, dag.catchup),
        "is_paused_upon_creation": _flag_problems(dag.is_paused_upon_creation, "is_paused_upon_creation"),
        "render_template_as_native_obj": _flag_problems(
            dag.render_template_as_native_obj, "render_template_as_native_obj"
        ),
        **{name: text_problems(getattr(dag, name), name) for name in ("doc", "description")},
        "template_searchpath": (
            problem for each in dag.template_searchpath for problem in text_problems(each, "template_searchpath")
        ),
    }
    found = [(name, problem) for name, problems in checks.items() for problem in problems]
    return ((name, ArgumentProblem(problem)) for name, problem in (*found, *alert_problems(dag)))


def _isolation_problems(value: Any) -> Iterator[str]:  # noqa: ANN401 - what an author wrote
    if value is not None and value not in get_args(Isolation):
        yield f"isolation is {value!r}; write one of {', '.join(get_args(Isolation))}."


def _timeout_problems(value: Any) -> Iterator[str]:  # noqa: ANN401 - as above
    return iter(()) if value is None else duration_problems(plain_value(value), "dagrun_timeout")


def _tag_problems(value: Any) -> Iterator[str]:  # noqa: ANN401 - as above
    if not isinstance(value, list | tuple | set | frozenset) or not all(isinstance(tag, str) for tag in value):
        yield f"tags is {value!r}; write a list of words."


def _flag_problems(value: Any, name: str) -> Iterator[str]:  # noqa: ANN401 - as above
    if not isinstance(plain_value(value), bool):
        yield f"{name} is {value!r}; write True or False."


def _params(dag: DAG) -> Iterator[Problem]:
    """Check the parameters of tasks."""
    for task in dag.tasks:
        for text in param_problems(params_of(task), scheduled=dag.schedule is not None):
            yield Problem(task._changes.get("params", task._site), f"{task}: {text}")  # noqa: SLF001 - the same room


def _dates(dag: DAG) -> Iterator[tuple[str, ArgumentProblem]]:
    dates: dict[str, Any] = {}
    zone = "UTC"
    try:
        zone = zone_of(dag) if needs_zone(dag) else zone
    except AuthoringError as error:
        yield "timezone", ArgumentProblem(str(error))
    for name in ("start_date", "end_date"):
        value = getattr(dag, name)
        try:
            dates[name] = None if value is None else to_utc(value, zone, name)
        except AuthoringError as error:
            yield name, ArgumentProblem(str(error))
        if is_naive(value) and dag.timezone is None:
            yield (
                name,
                ArgumentProblem(f"{name} {value} has no time zone and is read in {zone}. {_ZONE_ADVICE}", is_note=True),
            )
    try:
        to_schedule(dag.schedule, zone)
    except AuthoringError as error:
        yield "schedule", ArgumentProblem(str(error))
    start, end = dates.get("start_date"), dates.get("end_date")
    if start is not None and (fault := unworkable(start)):
        yield "start_date", ArgumentProblem(f"start_date {fault}.")
    if start is not None and end is not None and end < start:
        yield "end_date", ArgumentProblem(f"end_date {end.isoformat()} is before start_date {start.isoformat()}.")
    if runs_all(dag.catchup) and dag.schedule is not None and dag.start_date is None:
        yield "catchup", ArgumentProblem("catchup needs a start_date: since when are intervals to be run?")


_ZONE_ADVICE = "Write it with tzinfo=UTC, or give the DAG timezone='...'."


def _default_args(dag: DAG) -> Iterator[Problem]:
    """Check that some task takes each default argument: a wrong name would have no effect, silently."""
    if not dag.tasks:
        return
    known = set(accepted_arguments(Operator)) | set(accepted_arguments(Sensor))
    for task in dag.tasks:
        known |= set(accepted_arguments(task._operator_class()))  # noqa: SLF001 - the same room
        if isinstance(task, PlannedTask):
            known |= set(task.plan_arguments)
    owners: list[tuple[DAG | TaskGroup, str, set[str]]] = [(dag, "this DAG", known | {"start_date", "end_date"})]
    owners += [(group, str(group), known) for group in dag.groups]
    for owner, called, names in owners:
        for name, value in owner.default_args.items():
            if name not in names and not is_harmless(name, value):
                fault = unknown_argument(name, known).replace("takes no", "takes an", 1)
                yield Problem(owner._site, f"DAG {dag.dag_id!r}: default_args: no task of {called} {fault}")  # noqa: SLF001 - the same room


def _ids(dag: DAG) -> Iterator[Problem]:
    seen: dict[str, int] = {}
    for task in dag.tasks:
        site = task._site  # noqa: SLF001 - the same room
        for text in id_problems(task.task_id, "task_id"):
            yield Problem(site, text)
        if task.task_id in seen:
            yield Problem(
                site,
                f"there is a task {task.task_id!r} in DAG {dag.dag_id!r} already, made in line {seen[task.task_id]}. "
                "Give each task an id of its own.",
            )
        seen.setdefault(task.task_id, site.line)
    groups: dict[str, int] = {}
    for group in dag.groups:
        site, other = group._site, groups.get(group.group_id, seen.get(group.group_id))  # noqa: SLF001 - the same room
        if other is not None:
            yield Problem(site, f"the id of {group} is taken already in DAG {dag.dag_id!r}, in line {other}.")
        groups.setdefault(group.group_id, site.line)


def id_problems(value: Any, name: str) -> Iterator[str]:  # noqa: ANN401 - what an author wrote
    """Check that a value can be an id."""
    # In a path of a URL or of a folder, . and .. are ways, and no names.
    if not isinstance(value, str) or not _ID.fullmatch(value) or value in {".", ".."}:
        yield f"the {name} is {value!r}; write 1 to 250 letters from a to z and A to Z, digits, '-', '_' or '.', not . or .. alone."


def _cycles(dag: DAG) -> Iterator[Problem]:
    upstream: dict[str, set[str]] = {task.task_id: set() for task in dag.tasks}
    named = dag.task_dict
    for upper, lower in dag.graph().edges():
        # A second task of one id is a problem of its own, and its edges would be drawn to the first.
        if named.get(upper.task_id) is upper and named.get(lower.task_id) is lower:
            upstream[lower.task_id].add(upper.task_id)
    try:
        topological_order(upstream)
    except CycleError as error:
        *cycle, _ = error.args[1]
        first = cycle.index(min(cycle))
        path = [*cycle[first:], *cycle[: first + 1]]
        site = named[path[0]]._site  # noqa: SLF001 - the same room
        yield Problem(site, f"tasks of DAG {dag.dag_id!r} form a cycle: {' >> '.join(path)}. Take one edge away.")


def _mapped_groups(dag: DAG) -> Iterator[Problem]:
    """Check that what stands in a mapped group is not mapped again, and that its arguments stay in it."""
    if not any(group.mapped for group in dag.groups):
        return
    advice = "Indexes have one level: map over the combinations, or let a task return the list of them."
    for group in dag.groups:
        if group.mapped and (around := mapped_group(group.parent)) is not None:
            yield Problem(group._site, f"{group} is mapped, and stands in {around}, which is mapped, too. {advice}")  # noqa: SLF001 - the same room
    for task in dag.tasks:
        around = mapped_group(task.task_group)
        if around is not None and isinstance(task, MappedTask):
            yield Problem(task._site, f"{task} is mapped, and stands in {around}, which is mapped, too. {advice}")  # noqa: SLF001 - as above
        given = [value for name, value in vars(task).items() if name not in OWN_STATE]
        for arg in (each for value in find_values(given) for each in value.tree()):
            if isinstance(arg, GroupArgument) and arg.group is not around:
                fault = f"{task} is given {arg!r}, and stands outside of it. Return the value from a task of the group."
                yield Problem(task._site, fault)  # noqa: SLF001 - as above


def _templates(dag: DAG) -> Iterator[Problem]:
    """Check the syntax of templates, and that they pull values of tasks that the DAG has."""
    tasks, right = dag.task_dict, set[str]()
    for task in dag.tasks:
        cls = task._operator_class()  # noqa: SLF001 - the same room
        fields = task.partial_arguments | task.literals() if isinstance(task, MappedTask) else vars(task)
        extensions = tuple(cls.template_ext if isinstance(task, MappedTask) else task.template_ext)
        for field in (*cls.template_fields, "map_index_template"):
            for text in texts(task.map_index_template if field == "map_index_template" else fields.get(field)):
                if is_template(text) and text not in right and not is_path(text, extensions):
                    fault = template_fault(text)
                    if fault:
                        yield Problem(task._site, f"{task}: template field {field!r}, {fault}")  # noqa: SLF001 - the same room
                        continue
                    right.add(text)
                for match in _PULL.finditer(text) if "xcom_pull" in text else ():
                    name = match[2]
                    if name not in tasks:
                        yield Problem(
                            task._site,  # noqa: SLF001 - the same room
                            f"{task}: {field} pulls the value of an unknown upstream task {name!r}. "
                            + did_you_mean(name, tasks),
                        )
