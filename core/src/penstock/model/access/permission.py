"""Permissions, what each is asked of, and the roles that are sets of them."""

from collections.abc import Mapping
from enum import StrEnum


class Scope(StrEnum):
    """What a permission is asked of: one DAG, connection, Variable or pool, or the installation as a whole."""

    DAG = "dag"
    CONNECTION = "connection"
    VARIABLE = "variable"
    POOL = "pool"
    INSTALLATION = "installation"


class Permission(StrEnum):
    """What somebody may do. Each operation needs one; whoever has none of a thing does not learn that it exists."""

    DAGS_READ = "dags:read"
    CODE_READ = "code:read"
    LOGS_READ = "logs:read"
    VALUES_READ = "values:read"
    RUNS_WRITE = "runs:write"
    DAGS_WRITE = "dags:write"
    ASSETS_WRITE = "assets:write"
    VALUES_WRITE = "values:write"
    HISTORY_DELETE = "history:delete"
    CONNECTIONS_READ = "connections:read"
    CONNECTIONS_WRITE = "connections:write"
    VARIABLES_READ = "variables:read"
    VARIABLES_WRITE = "variables:write"
    POOLS_READ = "pools:read"
    POOLS_WRITE = "pools:write"
    INSTALLATION_READ = "installation:read"
    INSTALLATION_WRITE = "installation:write"
    AUDIT_READ = "audit:read"
    USERS_WRITE = "users:write"
    WORKERS_RUN = "workers:run"


SCOPES: Mapping[Permission, Scope] = {
    Permission.DAGS_READ: Scope.DAG,
    Permission.CODE_READ: Scope.DAG,
    Permission.LOGS_READ: Scope.DAG,
    Permission.VALUES_READ: Scope.DAG,
    Permission.RUNS_WRITE: Scope.DAG,
    Permission.DAGS_WRITE: Scope.DAG,
    Permission.ASSETS_WRITE: Scope.DAG,
    Permission.VALUES_WRITE: Scope.DAG,
    Permission.HISTORY_DELETE: Scope.DAG,
    Permission.CONNECTIONS_READ: Scope.CONNECTION,
    Permission.CONNECTIONS_WRITE: Scope.CONNECTION,
    Permission.VARIABLES_READ: Scope.VARIABLE,
    Permission.VARIABLES_WRITE: Scope.VARIABLE,
    Permission.POOLS_READ: Scope.POOL,
    Permission.POOLS_WRITE: Scope.POOL,
    Permission.INSTALLATION_READ: Scope.INSTALLATION,
    Permission.INSTALLATION_WRITE: Scope.INSTALLATION,
    Permission.AUDIT_READ: Scope.INSTALLATION,
    Permission.USERS_WRITE: Scope.INSTALLATION,
    Permission.WORKERS_RUN: Scope.INSTALLATION,
}
"""What each permission is asked of."""

MEANINGS: Mapping[Permission, str] = {
    Permission.DAGS_READ: "see DAGs, their runs and tasks, and the assets that they use",
    Permission.CODE_READ: "read the code of DAG files, and what broke them",
    Permission.LOGS_READ: "read and search the logs of tasks",
    Permission.VALUES_READ: "read XComs, rendered templates and kept state",
    Permission.RUNS_WRITE: "trigger, cancel, clear and mark runs and tasks, and back-fill",
    Permission.DAGS_WRITE: "pause and unpause DAGs",
    Permission.ASSETS_WRITE: "report events of assets, which trigger the DAGs that wait for them",
    Permission.VALUES_WRITE: "set and delete kept state",
    Permission.HISTORY_DELETE: "delete runs, and DAGs with their history",
    Permission.CONNECTIONS_READ: "see connections, without their secrets",
    Permission.CONNECTIONS_WRITE: "set, test and delete connections",
    Permission.VARIABLES_READ: "read Variables",
    Permission.VARIABLES_WRITE: "set and delete Variables",
    Permission.POOLS_READ: "see pools and who holds them",
    Permission.POOLS_WRITE: "set and delete pools",
    Permission.INSTALLATION_READ: "see executors, schedulers, services, providers, health, and where logs and values lie on the machine",
    Permission.INSTALLATION_WRITE: "drain, prune, and settle what is in quarantine",
    Permission.AUDIT_READ: "read the audit of everybody",
    Permission.USERS_WRITE: "make users, grants and tokens of others",
    Permission.WORKERS_RUN: "announce a pool of workers that runs tries of remote executors",
}
"""What each permission allows, for people: it completes "may"."""


class Role(StrEnum):
    """A set of permissions that people are given by name; each has all of the one before it."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    EDITOR = "editor"
    ADMIN = "admin"


_VIEWER = frozenset({
    Permission.DAGS_READ, Permission.LOGS_READ, Permission.VALUES_READ, Permission.POOLS_READ, Permission.INSTALLATION_READ,
})  # fmt: skip
_OPERATOR = _VIEWER | {Permission.RUNS_WRITE, Permission.DAGS_WRITE, Permission.ASSETS_WRITE, Permission.CODE_READ}
_EDITOR = _OPERATOR | {
    Permission.VALUES_WRITE, Permission.CONNECTIONS_READ, Permission.CONNECTIONS_WRITE, Permission.VARIABLES_READ,
    Permission.VARIABLES_WRITE, Permission.POOLS_WRITE, Permission.HISTORY_DELETE,
}  # fmt: skip

ROLES: Mapping[Role, frozenset[Permission]] = {
    Role.VIEWER: _VIEWER,
    Role.OPERATOR: _OPERATOR,
    Role.EDITOR: _EDITOR,
    Role.ADMIN: frozenset(Permission),
}
"""What each role may."""
