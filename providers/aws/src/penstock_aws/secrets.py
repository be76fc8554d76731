"""Secrets backends: connections and Variables that AWS keeps, each under a prefix and its id.

Names that the services take are those of ``CreateSecret`` (letters, digits and ``/_+=.@-``) and of ``PutParameter``
(letters, digits and ``_.-``, with slashes between the parts) in their API references. An id with other signs is in
neither, and is not asked for.
"""

import re
from collections.abc import Callable, Collection, Iterator
from typing import ClassVar, Protocol

from penstock import Connection
from penstock_aws.hooks import SecretsManagerHook, SsmHook


class _Values(Protocol):
    """What both hooks can do."""

    def value(self, name: str) -> str | None: ...

    def names(self, prefix: str) -> Iterator[str]: ...


class _StoredSecrets:
    """What both backends share: names under a prefix, and which ids are asked for at all."""

    _hook: ClassVar[Callable[..., _Values]]
    _ids: ClassVar[re.Pattern[str]]

    def __init__(
        self,
        *,
        connections_prefix: str,
        variables_prefix: str,
        connections_lookup_pattern: str,
        variables_lookup_pattern: str,
        list_names: bool,
        aws_conn_id: str,
        region_name: str,
    ) -> None:
        prefixes = [f"{each.rstrip('/')}/" for each in (connections_prefix, variables_prefix) if each]
        if len(prefixes) == 2 and (prefixes[0].startswith(prefixes[1]) or prefixes[1].startswith(prefixes[0])):
            raise ValueError(
                "one of connections_prefix and variables_prefix is within the other, so that a connection could be taken "
                f"for a Variable: {connections_prefix!r}, {variables_prefix!r}. Give each a prefix of its own"
            )
        if aws_conn_id and region_name:
            raise ValueError("region_name stands for itself or in the connection of aws_conn_id; give one of the two")
        self._connections = _Kind(connections_prefix, connections_lookup_pattern, self._ids)
        self._variables = _Kind(variables_prefix, variables_lookup_pattern, self._ids)
        self._lists = list_names
        own = Connection("aws_secrets", "aws", extra={"region_name": region_name} if region_name else {})
        self._values = self._hook(aws_conn_id) if aws_conn_id else self._hook(connection=own)

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

    def __init__(self, prefix: str, pattern: str, ids: re.Pattern[str]) -> None:
        self.prefix = f"{prefix.rstrip('/')}/" if prefix else ""
        self._pattern, self._ids = re.compile(pattern), ids

    def may_have(self, asked: str) -> bool:
        """Whether an id can be there, so that it is worth a request."""
        return bool(self.prefix and self._ids.fullmatch(asked) and self._pattern.search(asked))


class SecretsManagerBackend(_StoredSecrets):
    """Connections and Variables in AWS Secrets Manager, one a secret: a URI, JSON or text.

    Args:
        connections_prefix: What the names of secrets with connections begin with, before a slash; "" for none.
        variables_prefix: The same of Variables.
        connections_lookup_pattern: Only ids in which this regular expression is found are asked for; each question that
            is asked is billed.
        variables_lookup_pattern: The same of Variables.
        list_names: Whether names are listed for people, which takes ``secretsmanager:ListSecrets``.
        aws_conn_id: A connection of the environment; the SDK's own chain decides unless given.
        region_name: The region, if there is no such connection.
    """

    _hook = SecretsManagerHook
    _ids = re.compile(r"[A-Za-z0-9/_+=.@-]{1,400}")

    def __init__(
        self,
        *,
        connections_prefix: str = "penstock/connections",
        variables_prefix: str = "penstock/variables",
        connections_lookup_pattern: str = "",
        variables_lookup_pattern: str = "",
        list_names: bool = False,
        aws_conn_id: str = "",
        region_name: str = "",
    ) -> None:
        super().__init__(
            connections_prefix=connections_prefix, variables_prefix=variables_prefix,
            connections_lookup_pattern=connections_lookup_pattern, variables_lookup_pattern=variables_lookup_pattern,
            list_names=list_names, aws_conn_id=aws_conn_id, region_name=region_name,
        )  # fmt: skip


class SsmParameterBackend(_StoredSecrets):
    """Connections and Variables in the Parameter Store of AWS Systems Manager, one a parameter: a URI, JSON or text.

    Args:
        connections_prefix: The path of parameters with connections; "" for none.
        variables_prefix: The same of Variables.
        connections_lookup_pattern: Only ids in which this regular expression is found are asked for.
        variables_lookup_pattern: The same of Variables.
        list_names: Whether names are listed for people, which takes ``ssm:DescribeParameters``.
        aws_conn_id: A connection of the environment; the SDK's own chain decides unless given.
        region_name: The region, if there is no such connection.
    """

    _hook = SsmHook
    _ids = re.compile(r"(?:[A-Za-z0-9_.-]+/)*[A-Za-z0-9_.-]{1,400}")

    def __init__(
        self,
        *,
        connections_prefix: str = "/penstock/connections",
        variables_prefix: str = "/penstock/variables",
        connections_lookup_pattern: str = "",
        variables_lookup_pattern: str = "",
        list_names: bool = False,
        aws_conn_id: str = "",
        region_name: str = "",
    ) -> None:
        super().__init__(
            connections_prefix=connections_prefix, variables_prefix=variables_prefix,
            connections_lookup_pattern=connections_lookup_pattern, variables_lookup_pattern=variables_lookup_pattern,
            list_names=list_names, aws_conn_id=aws_conn_id, region_name=region_name,
        )  # fmt: skip
