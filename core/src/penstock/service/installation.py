"""The one value that every operation takes: an installation with its store, plug-ins, vault and clock."""

from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, NoReturn, Protocol, Self

from penstock.clock import Clock
from penstock.errors import NotFoundError, RequestError
from penstock.model.access.permission import SCOPES, Permission, Scope
from penstock.model.access.principal import OWNER, Principal
from penstock.model.access.refusal import refusal
from penstock.settings import Settings

if TYPE_CHECKING:
    from penstock.plugins.host import PluginHost
    from penstock.service.operations.operation import Operation
    from penstock.store import Store
    from penstock.tries.vault import Vault

_READ = {
    Scope.DAG: Permission.DAGS_READ,
    Scope.CONNECTION: Permission.CONNECTIONS_READ,
    Scope.VARIABLE: Permission.VARIABLES_READ,
    Scope.POOL: Permission.POOLS_READ,
    Scope.INSTALLATION: Permission.INSTALLATION_READ,
}


def kind_of(scope: Scope) -> str:
    """What messages call a thing of a scope."""
    return {Scope.DAG: "DAG", Scope.VARIABLE: "Variable"}.get(scope, scope.value)


class Remote(Protocol):
    """An installation on another machine, whose server is asked."""

    @property
    def where(self) -> str:
        """Where that is."""

    def call(self, operation: "Operation", arguments: Mapping[str, Any]) -> Any:  # noqa: ANN401 - as the operation returns
        """Do an operation there; raises what it raises."""

    def close(self) -> None:
        """Let go of what it is asked over."""


class Installation:
    """An installation; each of its parts is made when an operation first needs it.

    So an operation that needs no database opens none, and one that asks no provider reads no manifest.

    Args:
        settings: The settings.
        clock: Tells the present.
        open_store: Opens the database; its argument says whether to make one if there is none.
        find_plugins: Finds the installed providers.
        open_vault: Makes the vault over the database, or over none.
        create: Whether the database is made if there is none yet. Without it, operations that can do without a
            database do, and the others raise StoreError.

    Attributes:
        clock: Tells the present.
        principal: Who asks.
        remote: The installation that is asked in place of this one; None for this one itself.
        resumed: Whether what is asked for was begun before by the same request, and was cut off.
    """

    def __init__(
        self,
        settings: Settings,
        clock: Clock,
        *,
        open_store: "Callable[[bool], Store]",
        find_plugins: "Callable[[], PluginHost]",
        open_vault: "Callable[[Store | None], Vault]",
        create: bool = True,
    ) -> None:
        self._settings, self.clock, self._create = settings, clock, create
        self.principal: Principal = OWNER
        self.remote: Remote | None = None
        self.resumed = False
        self._open_store, self._find_plugins, self._open_vault = open_store, find_plugins, open_vault

    @classmethod
    def elsewhere(cls, remote: Remote, clock: Clock) -> "Installation":
        """An installation on another machine: its operations are asked there, and it has no part that is here."""

        def refuse(_what: object = None) -> NoReturn:
            made._refuse()

        made = cls(
            Settings(Path(), None), clock, open_store=refuse, find_plugins=refuse, open_vault=refuse, create=False
        )
        made.remote = remote
        return made

    def _refuse(self) -> NoReturn:
        raise RequestError(
            "this looks at files, processes or the database of the machine where the installation is, which is asked at "
            f"{self.remote.where if self.remote else ''}. Do it on that machine; or unset PENSTOCK_SERVER to work on what is here."
        )

    @property
    def settings(self) -> Settings:
        """The settings; raises RequestError if it is on another machine."""
        if self.remote is not None:
            self._refuse()
        return self._settings

    @settings.setter
    def settings(self, settings: Settings) -> None:
        self._settings = settings

    @cached_property
    def store(self) -> "Store":
        """The open database; raises StoreError or ConfigError."""
        return self._open_store(self._create)

    @cached_property
    def host(self) -> "PluginHost":
        """The host of plug-ins; raises ConfigError."""
        return self._find_plugins()

    @cached_property
    def vault(self) -> "Vault":
        """Connections and Variables; raises StoreError or ConfigError."""
        return self._open_vault(self.store if self._create or self.has_database else None)

    @property
    def has_database(self) -> bool:
        """Whether there is a database, or one is named that another machine has."""
        settings = self.settings
        return bool(settings.database.url) or (settings.state_folder / "penstock.db").exists()

    @property
    def lost_database(self) -> bool:
        """Whether a scheduler has worked on a file that is not there any more."""
        file = self.settings.state_folder / "penstock.db"
        return not self.has_database and file.with_name(file.name + ".lock").exists()

    @property
    def scheduler_runs(self) -> bool:
        """Whether a scheduler works on this installation; without one, requests wait. Raises StoreError."""
        return self.store.role.holders() != []

    def seen_by(self, principal: Principal) -> "Installation":
        """This installation as somebody else may use it; store, vault and plug-ins are shared, and closed here alone."""
        made = Installation(
            self._settings,
            self.clock,
            open_store=lambda _create: self.store,
            find_plugins=lambda: self.host,
            open_vault=lambda _store: self.vault,
            create=self._create,
        )
        made.principal, made.remote = principal, self.remote
        return made

    @property
    def limited(self) -> bool:
        """Whether the principal may not everything."""
        return self.principal is not OWNER

    def may(self, permission: Permission, name: str = "") -> bool:
        """Whether the principal has a permission on one thing, or on the installation; raises StoreError."""
        if not self.limited:
            return True
        tags: tuple[str, ...] = ()
        if SCOPES[permission] is Scope.DAG and any(grant.tags for grant in self.principal.grants):
            row = self.store.dags.row(name)
            tags = row.spec.tags if row is not None else ()
        return self.principal.may(permission, name, tags)

    def sees(self, dag_id: str, tags: Collection[str]) -> bool:
        """Whether the principal may see a DAG whose tags are known; lists leave out the others."""
        return not self.limited or self.principal.may(Permission.DAGS_READ, dag_id, tags)

    def seen_dags(self, permission: Permission = Permission.DAGS_READ) -> list[str] | None:
        """The DAGs on which the principal has a permission, for lists that read no others; None for all. Raises StoreError."""
        asks = self.principal
        if not self.limited or asks.may_everywhere(permission):
            return None
        if not asks.may_somewhere(permission):
            return []
        return [dag_id for dag_id, tags in self.store.views.dag_list.tagged() if asks.may(permission, dag_id, tags)]

    def require(self, permission: Permission, name: str = "", *, what: str = "") -> None:
        """Refuse whoever has no permission on one thing, or on the installation.

        Args:
            permission: What is needed.
            name: Of the thing.
            what: What is asked for; all that the permission allows unless given.

        Raises:
            ForbiddenError: The principal may see the thing, and not do this.
            NotFoundError: The principal may not even see it: it is not there.
            StoreError: The database failed.
        """
        if self.may(permission, name):
            return
        scope = SCOPES[permission]
        if scope is not Scope.INSTALLATION and not self.may(_READ[scope], name):
            raise NotFoundError(kind_of(scope), name)
        raise refusal(self.principal, permission, what, f"{kind_of(scope)} {name!r}" if name else "")

    def now(self) -> datetime:
        """The present as aware UTC."""
        return self.clock.now()

    def close(self) -> None:
        """Close the vault and the database, if they were opened, or the way to them."""
        if self.remote is not None:
            self.remote.close()
        if "vault" in vars(self):
            self.vault.close()
        if "store" in vars(self):
            self.store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
