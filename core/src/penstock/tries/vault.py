"""Connections and Variables from ordered sources, as the settings order them: the environment, the database, secrets backends."""

from collections.abc import Callable, Collection, Generator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, TypeVar, cast

from penstock.errors import ConfigError, NotFoundError
from penstock.model.connection import Connection
from penstock.model.secret import variable_secrets
from penstock.tries.vault_sources import ENVIRONMENT, StoreSource, VaultSource, ask

if TYPE_CHECKING:
    from penstock.tries.backend_source import BackendSource  # not imported: most installations have none

Value = TypeVar("Value")
Found = TypeVar("Found")


class VaultValue(NamedTuple, Generic[Value]):
    """A connection or the text of a Variable, with what must be masked of it.

    Attributes:
        value: What was found.
        secrets: Values that must not appear in a log or on a screen.
        source: Name of the source that it is from; "" if no source has it.
    """

    value: Value
    secrets: tuple[str, ...]
    source: str


class Question(NamedTuple):
    """What the vault wants to know of one source next: a method of `VaultSource` and its arguments."""

    source: VaultSource
    method: str
    arguments: tuple[object, ...]

    def answer(self) -> Any:  # noqa: ANN401 - what the method answers
        """Ask the source, and wait for it; raises ConfigError or StoreError."""
        return ask(self.source, self.method, *self.arguments)


Search = Generator[Question, Any, Found]
"""A search for something: yields the next question, is sent its answer, and returns what it has found.

So one order of asking serves those who wait for each source and the scheduler, which waits for none.
"""


def finished(search: Search[Found]) -> Found:
    """Carry a search out, waiting for each source; raises what the search and its questions raise."""
    try:
        question = next(search)
        while True:
            question = search.send(question.answer())
    except StopIteration as end:
        found: Found = end.value
        return found


class Vault:
    """Finds connections and Variables as users' code is given them: from the first source that has them.

    A source that fails is reported with its name. No later source is asked then: whoever set a value in an earlier one
    must not be given another value because that one is away.

    Args:
        sources: In the order in which they are asked.
        secrets: Finds the values of a connection that must be masked.
    """

    def __init__(
        self,
        sources: Sequence[VaultSource],
        secrets: Callable[[Connection], tuple[str, ...]] = Connection.secrets,
    ) -> None:
        self.sources, self.secrets = tuple(sources), secrets
        self._stored = next((each for each in sources if isinstance(each, StoreSource)), None)

    def connection(self, conn_id: str) -> VaultValue[Connection]:
        """Find a connection, waiting for each source.

        Raises:
            NotFoundError: No source has it.
            ConfigError: A source failed.
            StoreError: The database failed.
        """
        return finished(self.find_connection(conn_id))

    def find_connection(self, conn_id: str) -> Search[VaultValue[Connection]]:
        """Search for a connection; raises NotFoundError."""
        for source in self.sources:
            found = yield Question(source, "connection", (conn_id,))
            if found is not None:
                return VaultValue(found, self.secrets(found), source.name)
        known: set[str] = set()
        for source in self._near:
            known.update((yield Question(source, "connection_ids", ())))
        raise NotFoundError("connection", conn_id, known, hint=self._how_to_set(conn_id))

    def variable(self, key: str) -> VaultValue[str | None]:
        """Find the text of a Variable, waiting for each source; the value is None if no source has it.

        Raises:
            ConfigError: A source failed.
            StoreError: The database failed.
        """
        return finished(self.find_variable(key))

    def find_variable(self, key: str) -> Search[VaultValue[str | None]]:
        """Search for the text of a Variable."""
        for source in self.sources:
            text = yield Question(source, "variable", (key,))
            if text is not None:
                return VaultValue(text, variable_secrets(key, text), source.name)
        return VaultValue(None, (), "")

    def variables(self, keys: Collection[str]) -> dict[str, str | None]:
        """Find the texts of Variables, None for those that no source has; raises ConfigError or StoreError."""
        found: dict[str, str | None] = dict.fromkeys(keys)
        for source in self.sources:
            missing = [key for key, text in found.items() if text is None]
            if missing:
                found.update(ask(source, "variables", missing))
        return found

    def known_variables(self) -> set[str]:
        """List the keys of the Variables of all sources but the remote ones; raises ConfigError or StoreError."""
        return {key for source in self._near for key in ask(source, "variable_keys")}

    def set_variable(self, key: str, value: str | None, now: datetime) -> None:
        """Store a Variable in the database, or delete it there for None.

        Raises:
            ConfigError: There is no database, or its key does not fit.
            StoreError: The database failed.
        """
        if self._stored is None:
            raise ConfigError(
                f"Variable {key!r} cannot be set: the database is not among the sources here. Make one with `penstock init`, "
                "or add it to order in [secrets]."
            )
        self._stored.set_variable(key, value, now)

    @property
    def backends(self) -> list["BackendSource"]:
        """The secrets backends among the sources."""
        return [cast("BackendSource", source) for source in self.sources if source.remote]

    def close(self) -> None:
        """End the processes of secrets backends."""
        for backend in self.backends:
            backend.close()

    @property
    def _near(self) -> list[VaultSource]:
        """Sources whose names cost nothing to list, for the hints of what is not found."""
        return [source for source in self.sources if not source.remote]

    def _how_to_set(self, conn_id: str) -> str:
        ways = []
        if self._stored is not None:
            ways.append(f"Create it with: penstock connections set {conn_id} URI")
        if any(source.name == ENVIRONMENT for source in self.sources):
            ways.append(f"set PENSTOCK_CONN_{conn_id.upper()}")
        ways += [f"store it in {source.name!r}" for source in self.sources if source.remote]
        if self._stored is None:
            ways.append("make a project with `penstock init`")
        text = ", or ".join(ways)
        return text[:1].upper() + text[1:]
