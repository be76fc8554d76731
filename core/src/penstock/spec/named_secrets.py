"""Secrets backends that keep each connection and Variable under a name of its own: a prefix, and the id.

What such backends share: names, which ids are asked for at all, and lists. A provider adds where the values are.
"""

import re
from collections.abc import Collection, Iterator
from typing import Protocol

from penstock.model.patterns.construct import PatternError
from penstock.model.patterns.pattern import Pattern


class NamedValues(Protocol):
    """Where values are, by their names."""

    def value(self, name: str) -> str | None:
        """The text under a name; None if there is none. Whatever else is wrong is raised."""

    def names(self, prefix: str) -> Iterator[str]:
        """All names that begin with a prefix."""


class NamedSecrets:
    """A `penstock.spec.secrets_backend.SecretsBackend` on named values.

    Args:
        values: Where they are.
        ids: What an id must be as a whole, so that the place can have a name with it; no other one is asked for.
        separator: What stands between prefix and id.
        connections_prefix: What the names of connections begin with; "" if there are none.
        variables_prefix: The same of Variables.
        connections_lookup_pattern: Only ids in which this regular expression is found are asked for.
        variables_lookup_pattern: The same of Variables.
        list_names: Whether names are listed for people.

    Raises:
        ValueError: One prefix is within the other, or an expression is none that is found in linear time (`penstock.model.patterns`).
    """

    def __init__(  # noqa: PLR0913 - what the settings say, each by its name
        self,
        values: NamedValues,
        *,
        ids: re.Pattern[str],
        separator: str,
        connections_prefix: str,
        variables_prefix: str,
        connections_lookup_pattern: str,
        variables_lookup_pattern: str,
        list_names: bool,
    ) -> None:
        self._values, self._lists = values, list_names
        self._connections = _Kind(connections_prefix, separator, connections_lookup_pattern, ids)
        self._variables = _Kind(variables_prefix, separator, variables_lookup_pattern, ids)
        one, other = self._connections.prefix, self._variables.prefix
        if one and other and (one.startswith(other) or other.startswith(one)):
            raise ValueError(
                "one of connections_prefix and variables_prefix is within the other, so that a connection could be taken "
                f"for a Variable: {connections_prefix!r}, {variables_prefix!r}. Give each a prefix of its own"
            )

    def connection(self, conn_id: str) -> str | None:
        """The text of a connection, a URI or JSON; None if there is none of this id."""
        return self._value(self._connections, conn_id)

    def variable(self, key: str) -> str | None:
        """The text of a Variable; None if there is none of this key."""
        return self._value(self._variables, key)

    def connection_ids(self) -> Collection[str] | None:
        """The ids of all connections; None unless ``list_names``."""
        return self._listed(self._connections)

    def variable_keys(self) -> Collection[str] | None:
        """The keys of all Variables; None unless ``list_names``."""
        return self._listed(self._variables)

    def _value(self, kind: "_Kind", asked: str) -> str | None:
        return self._values.value(kind.prefix + asked) if kind.may_have(asked) else None

    def _listed(self, kind: "_Kind") -> Collection[str] | None:
        if not self._lists:
            return None
        if not kind.prefix:
            return []
        found = (name.removeprefix(kind.prefix) for name in self._values.names(kind.prefix))
        return [each for each in found if kind.may_have(each)]


class _Kind:
    """Where connections, or Variables, are and which of them are asked for."""

    def __init__(self, prefix: str, separator: str, pattern: str, ids: re.Pattern[str]) -> None:
        self.prefix = prefix.rstrip(separator) + separator if prefix else ""
        self._ids = ids
        try:
            self._pattern = Pattern(pattern)
        except PatternError as error:
            raise ValueError(f"the lookup pattern {pattern!r:.200} {error}") from error

    def may_have(self, asked: str) -> bool:
        """Whether an id can be there, so that it is worth a request."""
        return bool(self.prefix and self._ids.fullmatch(asked) and self._pattern.is_in(asked))
