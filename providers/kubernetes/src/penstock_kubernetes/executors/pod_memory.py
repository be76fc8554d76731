"""What was seen of pods by our own clock, as those of machines may be years off, and a phase may go backwards."""

import threading
import time
from collections.abc import Collection, Mapping
from typing import Any

from penstock_kubernetes.hooks.pod_state import RUNNING, PodStart

Object = Mapping[str, Any]


class PodMemory:
    """Which pods have begun, and when each was seen to have ended; by uid, from any thread."""

    def __init__(self) -> None:
        self._begun: set[str] = set()
        self._ended: dict[str, float] = {}
        self._lock = threading.Lock()

    def has_begun(self, pod: Object, start: PodStart) -> bool:
        """Whether a pod runs, or was seen to: it is not to be given up as one that never started."""
        uid = pod["metadata"]["uid"]
        with self._lock:
            if start.phase == RUNNING:
                self._begun.add(uid)
            return uid in self._begun

    def ended_s(self, uid: str) -> float:
        """Seconds since a pod was seen to have ended; 0 the first time."""
        with self._lock:
            return time.monotonic() - self._ended.setdefault(uid, time.monotonic())

    def keep(self, uids: Collection[str]) -> None:
        """Forget all other pods."""
        with self._lock:
            self._begun &= set(uids)
            self._ended = {uid: at for uid, at in self._ended.items() if uid in uids}
