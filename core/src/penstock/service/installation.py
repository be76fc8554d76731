"""The one value that every operation takes: an installation with its store, plug-ins, vault and clock."""

from collections.abc import Callable
from datetime import datetime
from functools import cached_property
from types import TracebackType
from typing import TYPE_CHECKING, Self

from penstock.clock import Clock
from penstock.settings import Settings

if TYPE_CHECKING:
    from penstock.plugins.host import PluginHost
    from penstock.store import Store
    from penstock.tries.vault import Vault


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
        settings: The settings.
        clock: Tells the present.
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
        self.settings, self.clock, self._create = settings, clock, create
        self._open_store, self._find_plugins, self._open_vault = open_store, find_plugins, open_vault

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

    def now(self) -> datetime:
        """The present as aware UTC."""
        return self.clock.now()

    def close(self) -> None:
        """Close the vault and the database, if they were opened."""
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
