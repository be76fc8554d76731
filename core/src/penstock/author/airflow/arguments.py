"""Arguments that Airflow has: other names of ours, those that do nothing with the value given, and what to write instead.

A spelling that loses no meaning is taken, one that loses meaning is refused with the remedy.
"""

from collections.abc import Collection
from datetime import timedelta
from typing import Any, NamedTuple

from penstock.errors import did_you_mean

RENAMED = {
    "cron": "expression",
    "delta": "every",
    "event_dates": "dates",
    "execution_date": "logical_date",
    "concurrency": "max_active_tasks",
    "dag_concurrency": "max_active_tasks",
    "schedule_interval": "schedule",
    "task_concurrency": "max_active_tis_per_dag",
    "timetable": "schedule",
}
"""Other names of arguments."""

_PAGES = "it is about Airflow's pages and has no effect."
NOTED = {
    "dag_display_name": "the dag_id is shown.",
    "group_display_name": "the group_id is shown.",
    "owner_links": _PAGES,
    "task_display_name": "the task_id is shown.",
}
"""Arguments that are taken with a note, each with what it says."""

# Values with which an argument does nothing, besides None.
_FALSE: tuple[Any, ...] = (False,)
_HARMLESS: dict[str, tuple[Any, ...]] = {
    "access_control": ({},),
    "allow_future_exec_dates": _FALSE,
    "auto_register": (True,),
    "fail_fast": _FALSE,
    "fail_stop": _FALSE,
    "fail_when_dag_is_paused": _FALSE,
    "ignore_first_depends_on_past": (True,),
    "interval": (timedelta(0),),
    "max_consecutive_failed_dag_runs": (0,),
    "restrict_to_events": _FALSE,
    "run_immediately": _FALSE,
    "wait_for_past_depends_before_skipping": _FALSE,
}
# Arguments that do nothing here whatever their value.
_WITHOUT_EFFECT = frozenset(
    {
        "default_view",
        "deferrable",
        "expect_airflow",
        "expect_pendulum",
        "openlineage_inject_parent_info",
        "orientation",
        "presorted",
        "provide_context",
        "serializer",
        "use_dill",
    }
)

_DATES = "Dates belong to the DAG: DAG(start_date=..., end_date=...)."
_OF_TASKS = "It belongs to tasks: DAG(default_args={...}) gives it to all of them."
_OF_CLASSES = "It belongs to tasks whose class the DAG file imports."
_SLA_OF_TASKS = (
    "Deadlines have rules of their own: DAG(alerts=[Alert('task_missed_deadline', to=..., after=timedelta(...))]) for each task, "
    "'missed_deadline' for the run; `to` takes functions, too."
)

_REMEDIES = {
    "access_control": "There are no roles.",
    "deadline": "Write DAG(alerts=[Alert('missed_deadline', to=..., after=timedelta(...))]).",
    "email": _OF_TASKS,
    "email_on_failure": _OF_TASKS,
    "email_on_retry": _OF_TASKS,
    "end_date": _DATES,
    "executor": "Name a queue, and route it to an executor in [queues] of penstock.toml.",
    "fail_fast": "Every task that can run does; trigger rules decide what follows a failed one.",
    "fail_stop": "Every task that can run does; trigger rules decide what follows a failed one.",
    "fail_when_dag_is_paused": "A run of a paused DAG waits until that is unpaused; a task before this one may look.",
    "ignore_first_depends_on_past": "A task waits for nothing that the run before it does not have; leave it out.",
    "interval": "A run of CronTrigger has an empty data interval, one of CronInterval the time up to the next tick.",
    "jinja_environment_kwargs": "Templates have one environment; add names by user_defined_macros and user_defined_filters.",
    "on_execute_callback": _OF_TASKS,
    "on_retry_callback": _OF_TASKS,
    "on_skipped_callback": _OF_TASKS,
    "max_consecutive_failed_dag_runs": "Failures do not pause a DAG; leave it out.",
    "post_execute": _OF_CLASSES,
    "pre_execute": _OF_CLASSES,
    "retry_policy": _OF_CLASSES,
    "run_as_user": "Tries run as the user of their worker.",
    "sla": _OF_TASKS,
    "sla_miss_callback": _SLA_OF_TASKS,
    "start_date": _DATES,
    "template_undefined": "A name that does not exist fails the task.",
}


class ArgumentProblem(NamedTuple):
    """A sentence about an argument, without its subject; a note stops nothing."""

    text: str
    is_note: bool = False


def rewrite_arguments(given: dict[str, Any], known: Collection[str]) -> list[ArgumentProblem]:
    """Take Airflow's arguments out of those given, or put them under our names; returns what there is to say.

    Args:
        given: The arguments by name; changed.
        known: What is taken here.
    """
    problems: list[ArgumentProblem] = []
    for name in [name for name in given if name not in known]:
        value, ours = given[name], RENAMED.get(name)
        if ours is not None and ours in known:
            if given.get(ours) is None:
                given[ours] = value
            elif value is not None:
                problems.append(
                    ArgumentProblem(f"takes {name!r} as another name of {ours!r}, and got both. Give one of them.")
                )
        elif not is_harmless(name, value):
            noted = name in NOTED and ArgumentProblem(f"takes {name!r}: {NOTED[name]}", is_note=True)
            problems.append(noted or ArgumentProblem(unknown_argument(name, known)))
    for name in [name for name in given if name not in known]:
        del given[name]
    return problems


def is_harmless(name: str, value: Any) -> bool:  # noqa: ANN401 - what an author wrote
    """Return whether an argument of Airflow's does nothing with this value, so that nothing is lost without it."""
    if name in _WITHOUT_EFFECT:
        return True
    return name in _REMEDIES.keys() | _HARMLESS.keys() and (
        value is None or any(type(value) is type(each) and value == each for each in _HARMLESS.get(name, ()))
    )


def is_argument(name: str) -> bool:
    """Return whether Airflow has an argument of this name for which there is something to say here."""
    return name in _REMEDIES or name in NOTED or name in RENAMED


def unknown_argument(name: str, known: Collection[str]) -> str:
    """Describe the problem of an argument that does not exist, with what to write instead."""
    if name in _REMEDIES:
        return f"takes no argument {name!r}. {_REMEDIES[name]}"
    advice = did_you_mean(name, known, otherwise=f"It takes: {', '.join(sorted(known))}.")
    return f"takes no argument {name!r}. {advice}"
