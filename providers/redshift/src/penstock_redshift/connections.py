"""The fields of connections, frozen and validated."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

from penstock.spec.fields import ConnectionFields


@dataclass(frozen=True, slots=True, repr=False, kw_only=True)
class RedshiftFields(ConnectionFields):
    """Where the warehouse is, and as whom we log in.

    Attributes:
        host, port, database: Address of the leader node or workgroup; a connection's host, port and schema. The Data API needs no address.
        transport: How statements get there: over a connection to the warehouse, or by the Data API of AWS (extra ``iam``).
        user, password: A connection's login and password; without ``iam``, both are needed. With ``iam`` and a cluster, no
            user means the one of the IAM identity.
        iam: Whether a password is fetched from AWS at each login (extra ``iam`` of the distribution).
        cluster_identifier: The provisioned cluster, for ``iam`` and the Data API.
        workgroup_name: The serverless workgroup, for ``iam`` and the Data API.
        secret_arn: Secret of Secrets Manager with user and password, for the Data API; the IAM identity unless given.
        auto_create: Whether a user that does not exist is created at an ``iam`` login.
        db_groups: Groups that the user of an ``iam`` login joins for it, joined by commas.
        aws_conn_id: Connection of type ``aws`` as which AWS is asked.
        region_name, profile_name, endpoint_url: Where and as whom AWS is asked.
        sslmode, sslrootcert: As libpq means them; the system's certificates unless given.
        connect_timeout_s: Seconds to wait for a connection.
        statement_timeout_s: Seconds after which the server ends a statement; 0 for never.
        query_group: Routes to a queue of the workload management.
        search_path, timezone: Set after login unless empty.
        application_name: As the server's tables show us.
        sql_tagging: Which comment each statement carries about the task it belongs to.
        max_attempts: How often a transaction that collided with another is tried.
    """

    PARTS: ClassVar[Mapping[str, str]] = {
        "host": "host", "port": "port", "database": "schema", "user": "login", "password": "password",
    }  # fmt: skip
    SHOWN: ClassVar[tuple[str, ...]] = ("host", "port", "database", "user")

    database: str
    host: str = ""
    user: str = ""
    password: str = ""
    port: int = 5439
    transport: Literal["wire", "data_api"] = "wire"
    iam: bool = False
    cluster_identifier: str = ""
    workgroup_name: str = ""
    secret_arn: str = ""
    auto_create: bool = False
    db_groups: str = ""
    aws_conn_id: str = ""
    region_name: str = ""
    profile_name: str = ""
    endpoint_url: str = ""
    sslmode: Literal["disable", "prefer", "require", "verify-ca", "verify-full"] = "verify-full"
    sslrootcert: str = ""
    connect_timeout_s: int = 10
    statement_timeout_s: float = 0.0
    query_group: str = ""
    search_path: str = ""
    timezone: str = ""
    application_name: str = "penstock"
    sql_tagging: Literal["none", "intermix", "sqlcommenter", "both"] = "none"
    max_attempts: int = 5

    def problems(self) -> Iterator[str]:
        """Fields that do not go together or cannot be right."""
        by_api = self.transport == "data_api"
        asks_aws = self.iam or by_api
        if by_api and (self.iam or self.password):
            yield "the Data API takes no iam and no password: it logs in as the IAM identity, or by secret_arn"
        if self.secret_arn and not by_api:
            yield "secret_arn belongs to transport = data_api"
        if asks_aws and bool(self.cluster_identifier) == bool(self.workgroup_name):
            yield f"{'the Data API' if by_api else 'iam'} needs cluster_identifier or workgroup_name, one of the two"
        if self.aws_conn_id and (self.profile_name or not asks_aws):
            yield "aws_conn_id belongs to iam or the Data API, and excludes profile_name"
        if not by_api:
            yield from self._problems_of_wire()
        yield from _out_of_range(self)

    def _problems_of_wire(self) -> Iterator[str]:
        if not self.host:
            yield "host is missing"
        if self.iam and self.password:
            yield "iam and a password exclude each other"
        if (self.auto_create or self.db_groups) and not (self.iam and self.cluster_identifier and self.user):
            yield "auto_create and db_groups belong to iam with cluster_identifier and a login"
        if not self.iam and not (self.user and self.password):
            yield "login and password are needed (or iam = true)"


@dataclass(frozen=True, slots=True, repr=False, kw_only=True)
class PostgresFields(ConnectionFields):
    """Where a PostgreSQL is, and as whom we log in.

    Attributes:
        host, port, database: A connection's host, port and schema.
        user, password: A connection's login and password; the password may be empty where the server asks for none.
        sslmode, sslrootcert: As libpq means them; the system's certificates unless given.
        connect_timeout_s: Seconds to wait for a connection.
        statement_timeout_s: Seconds after which the server ends a statement; 0 for never.
        search_path, timezone: Set after login unless empty.
        application_name: As the server's views show us.
        max_attempts: How often a transaction that collided with another is tried.
    """

    PARTS: ClassVar[Mapping[str, str]] = {
        "host": "host", "port": "port", "database": "schema", "user": "login", "password": "password",
    }  # fmt: skip
    SHOWN: ClassVar[tuple[str, ...]] = ("host", "port", "database", "user")

    host: str
    database: str
    user: str
    password: str = ""
    port: int = 5432
    sslmode: Literal["disable", "prefer", "require", "verify-ca", "verify-full"] = "verify-full"
    sslrootcert: str = ""
    connect_timeout_s: int = 10
    statement_timeout_s: float = 0.0
    search_path: str = ""
    timezone: str = ""
    application_name: str = "penstock"
    max_attempts: int = 5

    def problems(self) -> Iterator[str]:
        """Fields that cannot be right."""
        yield from _out_of_range(self)


def _out_of_range(fields: RedshiftFields | PostgresFields) -> Iterator[str]:
    if not 1 <= fields.port <= 65535:
        yield "port must be between 1 and 65535"
    if fields.connect_timeout_s < 2:
        yield "connect_timeout_s must be 2 or more; libpq takes less for 2"
    if fields.statement_timeout_s < 0:
        yield "statement_timeout_s must be 0 or more"
    if fields.max_attempts < 1:
        yield "max_attempts must be 1 or more"
