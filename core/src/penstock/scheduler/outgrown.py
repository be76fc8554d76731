"""Sees that the schema of the database is about to leave this code behind, or has: the scheduler then drains."""

from penstock.store import Store

LOOKS_S = 2.0
"""Seconds between two looks: so long an upgrade that cannot go on beside this code waits at most before it is heard of."""


class Outgrown:
    """Looks at the floor of the schema.

    Args:
        store: The store.
    """

    def __init__(self, store: Store) -> None:
        self._store, self._due_s = store, 0.0

    def found(self, now_s: float) -> str:
        """Why this code is to leave, as a sentence; "" while it may go on, and between two looks.

        Args:
            now_s: The monotonic instant.

        Raises:
            StoreError: The database cannot serve.
        """
        if now_s < self._due_s:
            return ""
        self._due_s = now_s + LOOKS_S
        problem = self._store.outgrown()
        return (
            f"{problem} This scheduler begins no try any more, and ends once those that run have ended."
            if problem
            else ""
        )
