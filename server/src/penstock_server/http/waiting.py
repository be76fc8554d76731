"""Which connections ask nothing now: where there are too many, room is made by them."""

import resource
from typing import Protocol

_MOST_CONNECTIONS = 4_000
_OTHER_DESCRIPTORS = 256
"""Descriptors that are left to files, databases and pipes."""


def most_connections() -> int:
    """How many connections may be open at once: a number, or what the process may open; more than it might else is asked for."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _MOST_CONNECTIONS + _OTHER_DESCRIPTORS
    if soft != resource.RLIM_INFINITY and soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return _MOST_CONNECTIONS if soft == resource.RLIM_INFINITY else max(1, min(wanted, soft) - _OTHER_DESCRIPTORS)


class Closable(Protocol):
    """A connection that can be closed at once; as `penstock_server.http.connection.Connection`."""

    def abort(self) -> None:
        """Close it."""


class Waiting:
    """The connections that are open and ask nothing now, the oldest first.

    Attributes:
        most: How many connections may be open, those that ask among them.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self._connections: dict[Closable, None] = {}

    def add(self, connection: Closable) -> None:
        """Add one, as the newest."""
        self.remove(connection)
        self._connections[connection] = None

    def remove(self, connection: Closable) -> None:
        """Remove one, if it is there."""
        self._connections.pop(connection, None)

    def close_oldest(self) -> bool:
        """Close the one that has waited longest; whether there was one."""
        oldest = next(iter(self._connections), None)
        if oldest is None:
            return False
        self.remove(oldest)
        oldest.abort()
        return True
