"""Makes the message of a delivery: the words of its alerts, the end of a log, a job for the functions of a DAG file."""

from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

import msgspec

from penstock.alerts.message import Details, digest_of, link_of, message_of, title_of
from penstock.alerts.occurrence import Occurrence
from penstock.alerts.rules import CALLBACK
from penstock.decoders import json_decoder
from penstock.errors import PenstockError
from penstock.model.dag import MAILTO
from penstock.model.run import TaskInstance, TaskKey
from penstock.model.state import AlertEvent, TaskState
from penstock.notify.alerts.callbacks import CallbackJob
from penstock.notify.alerts.channels import Outgoing
from penstock.notify.alerts.log_tails import LogTail
from penstock.notify.answers import Answering
from penstock.spec.executor import FileCode
from penstock.store import KEPT, AlertDelivery, Store
from penstock.tries.paths import log_path
from penstock.tries.try_facts import try_facts

_E = AlertEvent
_OF_FAILURES = (_E.RUN_FAILED, _E.RUN_SLOW, _E.MISSED_DEADLINE)

_encode = msgspec.msgpack.Encoder().encode
_decode = json_decoder(Occurrence).decode


class _TryLog(NamedTuple):
    """The log of a try: its file, whose it is as arguments of ``penstock tasks logs``, and when the try began."""

    path: Path
    of: str
    began_at: datetime | None


class Sources(NamedTuple):
    """Where what messages show comes from.

    Attributes:
        logs: Folder of the logs.
        tail: Gives the end of a log, in which no secret stands; None while it is being read.
        base_url: See `penstock.settings.alerts.AlertSettings`.
        answer: Answers a notifier that asks for a connection or a Variable.
        answer_task: What answers functions of a DAG file, on behalf of a task instance.
    """

    logs: Path
    tail: Callable[[Path], LogTail | None]
    base_url: str
    answer: Answering
    answer_task: Callable[[TaskKey], Answering]


class Composer:
    """Makes the message of a delivery.

    Args:
        store: Holds the alerts, and what they are about.
        sources: Where else it takes from what messages show.
    """

    def __init__(self, store: Store, sources: Sources) -> None:
        self._store, self._from = store, sources

    def __call__(self, delivery: AlertDelivery) -> Outgoing | None:
        """The message of a delivery; None while what it shows is being read.

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
        address, url = rest if scheme == MAILTO else "", self._from.base_url
        if len(happened) > 1:
            message = digest_of(delivery.key, happened, url, to=address, full=len(happened) >= KEPT)
        else:
            details = self._details(happened[0])
            if details is None:
                return None
            message = message_of(delivery.key, happened[0], details, url, to=address)
        return Outgoing(_encode(message), self._from.answer)

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
        task = next((each for each in version.spec.tasks if each.task_id == task_id), None)
        facts = try_facts(run, version.spec, task, task_id, map_index, happened.try_number)
        key = TaskKey(run.run, task_id, map_index)
        log = self._log_of(happened, key) if task_id else None
        link = link_of(happened, self._from.base_url, log.of if log else "")
        job = CallbackJob(happened.callback, code, facts, happened.event.value, happened.reason, link)
        return Outgoing(_encode(job), self._from.answer_task(key))

    def _details(self, happened: Occurrence) -> Details | None:
        if not happened.run:
            return Details()
        if happened.task_id:
            return self._with_log(happened, TaskKey(happened.run, happened.task_id, happened.map_index))
        run = self._store.runs.get(happened.run)
        began_at = run.started_at if run is not None else None
        failed = self._failed(happened.run) if happened.event in _OF_FAILURES else []
        if not failed:
            return Details(began_at=began_at)
        shown = [(str(each.key), each.reason) for each in failed]
        return self._with_log(happened, failed[0].key, shown, began_at)

    def _failed(self, run: int) -> list[TaskInstance]:
        found = [each for each in self._store.runs.tasks(run) if each.state is TaskState.FAILED]
        return sorted(found, key=lambda each: (each.ended_at is None, each.ended_at or 0, each.key))

    def _with_log(
        self,
        happened: Occurrence,
        key: TaskKey,
        failed: Sequence[tuple[str, str]] = (),
        began_at: datetime | None = None,
    ) -> Details | None:
        log = self._log_of(happened, key)
        if log is None:
            return Details(failed, began_at=began_at)
        tail = self._from.tail(log.path)
        if tail is None:
            return None
        return Details(failed, tail.text, log.of, tail.problem, began_at or log.began_at)

    def _log_of(self, happened: Occurrence, key: TaskKey) -> _TryLog | None:
        """The log of the try that is meant; None if there is no try."""
        tries = [each.attempt for each in self._store.runs.tries(key.run, key.task_id)]
        meant = [
            each for each in tries if each.map_index == key.map_index and happened.try_number in (0, each.try_number)
        ]
        if not meant:
            return None
        last = max(meant, key=lambda each: each.epoch)
        path = log_path(self._from.logs, happened.dag_id, happened.run_id, key, last.epoch)
        index = f" --index {key.map_index}" if key.map_index >= 0 else ""
        return _TryLog(path, f"{happened.dag_id} {happened.run_id} {key.task_id}{index}", last.started_at)
