"""Who holds the scheduler's role, for messages and for people."""

import os
from datetime import datetime

import msgspec

from penstock.errors import StoreHeldError


class Holder(msgspec.Struct, frozen=True):
    """Who holds the role: what it calls itself, where it runs, and since when.

    Attributes:
        holder: What it calls itself, such as ``"penstock up"``.
        host: Name of its machine.
        place: The machine and folder in which its tries run.
        draining_since: Since when it begins no try any more, because it is about to end; None if it is not.
    """

    holder: str
    host: str
    pid: int
    since: datetime
    place: str = ""
    draining_since: datetime | None = None

    def refusal(self, name: str, remedy: str = "Stop that one first, or use another database.") -> StoreHeldError:
        """The error for whoever comes second."""
        return StoreHeldError(
            f"database {name}: {self.holder} already works on it (scheduler process {self.pid} on {self.host}, since "
            f"{self.since:%Y-%m-%d %H:%M:%S} UTC). {remedy}"
        )


def alive(pid: int) -> bool:
    """Whether a process of this machine lives."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
