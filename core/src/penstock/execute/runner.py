"""Runs user code in a try's process: finds the operator, prepares it, runs it, and offloads large values."""

import contextlib
import errno
import sys
import threading
import traceback
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from penstock.author.abstract_operator import AbstractOperator
from penstock.author.build.imports import ImportRuntime, import_dag_file
from penstock.author.dag import DAG
from penstock.author.operator import Operator
from penstock.author.run.execution import Prepared, prepare, run_try
from penstock.author.run.failed import failed
from penstock.author.run.stored_plan import from_plan
from penstock.author.runtime import Runtime, current
from penstock.errors import FailTask, PenstockError, as_sentence
from penstock.execute.offload import offloaded
from penstock.execute.unnamed_files import unnamed_file
from penstock.model.attempt import TryEnd
from penstock.model.names import error_text
from penstock.model.secret import variable_secrets
from penstock.model.state import Outcome
from penstock.model.text import visible
from penstock.processes.file_writes import FileWrites
from penstock.spec.executor import FileCode, PlanCode, TryRequest

Resolve = Callable[[str], type[Operator]]
OpenStore = Callable[[str, str | None], Any]
FULL_PAUSES_S = (1.0, 2.0, 4.0, 8.0, 15.0, *(30.0,) * 9)
"""Seconds between attempts to store a result where the disk is full: five minutes in all."""
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})


class Providers:
    """What the runner needs of the providers; handed in by who composes the process.

    Args:
        resolve: Class of an operator or sensor by capability id.
        open_store: Object store by URL and connection id.
        poke_threads: Pokes of plain sensors that a waiter makes at once.
    """

    def __init__(self, resolve: Resolve, open_store: OpenStore, poke_threads: int = 32) -> None:
        self.resolve, self.open_store, self.poke_threads = resolve, open_store, poke_threads


class Runner:
    """Runs the tries of one DAG file, or of stored plans.

    Args:
        code: The DAG file that its tries come from; None if they run from stored plans.
        snapshots: Folder that holds the source snapshots by their hash.
        dags_folder: Where people find the file; "" if it is on another machine.

    Attributes:
        secrets: Those among them, which no log may show.
    """

    def __init__(self, code: FileCode | None, snapshots: Path, providers: Providers, dags_folder: str = "") -> None:
        self._dags_folder = f"{dags_folder}/" if dags_folder else ""
        self._code, self._snapshots, self._providers = code, snapshots, providers
        self._tasks: dict[tuple[str, str], AbstractOperator] | None = None
        self._fault = ""
        self._writes = None if code is None else FileWrites(str(snapshots / code.snapshot), _report_write)
        variables = code.variables if code is not None else {}
        self.secrets = tuple(s for key, text in variables.items() for s in variable_secrets(key, text))

    @property
    def open_store(self) -> OpenStore:
        """Opens an object store by URL and connection id."""
        return self._providers.open_store

    @property
    def poke_threads(self) -> int:
        """Pokes of plain sensors that a waiter makes at once."""
        return self._providers.poke_threads

    def shown(self, error: str) -> str:
        """An error whose traceback names the author's files, not the copies that ran."""
        if self._code is None or not error:
            return error
        return error.replace(f'File "{self._snapshots / self._code.snapshot}/', f'File "{self._dags_folder}')

    def notice_writes(self) -> None:
        """Have this try's log say so if it writes into the copy of the DAGs folder that its code runs from."""
        if self._writes is not None:
            self._writes.begin()

    def load(self) -> None:
        """Import the file; a fault is kept, and is then what each try answers."""
        self._tasks = {}
        if (code := self._code) is None:
            return
        try:
            at = import_dag_file(self._snapshots / code.snapshot, code.file, PinnedRuntime(code.variables))
        except BaseException:  # noqa: BLE001 - user code: a try that needs the file reports what it raised
            self._fault = f"its DAG file {code.file} cannot be imported any more\n{traceback.format_exc()}"
            return
        self.know(at.dags)

    def know(self, dags: Iterable[DAG]) -> None:
        """Run the tries of these DAGs' tasks."""
        self._tasks = {(dag.dag_id, task.task_id): task for dag in dags for task in dag.tasks}

    def run(self, request: TryRequest, runtime: Runtime) -> TryEnd:
        """Run one try to its end in this process; whatever is raised is its verdict."""
        try:
            task = self._task(request)
        except PenstockError as error:
            return TryEnd(Outcome.FAILED, error_text(error), retryable=False)
        try:
            end = run_try(task, request.facts, request.inputs, runtime)
        except BaseException as error:  # noqa: BLE001 - KeyboardInterrupt and GeneratorExit of the author's own
            return failed(error)
        if end.outcome is Outcome.FAILED:
            return self._explained(end)
        return with_values_put_away(end, request, runtime)

    def _explained(self, end: TryEnd) -> TryEnd:
        """The end with the reason why a file of the DAGs folder was not found, if that is what it failed of."""
        if self._code is None or not self._dags_folder:
            return end
        copy = self._snapshots / self._code.snapshot
        why = unnamed_file(end.error, copy, Path(self._dags_folder))
        return replace(end, error=f"{end.error}\n{why}") if why else end

    def prepare(self, request: TryRequest, runtime: Runtime) -> Prepared:
        """Get a sensor ready to be poked; raises what goes wrong on the way."""
        return prepare(self._task(request), request.facts, request.inputs, runtime)

    def _task(self, request: TryRequest) -> AbstractOperator:
        facts = request.facts
        if isinstance(request.code, PlanCode):
            return from_plan(self._providers.resolve(request.code.capability), facts.task_id, request.code.plan)
        if self._tasks is None:
            self.load()
        found = (self._tasks or {}).get((facts.dag_id, facts.task_id))
        if found is None:
            file = self._code.file if self._code is not None else "its file server"
            reason = self._fault or (
                f"{file} does not define task {facts.task_id!r} of DAG {facts.dag_id!r} when it is imported here. "
                "A DAG file must define the same tasks each time it is imported"
            )
            raise FailTask(reason)
        return found


