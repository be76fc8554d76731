"""Connections and Variables from ordered sources: the environment first, the database last, anything else between."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Generic, NamedTuple, Protocol, TypeVar

import msgspec

from penstock.errors import ConfigError, NotFoundError, PenstockError
from penstock.model.connection import Connection
from penstock.model.secret import variable_secrets
from penstock.store import Store

ENVIRONMENT, DATABASE = "environment", "database"

Value = TypeVar("Value")
Answer = TypeVar("Answer")


class VaultSource(Protocol):
    """One place that connections and Variables come from, such as a secrets backend.

    Every method may raise any exception: the vault reports it with the name of the source, and asks no other instead.
    """

    @property
    def name(self) -> str:
        """The source for messages and lists, such as ``database``."""

    def connection(self, conn_id: str) -> Connection | None:
        """The connection of this id with its secrets, or None."""

    def connection_ids(self) -> Collection[str]:
        """Ids of all connections, as far as the source knows them."""

    def variables(self, keys: Collection[str]) -> Mapping[str, str]:
        """The text of each of these Variables that the source has."""

    def variable_keys(self) -> Collection[str]:
        """Keys of all Variables, as far as the source knows them."""


class VaultValue(NamedTuple, Generic[Value]):
    """A connection or the text of a Variable, with what must be masked of it.

    Attributes:
        value: What was found.
        secrets: Values that must not appear in a log or on a screen.
        source: Name of the source that it is from; "" if no source has it.
        shadowed: Whether an earlier source has it, too, so that this one is not used.
    """

    value: Value
    secrets: tuple[str, ...]
    source: str
    shadowed: bool = False


class EnvironmentSource:
    """What ``PENSTOCK_CONN_<ID>`` and ``PENSTOCK_VAR_<KEY>`` set; ids and keys are found in any case.

    Args:
        connections: By lower-case id.
        variables: By lower-case key.
    """

    name = ENVIRONMENT

    def __init__(self, connections: Mapping[str, Connection], variables: Mapping[str, str]) -> None:
        self._connections, self._variables = connections, variables

    def connection(self, conn_id: str) -> Connection | None:
        """The connection, under the id as it was asked for, or None."""
        found = self._connections.get(conn_id.lower())
        return None if found is None else msgspec.structs.replace(found, conn_id=conn_id)

    def connection_ids(self) -> Collection[str]:
        """Lower-case ids of all connections."""
        return self._connections.keys()

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

    name = DATABASE

    def __init__(self, store: Store) -> None:
        self._store = store

    def connection(self, conn_id: str) -> Connection | None:
        """The connection, or None; raises StoreError, or ConfigError if no key opens it."""
        return self._store.config.connection(conn_id)

    def connection_ids(self) -> Collection[str]:
        """Ids of all connections; raises StoreError."""
        return self._store.config.connection_ids()

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


class Vault:
    """Finds connections and Variables as users' code is given them: from the first source that has them.

    A source that fails is reported with its name. No later source is asked then: whoever set a value in an earlier one
    must not be given another value because that one is away.

    Args:
        sources: In the order in which they are asked; the database, if there is one, comes last.
        secrets: Finds the values of a connection that must be masked.
    """

    def __init__(
        self,
        sources: Sequence[VaultSource],
        secrets: Callable[[Connection], tuple[str, ...]] = Connection.secrets,
    ) -> None:
        self._sources, self._secrets = tuple(sources), secrets
        self._stored = next((each for each in sources if isinstance(each, StoreSource)), None)

    def connection(self, conn_id: str) -> VaultValue[Connection]:
        """Find a connection.

        Raises:
            NotFoundError: No source has it.
            ConfigError: A source failed.
            StoreError: The database failed.
        """
        for source in self._sources:
            found = _ask(source, source.connection, conn_id)
            if found is not None:
                return VaultValue(found, self._secrets(found), source.name)
        known = {each for source in self._sources for each in _ask(source, source.connection_ids)}
        raise NotFoundError("connection", conn_id, known, hint=self._how_to_set(conn_id))

    def all_connections(self) -> Iterator[VaultValue[Connection]]:
        """List the connections of all sources, one source after the other; raises ConfigError or StoreError."""
        for number, source in enumerate(self._sources):
            for conn_id in sorted(_ask(source, source.connection_ids)):
                found = _ask(source, source.connection, conn_id)
                if found is not None:  # it was deleted since the ids were read
                    shadowed = any(_ask(each, each.connection, conn_id) for each in self._sources[:number])
                    yield VaultValue(found, self._secrets(found), source.name, shadowed)

    def sources(self, conn_id: str) -> tuple[str, ...]:
        """Name the sources that have a connection, the one that is used first; raises ConfigError or StoreError."""
        return tuple(each.name for each in self._sources if _ask(each, each.connection, conn_id) is not None)

    def variable(self, key: str) -> VaultValue[str | None]:
        """Find the text of a Variable; the value is None if no source has it. Raises ConfigError or StoreError."""
        for source in self._sources:
            text = _ask(source, source.variables, (key,)).get(key)
            if text is not None:
                return VaultValue(text, variable_secrets(key, text), source.name)
        return VaultValue(None, (), "")

    def variables(self, keys: Collection[str]) -> dict[str, str | None]:
        """Find the texts of Variables, None for those that no source has; raises ConfigError or StoreError."""
        found: dict[str, str | None] = dict.fromkeys(keys)
        for source in self._sources:
            missing = [key for key, text in found.items() if text is None]
            if missing:
                found.update(_ask(source, source.variables, missing))
        return found

    def all_variables(self) -> Iterator[tuple[str, VaultValue[str]]]:
        """List the Variables of all sources with their keys, one source after the other; raises ConfigError or StoreError."""
        for number, source in enumerate(self._sources):
            texts = _ask(source, source.variables, sorted(_ask(source, source.variable_keys)))
            before = [_ask(each, each.variables, list(texts)) for each in self._sources[:number]]
            for key, text in texts.items():
                shadowed = any(key in each for each in before)
                yield key, VaultValue(text, variable_secrets(key, text), source.name, shadowed)

    def variable_keys(self) -> set[str]:
        """List the keys of the Variables of all sources; raises ConfigError or StoreError."""
        return {key for source in self._sources for key in _ask(source, source.variable_keys)}

    def set_variable(self, key: str, value: str | None, now: datetime) -> None:
        """Store a Variable in the database, or delete it there for None.

        Raises:
            ConfigError: There is no database, or its key does not fit.
            StoreError: The database failed.
        """
        if self._stored is None:
            raise ConfigError(f"Variable {key!r} cannot be set: there is no database. Make one with `penstock init`.")
        self._stored.set_variable(key, value, now)

    def _how_to_set(self, conn_id: str) -> str:
        variable = f"PENSTOCK_CONN_{conn_id.upper()}"
        if self._stored is None:
            return f"Set {variable}, or make a project with `penstock init`."
        return f"Create it with: penstock connections set {conn_id} URI, or set {variable}"


def _ask(source: VaultSource, method: Callable[..., Answer], *arguments: object) -> Answer:
    """Ask a source; whatever it raises becomes a sentence that names it."""
    try:
        return method(*arguments)
    except Exception as error:
        if isinstance(source, StoreSource):
            raise  # the store's own sentences name the database, and what fits them to an exit code is their class
        call = f"{method.__name__}({', '.join(map(repr, arguments))})"
        reason = str(error) if isinstance(error, PenstockError) else f"{type(error).__name__}: {error}"
        raise ConfigError(
            f"the source {source.name!r} of connections and Variables failed at {call}: {reason}. "
            "No source after it was asked. Repair it, or take it out of the settings."
        ) from error
