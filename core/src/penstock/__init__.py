"""A workflow orchestrator with a slim core: DAGs in Python, providers one by one.

Everything that DAG authors write with is a name of this package; each is imported when it is first used.
"""

__version__ = "0.1.0"

# Type checkers know the name whatever its value; importing `typing` for it costs 10 ms.
TYPE_CHECKING = False

if TYPE_CHECKING:
    from penstock.author.alert import Alert
    from penstock.author.assets.asset import Asset, AssetAlias, AssetAll, AssetAny, AssetOrTimeSchedule
    from penstock.author.assets.file_watcher import FileWatcher
    from penstock.author.assets.metadata import Metadata
    from penstock.author.capability import operator
    from penstock.author.config import Connection, Variable
    from penstock.author.construct.retry_policy import (
        ExceptionRetryPolicy,
        RetryAction,
        RetryDecision,
        RetryPolicy,
        RetryRule,
    )
    from penstock.author.construct.weight_rule import WeightRule
    from penstock.author.dag import DAG, Param
    from penstock.author.graph.edges import Label, chain, cross_downstream
    from penstock.author.graph.task_group import TaskGroup
    from penstock.author.hook import ConnectionReport, Hook
    from penstock.author.operator import EmptyOperator, Operator
    from penstock.author.operators.asset_decorators import asset
    from penstock.author.operators.bash import BashOperator
    from penstock.author.operators.dag_decorators import dag, task_group
    from penstock.author.operators.email import EmailOperator
    from penstock.author.operators.environments.foreign_python import (
        BranchExternalPythonOperator,
        BranchPythonVirtualenvOperator,
        ExternalPythonOperator,
        PythonVirtualenvOperator,
    )
    from penstock.author.operators.external import ExternalTaskMarker, ExternalTaskSensor
    from penstock.author.operators.moment import (
        BranchDateTimeOperator,
        BranchDayOfWeekOperator,
        LatestOnlyOperator,
        WeekDay,
    )
    from penstock.author.operators.python import (
        BranchPythonOperator,
        PythonOperator,
        PythonSensor,
        ShortCircuitOperator,
    )
    from penstock.author.operators.taskflow import setup, task, teardown
    from penstock.author.operators.trigger import TriggerDagRunOperator
    from penstock.author.operators.wait import BashSensor, DayOfWeekSensor, FileSensor, TimeDeltaSensor, TimeSensor
    from penstock.author.parse_session import refresh_every
    from penstock.author.run.context import Context, get_current_context
    from penstock.author.run.steps import step
    from penstock.author.run.task_checkpoints import NEVER_EXPIRE
    from penstock.author.sensor import PokeResult, Sensor
    from penstock.author.timetable.dates import days_ago, timezone
    from penstock.author.timetable.provided import timetable
    from penstock.author.timetable.timetable import Timetable
    from penstock.author.timetable.timetables import AnyOf, Cron, CronInterval, CronTrigger, Dates, Interval
    from penstock.author.xcom.arg import XComArg
    from penstock.errors import FailTask, PenstockError, SkipTask
    from penstock.model.schedule import PlannedRun
    from penstock.model.state import TriggerRule
    from penstock.spec.objects.copy_objects import CopyObjectsOperator

__all__ = [
    "DAG",
    "NEVER_EXPIRE",
    "Alert",
    "AnyOf",
    "Asset",
    "AssetAlias",
    "AssetAll",
    "AssetAny",
    "AssetOrTimeSchedule",
    "BashOperator",
    "BashSensor",
    "BranchDateTimeOperator",
    "BranchDayOfWeekOperator",
    "BranchExternalPythonOperator",
    "BranchPythonOperator",
    "BranchPythonVirtualenvOperator",
    "Connection",
    "ConnectionReport",
    "Context",
    "CopyObjectsOperator",
    "Cron",
    "CronInterval",
    "CronTrigger",
    "Dates",
    "DayOfWeekSensor",
    "EmailOperator",
    "EmptyOperator",
    "ExceptionRetryPolicy",
    "ExternalPythonOperator",
    "ExternalTaskMarker",
    "ExternalTaskSensor",
    "FailTask",
    "FileSensor",
    "FileWatcher",
    "Hook",
    "Interval",
    "Label",
    "LatestOnlyOperator",
    "Metadata",
    "Operator",
    "Param",
    "PenstockError",
    "PlannedRun",
    "PokeResult",
    "PythonOperator",
    "PythonSensor",
    "PythonVirtualenvOperator",
    "RetryAction",
    "RetryDecision",
    "RetryPolicy",
    "RetryRule",
    "Sensor",
    "ShortCircuitOperator",
    "SkipTask",
    "TaskGroup",
    "TimeDeltaSensor",
    "TimeSensor",
    "Timetable",
    "TriggerDagRunOperator",
    "TriggerRule",
    "Variable",
    "WeekDay",
    "WeightRule",
    "XComArg",
    "__version__",
    "asset",
    "chain",
    "cross_downstream",
    "dag",
    "days_ago",
    "get_current_context",
    "operator",
    "refresh_every",
    "setup",
    "step",
    "task",
    "task_group",
    "teardown",
    "timetable",
    "timezone",
]

