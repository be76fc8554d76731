"""The runtime of stores that are opened outside of a task: by the log shipper, a command, or the deletion of what is old."""

import threading
from typing import ClassVar

from penstock.author.runtime import BaseRuntime
from penstock.model.connection import Connection
from penstock.processes.masking import Mask
from penstock.tries.vault import Vault


class StoreRuntime(BaseRuntime):
    """Finds connections, one at a time whatever threads ask, and refuses the rest.

    Args:
        vault: Where they are.

    Attributes:
        mask: Hides the secrets of what was asked for.
    """

    place: ClassVar[str] = "outside of a task"
    advice: ClassVar[str] = "an object store or a log store may ask for its connection alone"

    def __init__(self, vault: Vault) -> None:
        self._vault, self._one_at_a_time = vault, threading.Lock()
        self.mask = Mask()

    def connection(self, conn_id: str) -> Connection:
        """The connection that a task would get; raises NotFoundError."""
        with self._one_at_a_time:
            found = self._vault.connection(conn_id)
            self.mask.learn(found.secrets)
            return found.value
