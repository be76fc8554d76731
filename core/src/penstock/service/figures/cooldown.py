"""Workers that were wanted stay wanted for a while, so that a short lull lets none go."""

from collections import deque
from threading import Lock

import msgspec

from penstock.service.figures.queues import QueueFigures
from penstock.settings.sharing.queues import WorkerRule


class Cooldown:
    """What was wanted of each queue when somebody asked, for as long as its cool-down.

    It is kept in memory: what an autoscaler was told by a server that has ended since is not known.
    """

    def __init__(self) -> None:
        self._seen: dict[str, deque[tuple[float, int]]] = {}
        self._lock = Lock()

    def kept(self, queue: QueueFigures, now_s: float) -> QueueFigures:
        """A queue with the workers of the most that was wanted of it within its cool-down.

        Args:
            queue: The queue as it is now.
            now_s: Seconds of the monotonic clock.
        """
        with self._lock:
            seen = self._seen.setdefault(queue.name, deque())
            while seen and seen[0][0] <= now_s - queue.cooldown_s:
                seen.popleft()
            while seen and seen[-1][1] <= queue.wanted:  # what is older and no more never counts again
                seen.pop()
            seen.append((now_s, queue.wanted))
            wanted = seen[0][1]
        rule = WorkerRule(queue.tries_per_worker, queue.min_workers, queue.max_workers, queue.cooldown_s)
        return msgspec.structs.replace(queue, workers=rule.workers(wanted))
