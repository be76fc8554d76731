"""Why a task instance is in its state: what is so, why, and what comes next.

Why a ready one waits is asked of an engine that is given what the store holds.

The reason that is stored with a task is that of the moment when it became ready. Since then another limit may have come to
hold it, and writing that for each task that waits would cost a commit as large as the queue.
"""

import shlex
from collections.abc import Sequence
from datetime import datetime, timedelta

from penstock.engine.limits.resources import NO_SLOTS
from penstock.engine.waits import Wait
from penstock.engine.why import why_paused, why_run_waits
from penstock.errors import as_sentence
from penstock.model.dag import DagSpec, TaskSpec
from penstock.model.now import Now
from penstock.model.run import Run, TaskInstance, TaskKey, Try
from penstock.model.state import RunState, TaskState
from penstock.model.text import utc_text
from penstock.service.choices.executors import capacity_of
from penstock.service.installation import Installation
from penstock.service.reasons.pool_workers import why_not_begun
from penstock.service.schedulers.withheld import withheld
from penstock.settings import Settings
from penstock.spec.executor import LOCAL
from penstock.store import RunSnapshot

_LEASE_S = 3e9  # nothing gets lost by asking


class Explainer:
    """The engine's answers for what a store holds at one moment; nothing is changed.

    Args:
        installation: Its database is read, and not written.
    """

    def __init__(self, installation: Installation) -> None:
        from penstock.engine.engine import Engine  # noqa: PLC0415 - few commands ask one
        from penstock.engine.messages import Step  # noqa: PLC0415 - as above
        from penstock.scheduler.inbox import Inbox  # noqa: PLC0415 - as above

        store, settings = installation.store, installation.settings
        self._engine = Engine(
            lease_s=_LEASE_S, routes=settings.queues, queue_limits=settings.queue_limits, tenants=settings.tenants
        )
        inbox = Inbox(store, self._engine.holds)
        events = withheld(installation, {**_capacities(settings), self._engine.sensor_executor: None})
        events += [arrival.event for arrival in inbox.stored() if arrival.event is not None]
        step = self._engine.step(events, Now(installation.now(), 0.0))
        while (wanted := self._engine.past_wanted) and (
            found := [each.event for each in inbox.past_runs(wanted) if each.event]
        ):
            then = self._engine.step(found, Now(installation.now(), 0.0))
            step.changes.runs += then.changes.runs
            going = (*step.dispatches, *then.dispatches)
            step = Step(step.changes, going, (), then.wait_s)
        visible = installation.seen_dags()
        self._seen = (lambda _: True) if visible is None else frozenset(visible).__contains__
        self._aside = {each.dag_id: each for each in store.quarantine.all() if each.dag_id}
        self._started = {run.run for run in step.changes.runs if run.state is RunState.RUNNING}
        self._going = {dispatch.instance.key for dispatch in step.dispatches}

    def why(self, key: TaskKey, dag_id: str) -> str:
        """Why a live task instance of a DAG is where it is, as a sentence."""
        if (aside := self._aside.get(dag_id)) is not None:
            return f"{aside.subject} is in quarantine: {aside.reason} (see `penstock quarantine list`)"
        if key.run in self._started:  # here it could, so that nothing but the scheduler is missing
            return f"its run has not started: {why_run_waits('', paused=False, active=0, limit=0)}"
        if key in self._going:
            return "nothing holds it back: it goes out as soon as the scheduler gets to it; is `penstock up` running?"
        return self._engine.why(key, self._seen)

    def wait(self, key: TaskKey) -> Wait | None:
        """The limit that a ready instance waits for; None if none holds it back, or if waiting does not help."""
        return self._engine.wait(key, self._seen)


def _capacities(settings: Settings) -> dict[str, int | None]:
    """Tries that each executor holds at once, by name; None where only the executor itself knows."""
    return {name: capacity_of(settings, name, each) for name, each in settings.executors.items()}


