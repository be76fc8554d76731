"""The executor that starts a pod for each try, and tells what the cluster says of it.

What a pod does decides nothing: the worker in it claims the try, and tells the server how it ended. What is said here is why a try
waits, and that a pod is gone, which counts only if no end of its try is stored.
"""

import threading
from collections.abc import Mapping, Sequence
from typing import Any

from penstock.errors import PenstockError, ProviderError
from penstock.spec.remote import Refused, RemoteContext, RemoteExecutor, Ticket
from penstock_kubernetes.errors import odd_answer
from penstock_kubernetes.executors.pod_creation import PodCreation
from penstock_kubernetes.executors.pod_deletion import PodDeletion
from penstock_kubernetes.executors.pod_guard import PodGuard, pod_guard
from penstock_kubernetes.executors.pod_memory import PodMemory
from penstock_kubernetes.executors.pod_options import PodOptions, read_pod_options
from penstock_kubernetes.executors.rights_check import check_rights
from penstock_kubernetes.executors.worker_pod import WORKER, WorkerPods
from penstock_kubernetes.hooks import KubernetesHook, WatchedPods
from penstock_kubernetes.hooks.pod_state import (
    RUNNING,
    STARTING,
    PodStart,
    end_of,
    is_taken_back,
    late,
    seconds_since,
    start_of,
)
from penstock_kubernetes.hooks.watched import Pace

Object = dict[str, Any]

_LISTED_S = 5.0
_SLOTS = 100
_LEFT = "its worker has left, and nobody knows how the try ended"
_FOR_EVER_S = 1e12
_CLOSER_S = 10.0


