"""Pods as they are now: listed once, watched from there, listed anew whenever a watch breaks off or its history is gone.

The pattern is that of "Efficient detection of changes" (kubernetes.io): list, then watch from the list's version with bookmarks; 410
means a new list. A stream that says nothing at all, bookmarks included, is taken for cut.
"""

import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from penstock.errors import PenstockError, ProviderError
from penstock_kubernetes.errors import odd_answer, of_event
from penstock_kubernetes.hooks.api_objects import api_object, object_of
from penstock_kubernetes.hooks.kubernetes import KubernetesHook

Object = dict[str, Any]
Key = tuple[str, str]
"""Namespace and name of a pod."""

_WATCH_S = 240
_SILENT_S = 90.0
_PAUSE_S, _LONGEST_PAUSE_S = 0.2, 15.0
_LONGEST_PAUSE_BETWEEN_LISTS_S = 3.0
"""Where lists work and watches do not, lists alone are what is known of pods."""
_LISTS_FAIL, _WATCHES_FAIL = 1, 5
"""After how many faults in a row there is a problem."""
_STEADY_S = 1.0
LONGEST_LINE = 16 * 1024 * 1024
"""Bytes of an event; etcd keeps no object of a tenth of it."""
LONGEST_S = 300.0
"""Seconds at most until the API server is asked again, whatever it asks for."""
_CHANGES = frozenset({"ADDED", "MODIFIED", "DELETED"})


class _Faults:
    """How often in a row a namespace's pods could not be followed, and the pause after that."""

    def __init__(self) -> None:
        self.number, self.listing = 0, False
        self.error: PenstockError | None = None

    def count(self, error: PenstockError | None, *, listing: bool = False) -> None:
        """Once more; None for a watch that ended too soon, without a word."""
        self.number, self.error, self.listing = self.number + 1, error, listing

    def clear(self) -> None:
        """It works."""
        self.number, self.error, self.listing = 0, None, False

    @property
    def problem(self) -> PenstockError | None:
        """What has lasted; what passes is no news."""
        return self.error if self.number > (_LISTS_FAIL if self.listing else _WATCHES_FAIL) else None

    def pause_s(self, longest_s: float) -> float:
        """Seconds until the next request; 0 while it works."""
        return min(longest_s, _PAUSE_S * 2.0 ** min(self.number - 1, 30)) if self.number else 0.0


class Pace(NamedTuple):
    """How long a watch lasts.

    Attributes:
        watch_s: Seconds after which the server ends a watch, and it is begun anew.
        silent_s: Seconds of silence after which a watch is taken for cut.
    """

    watch_s: int = _WATCH_S
    silent_s: float = _SILENT_S


