"""Statements of the Data API that were asked for and are not known to have ended.

The service runs a statement on when whoever asked for it is killed. So the request's token is kept before it is sent, and the
statement's id after: a later try of the task goes on with that statement, and does not run it a second time.
"""

import hashlib
import uuid
from collections.abc import Sequence
from typing import Any

import penstock
from penstock.errors import RequestError


class InFlight:
    """A request by its statements: kept from try to try of the task that runs; outside of a task, for this process alone.

    Args:
        statements: What is asked for, without what differs from try to try.
        is_kept: Whether it must not be run twice; what only reads is not worth keeping.

    Attributes:
        token: The request's idempotency token.
        id: The service's name of it; "" as long as that is not known.
        was_known: Whether an earlier try got that name.
        is_kept: Whether a later try will find it.
    """

    def __init__(self, statements: Sequence[str], *, is_kept: bool) -> None:
        digest = hashlib.sha256("\0".join(statements).encode()).hexdigest()
        self._key = f"redshift-data-{digest[:32]}"
        self._checkpoints = _checkpoints() if is_kept else None
        found = self._checkpoints.get(self._key) if self._checkpoints is not None else None
        self.is_kept = self._checkpoints is not None
        self.token: str = (found or {}).get("token") or f"penstock-{uuid.uuid4().hex}"
        self.id: str = (found or {}).get("id", "")
        self.was_known = bool(self.id)

    def keep(self, statement_id: str = "") -> None:
        """It is about to be asked for, or the service gave it an id; durable on return."""
        self.id = statement_id
        if self._checkpoints is not None:
            self._checkpoints.set(self._key, {"token": self.token, "id": statement_id})

    def forget(self) -> None:
        """It has ended: what is asked for next is a new statement."""
        if self._checkpoints is not None:
            self._checkpoints.delete(self._key)


def _checkpoints() -> Any:  # noqa: ANN401 - of the context
    try:
        return penstock.get_current_context()["checkpoints"]
    except RequestError:
        return None