class KubernetesExecutor(RemoteExecutor):
    """Starts a pod for each try, by the name of its ticket, which runs ``penstock worker --ticket``.

    Args:
        context: What the scheduler makes it with.

    Raises:
        penstock.errors.ConfigError: Its options are wrong.
    """

    connection_types = ("kubernetes",)

    def __init__(self, context: RemoteContext) -> None:
        super().__init__(context)
        self._options: PodOptions = read_pod_options(
            context.name, context.options, connected=context.connection is not None
        )
        self._hook = self._new_hook()
        self._pods: WorkerPods | None = None
        self._creation: PodCreation | None = None
        self._watched: WatchedPods | None = None
        self._deletion: PodDeletion | None = None
        self._last_notes: dict[str, str] = {}
        self._memory = PodMemory()
        self._lock = threading.Lock()

    def start(self) -> None:
        """Check the template and the account with the cluster, and begin to watch.

        Raises:
            penstock.errors.PenstockError: The template is none, the account may not what it has to, or the cluster cannot be reached.
        """
        options = self._options
        pods = WorkerPods(self.context, options, options.namespace or self._hook.namespace)
        pods.reread()
        check_rights(self._hook, pods)
        self._pods, self._deletion = pods, PodDeletion(self._hook, pods.namespaces)
        self._creation = PodCreation(self._new_hook, pods, self.context, options.creates)
        pace = Pace(options.watch_s, options.silent_s)
        self._watched = WatchedPods(self._new_hook(), pods.namespaces, pods.selector, self._changed, self._gone, pace)
        self._watched.start()
        self._watched.known(_LISTED_S)
        self._creation.start()

    def ring(self, tickets: Sequence[Ticket]) -> Sequence[Refused]:
        """Have a pod created for each ticket that has none."""
        assert self._pods is not None  # noqa: S101 - it was started
        assert self._creation is not None  # noqa: S101
        refused, running = [], self._running()
        for ticket in tickets:
            if ticket.name in running:
                continue  # of any other it is made sure that it has its Secret
            try:
                pod, namespace = self._pods.pod_of(ticket)
            except ProviderError as error:
                refused.append(Refused(ticket.name, str(error)))
            else:
                self._creation.add(ticket, pod, namespace)
        return refused

    def silence(self, tickets: Sequence[Ticket], reason: str) -> None:  # noqa: ARG002 - pods are told by SIGTERM alone
        """Delete the pods of tries that must not run."""
        self._remove(tickets)

    def release(self, tickets: Sequence[Ticket]) -> None:
        """Delete the pods of tries that have ended, unless they are kept for a while."""
        if self._options.keep_s:
            for ticket in tickets:
                self._forget(ticket.name)
        else:
            self._remove(tickets)

    def look(self, tickets: Sequence[Ticket]) -> None:
        """Give up pods that do not start, and remove those that nobody needs.

        A pod without a ticket of this scheduler may be another scheduler's. Whoever's it is, it is of no use once it has ended, or if
        it has not started long after its scheduler would have given it up; one that runs ends with its lease.
        """
        if self._watched is None:
            return
        pods, problem = self._watched.known(), self._watched.problem
        failed: list[PenstockError] = [problem] if problem is not None else []
        is_open = {ticket.name for ticket in tickets}
        for pod in (pods or {}).values():
            name = pod["metadata"]["name"]
            try:
                self._look_at(pod, name in is_open)
            except PenstockError as error:
                failed.append(error)
            except Exception as error:  # noqa: BLE001 - fields of a pod may be of any form
                failed.append(odd_answer(f"its status cannot be read: {error!r}", operation="list pods", what=name))
        try:
            if self._deletion is not None and pods is not None:
                self._deletion.look(pods)
        except PenstockError as error:
            failed.append(error)
        if pods is None or self._watched.list_problem is not None:
            self._note_problem(is_open, pods or {}, self._watched.list_problem or problem)
        self._memory.keep({pod["metadata"]["uid"] for pod in (pods or {}).values()})
        with self._lock:
            self._last_notes = {name: note for name, note in self._last_notes.items() if name in is_open}
        if failed:
            raise failed[0]

    def _look_at(self, pod: Object, is_open: bool) -> None:  # noqa: FBT001 - for the loop above alone
        """Give a pod up that does not start, and remove one that nobody needs."""
        metadata, options = pod["metadata"], self._options
        if metadata.get("deletionTimestamp") or self._deletion is None:
            return
        if end_of(pod, WORKER) is not None:
            if self._memory.ended_s(metadata["uid"]) >= options.keep_s:
                self._deletion.delete(pod)
            return
        start = start_of(pod)
        why = "" if self._memory.has_begun(pod, start) else self._late(pod, start, 1.0 if is_open else 2.0)
        if why:
            if is_open:
                self.context.gone(metadata["name"], f"its pod was given up: {why}", retryable=not start.hopeless)
            self._deletion.delete(pod)
        elif is_open:
            self._look_closer(pod, start)

    def _note_problem(
        self, is_open: set[str], pods: Mapping[tuple[str, str], Object], problem: PenstockError | None
    ) -> None:
        """Say why nobody knows how the pods of tickets are, but of those that ran when they were seen last."""
        running = {name for (_, name), pod in pods.items() if start_of(pod).phase == RUNNING}
        why = str(problem) if problem is not None else "the cluster has not listed its pods yet"
        for name in is_open - running:
            self._show(name, f"nobody knows how its pod is: {why}")

    def slots(self) -> int:
        """Pods at once."""
        return _SLOTS

    def stop(self) -> None:
        """Ask for nothing more; pods live on."""
        if self._creation is not None:
            self._creation.stop()
        if self._watched is not None:
            self._watched.stop()

    @classmethod
    def guard(cls, environ: Mapping[str, str]) -> PodGuard | None:
        """What says that a pool's pod is busy, where the pod's name is in its environment."""
        return pod_guard(environ)

    def _changed(self, pod: Object) -> None:
        """Tell of a pod that came or changed; called by the threads that watch."""
        name = pod["metadata"]["name"]
        end = end_of(pod, WORKER)
        if end is not None:
            self._memory.ended_s(pod["metadata"]["uid"])
            reason = f"its pod has ended: {end.reason}" if end.reason else _LEFT
            self.context.gone(name, reason, failed=end.exhausted)
            self._room()
            return
        taken = is_taken_back(pod)
        start = start_of(pod)
        self._memory.has_begun(pod, start)
        self._show(name, f"its pod ends: {taken}" if taken else _note(start))
        if start.hopeless:
            self.context.gone(name, f"its pod can never start: {start.reason}", retryable=False)

    def _show(self, name: str, note: str) -> None:
        with self._lock:
            if self._last_notes.get(name) == note:
                return
            self._last_notes[name] = note
        self.context.waiting(name, note)

    def _look_closer(self, pod: Object, start: PodStart) -> None:
        """Show how a pod is, with what the Events about it say if it has a machine, and does not start for a while."""
        metadata = pod["metadata"]
        if (
            start.phase != STARTING
            or start.reason
            or seconds_since(metadata["creationTimestamp"], self._hook.server_time) < _CLOSER_S
        ):
            taken = is_taken_back(pod)
            self._show(metadata["name"], f"its pod ends: {taken}" if taken else _note(start))
            return
        events = self._hook.events_of(metadata["name"], metadata["namespace"], uid=metadata["uid"])
        self._show(metadata["name"], _note(start_of(pod, events)))

    def _gone(self, pod: Object) -> None:
        """Tell of a pod that is gone; called by the threads that watch."""
        name, end = pod["metadata"]["name"], end_of(pod, WORKER)
        cause = (
            (end.reason if end is not None else "")
            or is_taken_back(pod)
            or "somebody has deleted it, or its machine is lost"
        )
        with self._lock:
            self._last_notes.pop(name, None)
        self.context.gone(name, f"its pod is gone: {cause}", failed=end is not None and end.exhausted)
        self._room()

    def _room(self) -> None:
        if self._creation is not None:
            self._creation.room()

    def _late(self, pod: Object, start: PodStart, times: float) -> str:
        options = self._options
        schedule_s = (options.schedule_timeout_s or _FOR_EVER_S) if times == 1.0 else options.start_timeout_s
        return late(pod, start, self._hook.server_time, schedule_s * times, options.start_timeout_s * times)

    def _remove(self, tickets: Sequence[Ticket]) -> None:
        for ticket in tickets:
            self._forget(ticket.name)
        pods = self._watched.known() if self._watched is not None else None
        if self._deletion is not None:
            self._deletion.remove([ticket.name for ticket in tickets], pods or {})

    def _forget(self, name: str) -> None:
        with self._lock:
            self._last_notes.pop(name, None)
        if self._creation is not None:
            self._creation.remove(name)

    def _running(self) -> set[str]:
        known = self._watched.known() if self._watched is not None else None
        return {name for (_, name), pod in (known or {}).items() if start_of(pod).phase == RUNNING}

    def _new_hook(self) -> KubernetesHook:
        return KubernetesHook(connection=self.context.connection or self._options.connection)


def _note(start: PodStart) -> str:
    """What a try waits for, by how far its pod is."""
    return "" if start.phase == RUNNING else f"its pod is {start.phase}{f': {start.reason}' if start.reason else ''}"