class Reasons:
    """Explains the instances of one task of a run; what several of them need is read once.

    Args:
        installation: Its database is read.
        run: The run.
        spec: The version that the run has; None if it is gone.
        task_id: The task.
        tries: Tries of the task that have not ended.
    """

    def __init__(
        self, installation: Installation, run: Run, spec: DagSpec | None, task_id: str, tries: Sequence[Try]
    ) -> None:
        self._installation, self._run, self._task_id = installation, run, task_id
        self._task = next((task for task in spec.tasks if task.task_id == task_id), None) if spec else None
        self._tries = {attempt.map_index: attempt for attempt in tries}
        self._explainer: Explainer | None = None
        self._running: dict[str, int] | None = None

    def of(self, instance: TaskInstance) -> str:
        """Why an instance is in its state."""
        if instance.state.finished:
            return self._ended(instance)
        if instance.state is TaskState.UP_FOR_RETRY:
            return self._retried(instance)
        if instance.state in (TaskState.QUEUED, TaskState.RUNNING, TaskState.DEFERRED):
            return self._live(instance)
        reason = self._engine_of_store().why(instance.key, self._run.dag_id)
        if instance.state is not TaskState.SCHEDULED:
            return self._then(reason + self._paused())
        found = self._closed()
        if found and reason.endswith(NO_SLOTS):
            return self._then(f"{reason.removesuffix(NO_SLOTS)}takes no try now: {found}")
        return self._then(f"{reason}; {found}" if found else reason)

    def _closed(self) -> str:
        """Why the executor of a task that is ready takes nothing now, as the rest of a sentence; "" if it does, or if that is not known."""
        settings = self._installation.settings
        name = settings.queues.get(self._task.queue, LOCAL) if self._task else LOCAL
        choice = settings.executors.get(name)
        if self._task is None or choice is None or not choice.provided or capacity_of(settings, name, choice) != 0:
            return ""
        return why_not_begun(self._installation, name, self._task.queue)

    def wait_of(self, instance: TaskInstance) -> Wait | None:
        """The limit that a ready instance waits for; None if it waits for none."""
        return self._engine_of_store().wait(instance.key) if instance.state is TaskState.SCHEDULED else None

    def _engine_of_store(self) -> Explainer:
        if self._explainer is None:
            self._explainer = Explainer(self._installation)
        return self._explainer

    def _ended(self, instance: TaskInstance) -> str:
        reason = instance.reason or ("it did its work" if instance.state is TaskState.SUCCESS else "nobody said why")
        if instance.state is not TaskState.FAILED:
            return reason
        reason = as_sentence(reason)
        again = shlex.join(["penstock", "tasks", "clear", self._run.dag_id, self._task_id, "--run", self._run.run_id])
        row = self._installation.store.dags.state(self._run.dag_id)
        if row is not None and row.version != self._run.version:
            return f"{reason} The DAGs folder has changed since; to run what it holds now: {again}"
        return f"{reason} To run it again: {again}"

    def _retried(self, instance: TaskInstance) -> str:
        found = instance.reason
        if instance.due_at is not None:
            found += f"; its next try is due at {utc_text(instance.due_at)}"
        return self._then(found + self._paused())

    def _live(self, instance: TaskInstance) -> str:
        attempt = self._tries.get(instance.map_index)
        if instance.state is TaskState.QUEUED:
            return self._then(self._queued(instance, attempt))
        since = instance.started_at or (attempt.started_at if attempt else None)
        begun = f" since {utc_text(since)}" if since else ""
        if instance.state is TaskState.DEFERRED:
            return self._then(f"it waits for its condition{begun}{_pokes(self._task, since)}", _FOUND)
        process = f", in process {attempt.pid}" if attempt and attempt.pid else ""
        place = f" at executor {attempt.executor!r}" if attempt and attempt.executor != LOCAL else ""
        place += f", by worker {attempt.worker!r}" if place and attempt and attempt.worker else ""
        return self._then(f"its try {instance.try_number} runs{begun}{process}{place}", _FOUND)

    def _queued(self, instance: TaskInstance, attempt: Try | None) -> str:
        executor = attempt.executor if attempt else LOCAL
        since = f" at {utc_text(instance.queued_at)}" if instance.queued_at else ""
        handed = f"it was handed to executor {executor!r}{since}"
        choice = self._installation.settings.executors.get(executor)
        if choice is None or choice.provided:
            note = self._installation.store.remote_tries.noted(instance.key, attempt.epoch) if attempt else ""
            if not note and choice is not None and self._task is not None:
                note = why_not_begun(self._installation, executor, self._task.queue)
            return f"{handed}, which has not started it yet" + (f": {note}" if note else "")
        if self._running is None:
            live = [found for found in self._installation.store.runs.live() if isinstance(found, RunSnapshot)]
            begun = [each.executor for found in live for each in found.tries if each.started_at is not None]
            self._running = {name: begun.count(name) for name in set(begun)}
        limit, running = self._installation.settings.executor.parallelism, self._running.get(executor, 0)
        limit = choice.options.get("parallelism") or limit
        if running >= limit:
            setting = "[executor] parallelism" if executor == LOCAL else f"parallelism in [executors.{executor}]"
            return f"{handed} and waits for a place: {running} of {limit} tries run there ({setting})"
        return f"{handed}, which is about to start it"

    def _paused(self) -> str:
        """What is to be added if the DAG is paused."""
        row = self._installation.store.dags.state(self._run.dag_id)
        return f"; and {why_paused(self._run.dag_id)}" if row is not None and row.paused else ""

    def _then(self, reason: str, what_then: str = "nothing happens until `penstock up` is") -> str:
        """A reason, and what is to be added if no scheduler runs."""
        if self._installation.scheduler_runs or reason.endswith("?"):  # which asks for it already
            return reason
        return f"{as_sentence(reason)} No scheduler is running: {what_then}"


_FOUND = "what became of it is found out when `penstock up` is"


def _pokes(task: TaskSpec | None, since: datetime | None) -> str:
    if task is None or task.sensor is None:
        return ""
    found = f", poked every {task.sensor.poke_interval_s:g} s"
    if since is not None:
        try:
            found += f" until {utc_text(since + timedelta(seconds=task.sensor.timeout_s))} at most"
        except OverflowError:
            found += ", without an end"
    return found
