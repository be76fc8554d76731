"""A scheduler that has nothing to do waits: it does not turn again and again at one instant."""

MOST_IDLE = 20


class Progress:
    """Counts turns at one instant in which nothing came and nothing was decided."""

    def __init__(self) -> None:
        self._at_s, self._idle = 0.0, 0

    def happened(self) -> None:
        """Something came, or was decided."""
        self._idle = 0

    def turned(self, at_s: float) -> None:
        """A turn has ended at this instant; raises AssertionError if it was one too many."""
        self._idle = self._idle + 1 if at_s == self._at_s else 0
        self._at_s = at_s
        assert self._idle <= MOST_IDLE, f"the scheduler turned {MOST_IDLE} times at one instant, and nothing happened"
