"""What a secrets backend is: a place outside Penstock that connections and Variables come from.

A provider names the class of its backend in its manifest (``[[secrets_backends]]``), or a module of the project answers
``penstock_secrets_backends``; the settings choose it and say when it is asked (``[secrets]``). The class is called with the
options of ``[secrets.NAME]`` as keyword arguments and returns a `SecretsBackend`.

It runs in a process of its own, which is started when something is asked of it for the first time: one for the scheduler, which
asks for tasks, one for the loader, which asks for the import of DAG files, and one for each command that needs it. All calls
come from one thread, one at a time. Each has ``timeout_s`` of its table; after that the process is killed, and a new one is
started for the next question. The process may take ``memory_mb`` of ``[loader]``, and an answer 4 MiB; a larger one is a
failure. What is printed goes into ``logs/secrets/NAME.log``, without what the backend has answered.

A backend may ask for connections itself (``Connection.get``, and so may the hooks that it uses); it is given those of the
environment (``PENSTOCK_CONN_<ID>``) and no others, because all others may come from it.
"""

from collections.abc import Collection
from typing import Protocol

from penstock.model.connection import Connection

__all__ = ["Connection", "SecretsBackend"]


class SecretsBackend(Protocol):
    """Gives connections and Variables.

    Whatever a method raises fails what was asked: the task gets a sentence with the backend's name, and no other source is
    asked instead. It is not remembered, so the next question asks again. An answer, also None, is used again for ``cache_s``.
    """

    def connection(self, conn_id: str) -> Connection | str | None:
        """Find a connection.

        Args:
            conn_id: Its id, as the task wrote it.

        Returns:
            The connection under this very id, or its text, a URI or JSON as `penstock connections set` takes it; None if the
            backend has none of this id, so that the next source is asked.
        """

    def variable(self, key: str) -> str | None:
        """Find the text of a Variable; None if the backend has none of this key, so that the next source is asked."""

    def connection_ids(self) -> Collection[str] | None:
        """List the ids of all connections, for people; None if the backend cannot, or should not, list them."""

    def variable_keys(self) -> Collection[str] | None:
        """List the keys of all Variables, for people; None if the backend cannot, or should not, list them."""