class WatchedPods:
    """The pods of namespaces that a label selector means, kept up to date by a thread for each.

    Args:
        hook: The client.
        namespaces: Where.
        labels: The selector.
        changed: Called with each pod that came or changed, from those threads.
        gone: Called with each pod that is gone, as it was last.
        pace: How long watches last.
    """

    def __init__(
        self,
        hook: KubernetesHook,
        namespaces: Sequence[str],
        labels: str,
        changed: Callable[[Object], None],
        gone: Callable[[Object], None],
        pace: Pace | None = None,
    ) -> None:
        self._hook, self._namespaces, self._labels, self._pace = hook, tuple(namespaces), labels, pace or Pace()
        self._changed, self._gone = changed, gone
        self._pods: dict[str, dict[str, Object]] = {name: {} for name in namespaces}
        self._listed = {name: threading.Event() for name in namespaces}
        self._faults = {name: _Faults() for name in namespaces}
        self._unread: dict[Key, PenstockError] = {}
        self._last_answer = time.monotonic()
        self._over = threading.Event()
        self._lock = threading.Lock()

    def start(self) -> None:
        """Begin."""
        for name in self._namespaces:
            threading.Thread(target=self._follow, args=(name,), name=f"pods of {name}", daemon=True).start()

    def stop(self) -> None:
        """Let the threads end; one that waits for the server ends with its stream."""
        self._over.set()

    def known(self, timeout_s: float = 0.0) -> dict[Key, Object] | None:
        """The pods by namespace and name; None as long as one namespace was not listed.

        Args:
            timeout_s: How long to wait for that.
        """
        end = time.monotonic() + timeout_s
        if not all(each.wait(max(0.0, end - time.monotonic())) for each in self._listed.values()):
            return None
        with self._lock:
            return {(space, name): pod for space, pods in self._pods.items() for name, pod in pods.items()}

    @property
    def silent_s(self) -> float:
        """Seconds since the API server was heard last."""
        return time.monotonic() - self._last_answer

    @property
    def problem(self) -> PenstockError | None:
        """What keeps it from knowing, or a pod that it cannot read; None while nothing does."""
        found = (*(each.problem for each in self._faults.values()), *list(self._unread.values()))
        return next((error for error in found if error is not None), None)

    @property
    def list_problem(self) -> PenstockError | None:
        """Why the pods of a namespace are not even listed any more; None while they are."""
        return next((each.problem for each in self._faults.values() if each.listing and each.problem), None)

    def _follow(self, namespace: str) -> None:
        faults = self._faults[namespace]
        while not self._over.is_set():
            longest_s, asked_s, listing = _LONGEST_PAUSE_S, None, True
            try:
                version = self._list(namespace)
                longest_s, listing = _LONGEST_PAUSE_BETWEEN_LISTS_S, False
                while not self._over.is_set():
                    version = self._watch(namespace, version)
                    self._over.wait(faults.pause_s(longest_s))
            except Exception as error:  # noqa: BLE001 - whatever it is, the pods are to be known
                found = (
                    error
                    if isinstance(error, PenstockError)
                    else odd_answer(repr(error), operation="watch pods", what=namespace)
                )
                faults.count(found, listing=listing)
                asked_s = found.retry_after_s if isinstance(found, ProviderError) else None
            self._over.wait(faults.pause_s(longest_s) if asked_s is None else min(asked_s, LONGEST_S))

    def _list(self, namespace: str) -> str:
        found, version = self._hook.listed("pods", namespace, labels=self._labels)
        self._last_answer = time.monotonic()
        now = {each["metadata"]["name"]: each for each in found}
        with self._lock:
            before, self._pods[namespace] = self._pods[namespace], now
        for name, pod in before.items():
            if name not in now or now[name]["metadata"]["uid"] != pod["metadata"]["uid"]:
                self._call(self._gone, pod)
        for name, pod in now.items():
            known = before.get(name, {}).get("metadata", {}).get("resourceVersion")
            if known is None or known != pod["metadata"].get("resourceVersion"):
                self._call(self._changed, pod)
        self._listed[namespace].set()
        return version

    def _call(self, call: Callable[[Object], None], pod: Object) -> None:
        """Tell of a pod; one that nobody can read must not keep the others from being known."""
        metadata = pod["metadata"]
        key = (str(metadata.get("namespace", "")), str(metadata["name"]))
        try:
            call(pod)
        except Exception as error:  # noqa: BLE001 - fields of a pod may be of any form
            self._unread[key] = odd_answer(
                f"its status cannot be read: {error!r}", operation="watch pods", what="/".join(key)
            )
        else:
            self._unread.pop(key, None)

    def _watch(self, namespace: str, version: str) -> str:
        """Follow the events from a version on; returns the last one once the server ends the stream."""
        query: dict[str, str | int] = {
            "labelSelector": self._labels, "resourceVersion": version, "allowWatchBookmarks": "true",
            "timeoutSeconds": self._pace.watch_s,
        }  # fmt: skip
        faults, begun = self._faults[namespace], time.monotonic()
        answer = self._hook.watch("pods", namespace, query, self._pace.silent_s)
        left = b""
        try:
            with self._hook.errors("watch pods", namespace):
                for piece in answer.stream.stream(65536):
                    self._last_answer = time.monotonic()
                    *lines, left = (left + piece).split(b"\n")
                    if len(left) > LONGEST_LINE:
                        raise odd_answer(
                            f"a line of more than {LONGEST_LINE} bytes", operation="watch pods", what=namespace
                        )
                    for line in filter(None, map(bytes.strip, lines)):
                        version = self._take(namespace, line) or version
                        faults.clear()
                    if self._over.is_set():
                        break
        finally:
            answer.stream.close()
        self._last_answer = time.monotonic()
        if self._last_answer - begun > _STEADY_S:
            faults.clear()
        else:
            faults.count(None)
        return version

    def _take(self, namespace: str, line: bytes) -> str:
        """Take an event; returns the version after it, "" if it has none."""
        event = object_of(line, operation="watch pods", what=namespace)
        kind = event.get("type")
        if kind == "ERROR":
            raise of_event(event.get("object"), what=namespace, conn_id=self._hook.conn_id)
        if kind == "BOOKMARK":
            metadata = event.get("object", {}).get("metadata", {})
            return str(metadata.get("resourceVersion", ""))
        if kind not in _CHANGES:
            return ""  # of a later version of the API
        found = api_object(event.get("object"), operation="watch pods", what=namespace)
        metadata = found["metadata"]
        with self._lock:
            if kind == "DELETED":
                self._pods[namespace].pop(metadata["name"], None)
            else:
                self._pods[namespace][metadata["name"]] = found
        self._call(self._gone if kind == "DELETED" else self._changed, found)
        return str(metadata.get("resourceVersion", ""))
