"""Makes the message of a delivery: the words of its alerts, the end of a log, a job for the functions of a DAG file."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import msgspec

from penstock.alerts.message import Details, digest_of, link_of, message_of, title_of
from penstock.alerts.occurrence import Occurrence
from penstock.alerts.rules import CALLBACK
from penstock.errors import PenstockError
from penstock.model.attempt import TryFacts
from penstock.model.dag import MAILTO, DagSpec
from penstock.model.run import Run, TaskInstance, TaskKey
from penstock.model.state import AlertEvent, TaskState
from penstock.model.text import visible
from penstock.notify.alerts.callbacks import CallbackJob
from penstock.notify.alerts.channels import Outgoing
from penstock.spec.executor import FileCode
from penstock.spec.wire import Ask, Reply
from penstock.store import KEPT, AlertDelivery, Store
from penstock.tries.paths import log_path

_MOST_READ = 1 << 16
_E = AlertEvent
_OF_FAILURES = (_E.RUN_FAILED, _E.RUN_SLOW, _E.MISSED_DEADLINE)

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.json.Decoder(Occurrence).decode


class Style(NamedTuple):
    """What messages show; see `penstock.settings.alerts.AlertSettings`."""

    log_lines: int
    base_url: str


class Composer:
    """Makes the message of a delivery.

    Args:
        store: Holds the alerts, and what they are about.
        logs: Folder of the logs, in which no secret stands.
        style: What messages show.
        answer: Answers a notifier that asks for a connection or a Variable.
        answer_task: Answers functions of a DAG file, on behalf of a task instance.
    """

    def __init__(
        self,
        store: Store,
        logs: Path,
        style: Style,
        answer: Callable[[Ask], Reply],
        answer_task: Callable[[TaskKey, Ask], Reply],
    ) -> None:
        self._store, self._logs, self._style = store, logs, style
        self._answer, self._answer_task = answer, answer_task

    def __call__(self, delivery: AlertDelivery) -> Outgoing:
        """The message of a delivery.

        Raises:
            LookupError: What it is about is gone; the argument is a sentence.
            StoreError: The database cannot serve.
        """
        happened = [_decode(body) for body in self._store.alerts.bodies(delivery.number)]
        if not happened:
            raise LookupError("its alerts are not in the database any more")
        scheme, _, rest = delivery.channel.partition(":")
        if scheme == CALLBACK:
            return self._call(happened[0])
        address, url = rest if scheme == MAILTO else "", self._style.base_url
        if len(happened) > 1:
            message = digest_of(delivery.key, happened, url, to=address, full=len(happened) >= KEPT)
        else:
            message = message_of(delivery.key, happened[0], self._details(happened[0]), url, to=address)
        return Outgoing(_encode(message), self._answer)

    def _call(self, happened: Occurrence) -> Outgoing:
        run = self._store.runs.get(happened.run)
        try:
            version = self._store.versions.get(happened.version)
        except PenstockError as error:
            raise LookupError(f"the DAG file cannot be read: {error}") from error
        if run is None or version is None:
            raise LookupError(f"{title_of(happened)}: the run is not in the database any more")
        code = FileCode(version.snapshot, version.file, version.variables)
        task_id, map_index = happened.task_id, happened.map_index
        if not task_id and (failed := self._failed(run.run)):
            task_id, map_index = failed[0].task_id, failed[0].map_index
        facts = _facts(run, version.spec, task_id, map_index, happened.try_number)
        link = link_of(happened, self._style.base_url, self._details(happened).log_of)
        job = CallbackJob(happened.callback, code, facts, happened.event.value, happened.reason, link)
        key = TaskKey(run.run, task_id, map_index)
        return Outgoing(_encode(job), lambda ask: self._answer_task(key, ask))

    def _details(self, happened: Occurrence) -> Details:
        if not happened.run:
            return Details()
        if happened.task_id:
            return self._with_log(happened, TaskKey(happened.run, happened.task_id, happened.map_index))
        if happened.event not in _OF_FAILURES:
            return Details()
        failed = self._failed(happened.run)
        shown = [(str(each.key), each.reason) for each in failed]
        return self._with_log(happened, failed[0].key)._replace(failed=shown) if failed else Details()

    def _failed(self, run: int) -> list[TaskInstance]:
        found = [each for each in self._store.runs.tasks(run) if each.state is TaskState.FAILED]
        return sorted(found, key=lambda each: (each.ended_at is None, each.ended_at or 0, each.key))

    def _with_log(self, happened: Occurrence, key: TaskKey) -> Details:
        tries = [each.attempt for each in self._store.runs.tries(key.run, key.task_id)]
        epochs = [
            each.epoch
            for each in tries
            if each.map_index == key.map_index and happened.try_number in (0, each.try_number)
        ]
        if not epochs:
            return Details()
        path = log_path(self._logs, happened.dag_id, happened.run_id, key, max(epochs))
        index = f" --index {key.map_index}" if key.map_index >= 0 else ""
        return Details(
            log=last_lines(path, self._style.log_lines),
            log_of=f"{happened.dag_id} {happened.run_id} {key.task_id}{index}",
        )


def last_lines(path: Path, count: int) -> str:
    """The last lines of a log, 64 KiB at most; "" if there is none."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(max(0, size - _MOST_READ))
            lines = file.read().decode(errors="replace").splitlines()
    except OSError:
        return ""
    return visible("\n".join(lines[len(lines) - min(count, len(lines)) :]))


def _facts(run: Run, dag: DagSpec, task_id: str, map_index: int, try_number: int) -> TryFacts:
    return TryFacts(
        dag_id=run.dag_id,
        run_id=run.run_id,
        task_id=task_id,
        map_index=map_index,
        try_number=try_number,
        run_kind=run.kind,
        logical_date=run.logical_date,
        interval_start=run.interval_start,
        interval_end=run.interval_end,
        run_started_at=run.started_at,
        conf=run.conf,
        params={name: run.conf.get(name, param.default) for name, param in dag.params.items()},
    )