_HOMES = {
    "author.alert": ("Alert",),
    "author.assets.asset": ("Asset", "AssetAlias", "AssetAll", "AssetAny", "AssetOrTimeSchedule"),
    "author.assets.file_watcher": ("FileWatcher",),
    "author.assets.metadata": ("Metadata",),
    "author.construct.retry_policy": (
        "ExceptionRetryPolicy",
        "RetryAction",
        "RetryDecision",
        "RetryPolicy",
        "RetryRule",
    ),
    "author.construct.weight_rule": ("WeightRule",),
    "author.config": ("Connection", "Variable"),
    "author.operators.dag_decorators": ("dag", "task_group"),
    "author.operators.asset_decorators": ("asset",),
    "author.operators.bash": ("BashOperator",),
    "author.capability": ("operator",),
    "author.run.context": ("Context", "get_current_context"),
    "author.run.steps": ("step",),
    "author.run.task_checkpoints": ("NEVER_EXPIRE",),
    "author.dag": ("DAG", "Param"),
    "author.graph.edges": ("Label", "chain", "cross_downstream"),
    "author.operators.email": ("EmailOperator",),
    "author.operators.external": ("ExternalTaskMarker", "ExternalTaskSensor"),
    "author.operators.environments.foreign_python": (
        "BranchExternalPythonOperator",
        "BranchPythonVirtualenvOperator",
        "ExternalPythonOperator",
        "PythonVirtualenvOperator",
    ),
    "author.graph.task_group": ("TaskGroup",),
    "author.hook": ("ConnectionReport", "Hook"),
    "author.operator": ("EmptyOperator", "Operator"),
    "author.operators.python": ("BranchPythonOperator", "PythonOperator", "PythonSensor", "ShortCircuitOperator"),
    "author.sensor": ("PokeResult", "Sensor"),
    "author.operators.moment": ("BranchDateTimeOperator", "BranchDayOfWeekOperator", "LatestOnlyOperator", "WeekDay"),
    "author.operators.taskflow": ("setup", "task", "teardown"),
    "author.timetable.dates": ("days_ago", "timezone"),
    "author.timetable.provided": ("timetable",),
    "author.timetable.timetable": ("Timetable",),
    "author.timetable.timetables": ("AnyOf", "Cron", "CronInterval", "CronTrigger", "Dates", "Interval"),
    "author.operators.trigger": ("TriggerDagRunOperator",),
    "author.operators.wait": ("BashSensor", "DayOfWeekSensor", "FileSensor", "TimeDeltaSensor", "TimeSensor"),
    "author.parse_session": ("refresh_every",),
    "author.xcom.arg": ("XComArg",),
    "errors": ("FailTask", "PenstockError", "SkipTask"),
    "model.schedule": ("PlannedRun",),
    "model.state": ("TriggerRule",),
    "spec.objects.copy_objects": ("CopyObjectsOperator",),
}


if not TYPE_CHECKING:  # a checker that sees __getattr__ takes every name for granted

    def __getattr__(name: str) -> object:
        """Import a public name on first use (PEP 562)."""
        from importlib import import_module  # noqa: PLC0415 - what is not used costs nothing

        for home, names in _HOMES.items():
            if name in names:
                found = getattr(import_module(f"penstock.{home}"), name)
                globals()[name] = found
                return found
        from penstock.author.airflow.alias import ALIASES, HOMES  # noqa: PLC0415 - only a DAG file from Airflow needs it

        if name in ALIASES:
            return __getattr__(ALIASES[name])
        if name in HOMES:
            return getattr(import_module(f"penstock.{HOMES[name]}"), name)
        import sys  # noqa: PLC0415 - as above

        raise AttributeError(f"module 'penstock' has no attribute {name!r}", name=name, obj=sys.modules[__name__])


def __dir__() -> list[str]:
    """The public names."""
    return __all__
