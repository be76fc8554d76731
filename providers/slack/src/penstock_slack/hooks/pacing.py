"""How fast messages go into one channel: a token bucket a channel, shared by all hooks of a process.

Slack takes about one message a second in a channel, and short bursts of more (docs.slack.dev, "Rate limits", Posting
messages). Processes do not see each other's buckets: what is too fast together is answered with 429, and waits as long
as that says.
"""

import math
import os
import threading
import time
from collections.abc import Callable, Hashable

RATE_PER_S = 1.0
BURST = 4.0
_MOST = 1024  # channels that are remembered; one that is forgotten begins with a full bucket


class ChannelPacing:
    """The buckets of one process.

    Args:
        sleep: Waits seconds.
        monotonic: Tells seconds that never go back.
    """

    def __init__(
        self, sleep: Callable[[float], None] = time.sleep, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._sleep, self._monotonic = sleep, monotonic
        self._lock = threading.Lock()
        self._free_at: dict[Hashable, float] = {}

    def wait(self, channel: Hashable) -> None:
        """Take a place for one message, and wait until it is there."""
        with self._lock:
            now = self._monotonic()
            free_at = max(self._free_at.pop(channel, -math.inf), now - BURST / RATE_PER_S) + 1.0 / RATE_PER_S
            if len(self._free_at) >= _MOST:
                self._free_at.pop(next(iter(self._free_at)))
            self._free_at[channel] = free_at
        if free_at > now:
            self._sleep(free_at - now)

    def forget_parents(self) -> None:
        """Begin anew in a forked child: a lock of the parent may be held for ever."""
        self._lock, self._free_at = threading.Lock(), {}


pacing = ChannelPacing()
os.register_at_fork(after_in_child=pacing.forget_parents)