def _report_write(path: str) -> None:
    text = f"This task writes {path}: a place in a copy of the DAGs folder, which no other run sees and which is deleted later. "
    _note(f"{text}Write to a path of your own.")


class PinnedRuntime(ImportRuntime):
    """The runtime of an import that must build the same DAGs as when they were stored."""

    def __init__(self, variables: dict[str, str | None]) -> None:
        self._variables = variables

    def variable(self, key: str) -> str | None:
        """The Variable as it was."""
        return self._variables.get(key)


def with_values_put_away(
    end: TryEnd, request: TryRequest, runtime: Runtime, pauses_s: Sequence[float] = FULL_PAUSES_S
) -> TryEnd:
    """The end with its large values in the object store; the try has failed if they could not be put there.

    Args:
        end: How the try ended.
        request: What it was asked.
        runtime: Opens object stores.
        pauses_s: Seconds between attempts while a disk is full: the work is done, and somebody may free it.
    """
    if not end.xcoms:
        return end
    token = current.set(runtime)
    try:
        for pause_s in pauses_s:
            try:
                return replace(end, xcoms=offloaded(end.xcoms, request, runtime))
            except PenstockError as error:
                if not _is_full(error):
                    raise
                _note(f"{as_sentence(error)} The work is done; its result is stored once there is room.")
                threading.Event().wait(pause_s)
        return replace(end, xcoms=offloaded(end.xcoms, request, runtime))
    except BaseException as error:  # noqa: BLE001 - a provider's code: what it raised is the verdict on this try
        return failed(error)
    finally:
        current.reset(token)


def _is_full(error: BaseException | None) -> bool:
    """Whether a full disk, or a quota that is used up, is behind an error."""
    while error is not None and not (isinstance(error, OSError) and error.errno in _FULL):
        error = error.__cause__ or error.__context__
    return error is not None


def _note(text: str) -> None:
    with contextlib.suppress(Exception):
        print(visible(text), file=sys.stderr, flush=True)  # noqa: T201 - the try's log
