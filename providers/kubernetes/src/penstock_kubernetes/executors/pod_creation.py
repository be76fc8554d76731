"""Pods are asked for by a few threads; what the cluster has no room for is asked for again, and says what it waits for."""

import heapq
import threading
import time
from collections.abc import Callable
from typing import Any

from penstock.errors import ErrorKind, PenstockError, ProviderError
from penstock.spec.remote import RemoteContext, Ticket
from penstock_kubernetes.errors import QUOTA, odd_answer
from penstock_kubernetes.executors.worker_pod import INSTALLATION, WorkerPods
from penstock_kubernetes.hooks import KubernetesHook

Object = dict[str, Any]

_QUOTA_S = 5.0
_PAUSES_S = (0.5, 1.0, 2.0, 5.0, 15.0)
LONGEST_S = 300.0
"""Seconds at most until a pod is asked for again, whatever the server asks for."""


class PodCreation:
    """Creates the pods of tickets, each once, however often it is asked for.

    Args:
        hook: Makes a client, for a thread of its own.
        pods: Makes the objects.
        context: Where it is said what a ticket waits for.
        threads: How many pods are asked for at once.
    """

    def __init__(
        self, hook: Callable[[], KubernetesHook], pods: WorkerPods, context: RemoteContext, threads: int
    ) -> None:
        self._make_hook, self._pods, self._context, self._threads = hook, pods, context, threads
        self._due: list[tuple[float, int, str]] = []
        self._wanted: dict[str, tuple[Ticket, Object, str]] = {}
        self._attempts: dict[str, int] = {}
        self._quota_waits: set[str] = set()
        self._changed = threading.Condition()
        self._number, self._over = 0, False

    def start(self) -> None:
        """Begin."""
        for number in range(self._threads):
            threading.Thread(target=self._work, name=f"creates pods {number}", daemon=True).start()

    def stop(self) -> None:
        """Ask for nothing more."""
        with self._changed:
            self._over = True
            self._changed.notify_all()

    def add(self, ticket: Ticket, pod: Object, namespace: str) -> None:
        """Have a pod created; nothing happens if that is under way."""
        with self._changed:
            if ticket.name not in self._wanted:
                self._wanted[ticket.name] = (ticket, pod, namespace)
                self._push(ticket.name, 0.0)

    def remove(self, name: str) -> None:
        """Do not ask for a pod any more."""
        with self._changed:
            self._wanted.pop(name, None)
            self._attempts.pop(name, None)
            self._quota_waits.discard(name)

    def room(self) -> None:
        """A pod has ended: what waits for a quota is asked for now."""
        with self._changed:
            names, self._quota_waits = self._quota_waits, set()
            for name in names & self._wanted.keys():
                self._push(name, 0.0)

    def _push(self, name: str, pause_s: float) -> None:
        self._number += 1
        heapq.heappush(self._due, (time.monotonic() + pause_s, self._number, name))
        self._changed.notify()

    def _work(self) -> None:
        hook = self._make_hook()
        while (taken := self._next()) is not None:
            ticket, pod, namespace = taken
            try:
                self._create(hook, ticket, pod, namespace)
            except PenstockError as error:
                self._failed(ticket, error)
            except Exception as error:  # noqa: BLE001 - a thread that ends would create no pod any more
                self._failed(ticket, odd_answer(repr(error), operation="create pods", what=ticket.name))
            else:
                self.remove(ticket.name)

    def _next(self) -> tuple[Ticket, Object, str] | None:
        with self._changed:
            while not self._over:
                now = time.monotonic()
                if self._due and self._due[0][0] <= now:
                    _, _, name = heapq.heappop(self._due)
                    if name in self._wanted:
                        return self._wanted[name]
                    continue
                self._changed.wait(self._due[0][0] - now if self._due else None)
        return None

    def _create(self, hook: KubernetesHook, ticket: Ticket, pod: Object, namespace: str) -> None:
        """Create the pod and its Secret; both may be there, from before a restart or an answer that was lost."""
        created = hook.create("pods", pod, namespace)
        made = created or hook.get("pods", ticket.name, namespace)
        if made is None:
            raise ProviderError(
                "its pod has just gone", service="kubernetes", operation="create pods", kind=ErrorKind.TRANSIENT
            )
        labels, wanted = made["metadata"].get("labels", {}), self._pods.labels
        if created and not wanted.items() <= labels.items():
            hook.delete("pods", ticket.name, namespace, uid=made["metadata"]["uid"])
            raise ProviderError(
                f"{namespace}/{ticket.name}: the pod that was made has not the labels {', '.join(wanted)} with which it was asked for",
                service="kubernetes", operation="create pods", kind=ErrorKind.INVALID,
                hint="Have the admission webhook that changes them leave them alone: pods are found by them",
            )  # fmt: skip
        if labels.get(INSTALLATION) != wanted[INSTALLATION]:
            raise ProviderError(
                f"{namespace}/{ticket.name}: another installation has a pod of this name", service="kubernetes",
                operation="create pods", kind=ErrorKind.INVALID,
            )  # fmt: skip
        if not made["metadata"].get("deletionTimestamp"):
            hook.create("secrets", self._pods.secret_of(ticket, made), namespace)

    def _failed(self, ticket: Ticket, error: PenstockError) -> None:
        kind = error.kind if isinstance(error, ProviderError) else ErrorKind.TRANSIENT
        if kind is ErrorKind.INVALID:
            self.remove(ticket.name)
            self._context.gone(ticket.name, f"its pod is refused: {error}", retryable=False)
            return
        quota = isinstance(error, ProviderError) and error.code == QUOTA
        asked_s = error.retry_after_s if isinstance(error, ProviderError) else None
        with self._changed:
            if ticket.name not in self._wanted:
                return
            attempts = self._attempts[ticket.name] = self._attempts.get(ticket.name, 0) + 1
            pause_s = _QUOTA_S if quota else _PAUSES_S[min(attempts, len(_PAUSES_S)) - 1]
            if quota:
                self._quota_waits.add(ticket.name)
            self._push(ticket.name, pause_s if asked_s is None else min(asked_s, LONGEST_S))
        why = "the quota of its namespace is used up" if quota else "the cluster does not take its pod yet"
        self._context.waiting(ticket.name, f"{why}: {error}")
