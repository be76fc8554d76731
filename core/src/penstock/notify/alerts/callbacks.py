"""Calls the functions that a DAG file names for its alerts, in a process that has imported the file as the run knows it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from penstock.author.abstract_operator import AbstractOperator
from penstock.author.alert import written_rules
from penstock.author.build.imports import import_dag_file
from penstock.author.dag import DAG
from penstock.author.run.context import Context
from penstock.author.run.coroutines import completed
from penstock.author.runtime import Runtime
from penstock.errors import PluginError
from penstock.execute.runner import PinnedRuntime
from penstock.model.attempt import TryFacts, TryInputs
from penstock.model.names import error_sentence
from penstock.spec.executor import FileCode


class CallbackJob(msgspec.Struct, frozen=True):
    """Functions to be called.

    Attributes:
        name: Which: ``task.on_failure_callback``, ``dag.alerts.2``.
        code: The DAG file.
        facts: What the task instance is, or the run with the first of its tasks that failed.
        event: The word of the event.
        reason: Why, as a sentence.
        link: Where more is to be seen.
    """

    name: str
    code: FileCode
    facts: TryFacts
    event: str
    reason: str
    link: str


class TaskFailedError(Exception):
    """What failed, as the ``exception`` of a callback's context: a sentence, for the error itself was another process'."""


class CallbackContext(Context):
    """The context of a callback: that of a task, with ``exception``, ``reason``, ``event`` and a ``ti.log_url`` besides."""

    def __init__(self, job: CallbackJob, runtime: Runtime, dag: DAG, task: AbstractOperator | None) -> None:
        super().__init__(job.facts, TryInputs(), runtime, task)
        self._dag = dag
        failed = TaskFailedError(job.reason) if "failed" in job.event or "retried" in job.event else None
        self._found |= {"exception": failed, "reason": job.reason, "event": job.event, "dag": dag}
        self["ti"].log_url = job.link

    @property
    def dag(self) -> DAG:
        """The DAG's object."""
        return self._dag

    def __contains__(self, name: object) -> bool:
        return name in self._found or super().__contains__(name)


class CallbackRunner:
    """Calls functions of one version of a DAG file, which is imported for the first of them.

    Args:
        snapshots: Folder that holds the source snapshots by their hash.
    """

    def __init__(self, snapshots: Path) -> None:
        self._snapshots = snapshots
        self._dags: dict[str, DAG] | None = None

    def call(self, job: CallbackJob, runtime: Runtime) -> None:
        """Call the functions, each even if one before it raised.

        Raises:
            PluginError: A function raised, or the file does not define them any more.
            BaseException: Whatever the file raised when it was imported.
        """
        if self._dags is None:
            folder = self._snapshots / job.code.snapshot
            session = import_dag_file(folder, job.code.file, PinnedRuntime(job.code.variables))
            self._dags = {dag.dag_id: dag for dag in session.dags}
        dag = self._dags.get(job.facts.dag_id)
        task = dag.task_dict.get(job.facts.task_id) if dag is not None else None
        owner, _, name = job.name.partition(".")
        functions = _functions(task if owner == "task" else dag, name)
        if dag is None or not functions:
            raise PluginError(
                f"{job.code.file} does not define {job.name} of DAG {job.facts.dag_id!r} when it is imported here"
            )
        failures = []
        for function in functions:
            try:
                completed(function(CallbackContext(job, runtime, dag, task)))
            except BaseException as error:  # noqa: BLE001 - the author's code: the others are called all the same
                failures.append(f"{getattr(function, '__name__', function)!s}() raised {error_sentence(error)}")
        if failures:
            raise PluginError(f"{job.name} of DAG {job.facts.dag_id!r}: {'; '.join(failures)}")


def _functions(owner: DAG | AbstractOperator | None, name: str) -> list[Callable[..., Any]]:
    if owner is None:
        return []
    return [function for rule in written_rules(owner) if rule.name == name for function in rule.functions]
