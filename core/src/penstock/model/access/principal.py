"""A principal: who asks, and what the grants of whoever that is allow."""

from collections.abc import Collection, Sequence
from fnmatch import fnmatchcase

import msgspec

from penstock.model.access.permission import ROLES, SCOPES, Permission, Role, Scope

EVERYTHING = ("*",)
"""The globs that match every name."""


class Grant(msgspec.Struct, frozen=True):
    """A role on some things; whatever no field names is not granted.

    Attributes:
        role: What may be done with them.
        dags: Globs of DAG ids.
        tags: Tags of DAGs; a DAG that has one of them is granted, whatever its id.
        connections: Globs of connection ids.
        variables: Globs of keys of Variables.
        pools: Globs of names of pools.
        installation: Whether the role counts for the installation as a whole, too.
    """

    role: Role
    dags: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    connections: tuple[str, ...] = ()
    variables: tuple[str, ...] = ()
    pools: tuple[str, ...] = ()
    installation: bool = False

    def allows(self, permission: Permission) -> bool:
        """Whether it gives the permission on anything at all."""
        scope = SCOPES[permission]
        named = self.installation if scope is Scope.INSTALLATION else bool(self._globs(scope) or self._tags(scope))
        return named and permission in ROLES[self.role]

    def covers(self, permission: Permission, name: str, tags: Collection[str] = ()) -> bool:
        """Whether it gives the permission on one thing.

        Args:
            permission: What is to be done.
            name: The thing's name; ignored for the installation.
            tags: Of the DAG, if it is one.
        """
        if not self.allows(permission):
            return False
        scope = SCOPES[permission]
        if scope is Scope.INSTALLATION:
            return True
        return any(fnmatchcase(name, glob) for glob in self._globs(scope)) or any(t in tags for t in self._tags(scope))

    def has_all(self, scope: Scope) -> bool:
        """Whether it names everything of a kind."""
        return "*" in self._globs(scope) or (scope is Scope.INSTALLATION and self.installation)

    def _globs(self, scope: Scope) -> Sequence[str]:
        match scope:
            case Scope.DAG:
                return self.dags
            case Scope.CONNECTION:
                return self.connections
            case Scope.VARIABLE:
                return self.variables
            case Scope.POOL:
                return self.pools
            case Scope.INSTALLATION:
                return ()

    def _tags(self, scope: Scope) -> Sequence[str]:
        return self.tags if scope is Scope.DAG else ()


def everywhere(role: Role) -> Grant:
    """A role on everything there is."""
    return Grant(role, EVERYTHING, (), EVERYTHING, EVERYTHING, EVERYTHING, installation=True)


class Principal(msgspec.Struct, frozen=True):
    """Who asks for something.

    Attributes:
        name: Of the user, for the audit.
        grants: What is allowed; nothing else is.
        only: The permissions that a token is limited to; None without a limit.
        source: Where the request came from, for the audit: an address; "" if that is not known.
    """

    name: str
    grants: tuple[Grant, ...] = ()
    only: frozenset[Permission] | None = None
    source: str = ""

    def may(self, permission: Permission, name: str = "", tags: Collection[str] = ()) -> bool:
        """Whether the permission is granted on one thing, or on the installation."""
        return self._may_ever(permission) and any(each.covers(permission, name, tags) for each in self.grants)

    def may_somewhere(self, permission: Permission) -> bool:
        """Whether the permission is granted on anything at all."""
        return self._may_ever(permission) and any(each.allows(permission) for each in self.grants)

    def may_everywhere(self, permission: Permission) -> bool:
        """Whether one grant gives the permission on all that there is, and ever will be."""
        return self._may_ever(permission) and any(
            each.allows(permission) and each.has_all(SCOPES[permission]) for each in self.grants
        )

    def _may_ever(self, permission: Permission) -> bool:
        return self.only is None or permission in self.only


OWNER = Principal("", (everywhere(Role.ADMIN),))
"""Whoever runs commands beside the database: who can read its file may everything."""
