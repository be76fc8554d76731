"""How long a message waits for what comes right after it, so that many short tries are a few messages."""

APART_S = 0.03
"""Seconds from a message of several tries to the next one. What came alone is followed at once: nobody waits for a chain's next step."""


class MessagePace:
    """Keeps messages of a kind apart while each is about several tries; for one thread."""

    def __init__(self) -> None:
        self._next_s = 0.0

    def wait_s(self, now_s: float) -> float:
        """Seconds for which the next message is to wait for more."""
        return max(0.0, self._next_s - now_s)

    def sent(self, tries: int, now_s: float) -> None:
        """Note that a message about so many tries goes out."""
        self._next_s = now_s + APART_S if tries > 1 else now_s
