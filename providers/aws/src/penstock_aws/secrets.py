"""Secrets backends: connections and Variables that AWS keeps, each under a prefix and its id.

Names that the services take are those of ``CreateSecret`` (letters, digits and ``/_+=.@-``) and of ``PutParameter``
(letters, digits and ``_.-``, with slashes between the parts) in their API references. An id with other signs is in
neither, and is not asked for.
"""

import re
from collections.abc import Callable
from typing import Any, ClassVar

from penstock import Connection
from penstock.spec.named_secrets import NamedSecrets, NamedValues
from penstock_aws.hooks import SecretsManagerHook, SsmHook


class _AwsSecrets(NamedSecrets):
    """What both backends share: the client, and names with slashes."""

    _hook: ClassVar[Callable[..., NamedValues]]
    _ids: ClassVar[re.Pattern[str]]

    def __init__(self, *, aws_conn_id: str, region_name: str, **named: Any) -> None:  # noqa: ANN401 - NamedSecrets'
        if aws_conn_id and region_name:
            raise ValueError("region_name stands for itself or in the connection of aws_conn_id; give one of the two")
        own = Connection("aws_secrets", "aws", extra={"region_name": region_name} if region_name else {})
        values = self._hook(aws_conn_id) if aws_conn_id else self._hook(connection=own)
        super().__init__(values, ids=self._ids, separator="/", **named)


class SecretsManagerBackend(_AwsSecrets):
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


class SsmParameterBackend(_AwsSecrets):
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
