"""Pods as they are now: listed once, watched from there, listed anew whenever a watch breaks off or its history is gone.

The pattern is that of "Efficient detection of changes" (kubernetes.io): list, then watch from the list's version with bookmarks; 410
means a new list. A stream that says nothing at all, bookmarks included, is taken for cut.
"""

import json
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from penstock.errors import PenstockError, ProviderError
from penstock_kubernetes.errors import EXPIRED, of_event
from penstock_kubernetes.hooks.kubernetes import KubernetesHook

Object = dict[str, Any]
Key = tuple[str, str]
"""Namespace and name of a pod."""

_WATCH_S = 240
_SILENT_S = 90.0
_PAUSE_S, _LONGEST_PAUSE_S = 0.2, 15.0


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

    Attributes:
        problem: What keeps it from knowing, as a sentence; "" while nothing does.
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
        self.problem = ""
        self._hook, self._namespaces, self._labels, self._pace = hook, tuple(namespaces), labels, pace or Pace()
        self._changed, self._gone = changed, gone
        self._pods: dict[str, dict[str, Object]] = {name: {} for name in namespaces}
        self._listed = {name: threading.Event() for name in namespaces}
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

    def _follow(self, namespace: str) -> None:
        pause = _PAUSE_S
        while not self._over.is_set():
            try:
                version = self._list(namespace)
                self.problem, pause = "", _PAUSE_S
                while not self._over.is_set():
                    version = self._watch(namespace, version)
            except PenstockError as error:
                if isinstance(error, ProviderError) and error.code == EXPIRED:
                    continue
                self.problem = str(error)
                asked_s = error.retry_after_s if isinstance(error, ProviderError) else None
                self._over.wait(pause if asked_s is None else asked_s)
                pause = min(2 * pause, _LONGEST_PAUSE_S)

    def _list(self, namespace: str) -> str:
        found, version = self._hook.listed("pods", namespace, labels=self._labels)
        self._last_answer = time.monotonic()
        now = {each["metadata"]["name"]: each for each in found}
        with self._lock:
            before, self._pods[namespace] = self._pods[namespace], now
        for name, pod in before.items():
            if name not in now or now[name]["metadata"]["uid"] != pod["metadata"]["uid"]:
                self._gone(pod)
        for name, pod in now.items():
            if before.get(name, {}).get("metadata", {}).get("resourceVersion") != pod["metadata"]["resourceVersion"]:
                self._changed(pod)
        self._listed[namespace].set()
        return version

    def _watch(self, namespace: str, version: str) -> str:
        """Follow the events from a version on; returns the last one once the server ends the stream."""
        query: dict[str, str | int] = {
            "labelSelector": self._labels, "resourceVersion": version, "allowWatchBookmarks": "true",
            "timeoutSeconds": self._pace.watch_s,
        }  # fmt: skip
        answer = self._hook.watch("pods", namespace, query, self._pace.silent_s)
        left = b""
        try:
            with self._hook.errors("watch pods", namespace):
                for piece in answer.stream.stream(65536):
                    self._last_answer = time.monotonic()
                    *lines, left = (left + piece).split(b"\n")
                    for line in filter(None, lines):
                        version = self._take(namespace, json.loads(line))
                    if self._over.is_set():
                        break
        finally:
            answer.stream.close()
        self._last_answer = time.monotonic()
        return version

    def _take(self, namespace: str, event: Object) -> str:
        found = event["object"]
        if event["type"] == "ERROR":
            raise of_event(found, what=namespace, conn_id=self._hook.conn_id)
        metadata = found["metadata"]
        if event["type"] == "BOOKMARK":
            return str(metadata["resourceVersion"])
        with self._lock:
            if event["type"] == "DELETED":
                self._pods[namespace].pop(metadata["name"], None)
            else:
                self._pods[namespace][metadata["name"]] = found
        (self._gone if event["type"] == "DELETED" else self._changed)(found)
        return str(metadata["resourceVersion"])
