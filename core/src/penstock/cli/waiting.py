"""How a command waits for what other processes do."""

import time
from collections.abc import Callable

_PAUSE_S = 0.05


def became(true: Callable[[], bool], within_s: float) -> bool:
    """Wait until something is true, for so many seconds at most; whether it became so."""
    until = time.monotonic() + within_s
    while not true():
        if time.monotonic() > until:
            return False
        time.sleep(_PAUSE_S)
    return True
