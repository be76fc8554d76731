"""The sources of connections and Variables that are always there: the environment and the database."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

import msgspec

from penstock.errors import ConfigError, as_sentence
from penstock.model.connection import Connection
from penstock.model.names import error_reason
from penstock.store import Store

ENVIRONMENT, DATABASE = "environment", "database"


class VaultSource(Protocol):
    """One place that connections and Variables come from, such as a secrets backend.

    Every method may raise any exception: the vault reports it with the name of the source, and asks no other instead.
    """

    @property
    def name(self) -> str:
        """The source for messages and lists, such as ``database``."""

    @property
    def remote(self) -> bool:
        """Whether each question goes elsewhere and may take its time; people who list are shown the names alone."""

    def connection(self, conn_id: str) -> Connection | None:
        """The connection of this id with its secrets, or None."""

    def connection_ids(self) -> Collection[str] | None:
        """Ids of all connections; None if the source cannot list them."""

    def variable(self, key: str) -> str | None:
        """The text of the Variable of this key, or None."""

    def variables(self, keys: Collection[str]) -> Mapping[str, str]:
        """The text of each of these Variables that the source has."""

    def variable_keys(self) -> Collection[str] | None:
        """Keys of all Variables; None if the source cannot list them."""


class EnvironmentSource:
    """What ``PENSTOCK_CONN_<ID>`` and ``PENSTOCK_VAR_<KEY>`` set; ids and keys are found in any case.

    Args:
        connections: By lower-case id.
        variables: By lower-case key.
    """

    name, remote = ENVIRONMENT, False

    def __init__(self, connections: Mapping[str, Connection], variables: Mapping[str, str]) -> None:
        self._connections, self._variables = connections, variables

    def connection(self, conn_id: str) -> Connection | None:
        """The connection, under the id as it was asked for, or None."""
        found = self._connections.get(conn_id.lower())
        return None if found is None else msgspec.structs.replace(found, conn_id=conn_id)

    def connection_ids(self) -> Collection[str]:
        """Lower-case ids of all connections."""
        return self._connections.keys()

    def variable(self, key: str) -> str | None:
        """The text of a Variable, or None."""
        return self._variables.get(key.lower())

    def variables(self, keys: Collection[str]) -> Mapping[str, str]:
        """The text of each of these Variables that is set."""
        return {key: self._variables[key.lower()] for key in keys if key.lower() in self._variables}

    def variable_keys(self) -> Collection[str]:
        """Lower-case keys of all Variables."""
        return self._variables.keys()


class StoreSource:
    """What is stored in the database, encrypted.

    Args:
        store: The open store.
    """

    name, remote = DATABASE, False

    def __init__(self, store: Store) -> None:
        self._store = store

    def connection(self, conn_id: str) -> Connection | None:
        """The connection, or None; raises StoreError, or ConfigError if no key opens it."""
        return self._store.config.connection(conn_id)

    def connection_ids(self) -> Collection[str]:
        """Ids of all connections; raises StoreError."""
        return self._store.config.connection_ids()

    def variable(self, key: str) -> str | None:
        """The text of a Variable, or None; raises StoreError, or ConfigError if no key opens it."""
        return self.variables((key,)).get(key)

    def variables(self, keys: Collection[str]) -> Mapping[str, str]:
        """The text of each of these Variables; raises StoreError, or ConfigError if no key opens one."""
        return {key: value for key, value in self._store.config.variable_values(keys).items() if value is not None}

    def variable_keys(self) -> Collection[str]:
        """Keys of all Variables; raises StoreError."""
        return self._store.config.variable_keys()

    def set_variable(self, key: str, value: str | None, now: datetime) -> None:
        """Store a Variable; delete it, if there is one, for None. Raises StoreError."""
        if value is not None:
            self._store.config.put_variable(key, value, now)
        elif self._store.config.variable(key) is not None:
            self._store.config.delete_variable(key)


def ask(source: VaultSource, method: str, *arguments: object) -> Any:  # noqa: ANN401 - what the method answers
    """Ask a source; whatever it raises becomes a sentence that names it.

    Raises:
        ConfigError: It failed.
        StoreError: It is the database, and failed.
    """
    try:
        return getattr(source, method)(*arguments)
    except Exception as error:
        if isinstance(source, StoreSource):
            raise  # the store's own sentences name the database, and what fits them to an exit code is their class
        reason = error_reason(error)
        raise failure(source, method, arguments, reason) from error


def failure(source: VaultSource, method: str, arguments: Sequence[object], reason: str) -> ConfigError:
    """What is said of a source that failed at a question."""
    call = f"{method}({', '.join(map(repr, arguments))})"
    return ConfigError(
        f"the source {source.name!r} of connections and Variables failed at {call}: {as_sentence(reason)} "
        "No source after it was asked. Repair it, or take it out of the settings."
    )
