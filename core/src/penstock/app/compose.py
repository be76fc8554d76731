"""Composes an installation of settings: the store, the vault and the providers."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from penstock.clock import SystemClock
from penstock.errors import ConfigError
from penstock.service.installation import Installation
from penstock.service.project import make_state_folder
from penstock.settings import Settings, load_settings, with_secret_files
from penstock.store import Keyring, Store, lost_key

if TYPE_CHECKING:
    from penstock.plugins.host import PluginHost
    from penstock.tries.vault import Vault


def keyring(settings: Settings) -> Keyring:
    """The keys that encrypt connections and Variables."""
    if settings.secret_keys:
        return Keyring(settings.secret_keys, "PENSTOCK_SECRET_KEY")
    return Keyring.of_file(settings.key_file)


def open_store(settings: Settings, *, create: bool = True) -> Store:
    """Open the database of an installation; it is made if need be, and the state folder with it.

    Raises:
        ConfigError: The state folder or the key cannot be made, or the key is lost that something was encrypted with.
        StoreError: The database cannot serve.
    """
    if create:
        make_state_folder(settings)
    url, wait_s = settings.database_url, settings.database.wait_s
    if not settings.secret_keys and not settings.key_file.exists():
        # A new key would be taken for the one that was lost: whoever reads gets on without, others are refused, unless nothing needs it.
        store = Store.open(url, Keyring.without_file(settings.key_file), create=create, wait_s=wait_s)
        if not create:
            return store
        with store:
            if store.config.holds_secrets() and not settings.key_file.exists():
                raise ConfigError(lost_key(str(settings.key_file)))
    return Store.open(url, keyring(settings), create=create, wait_s=wait_s)


def installation(settings: Settings, *, create: bool = True) -> Installation:
    """The installation of these settings; each part is made when it is first used.

    Args:
        settings: The settings.
        create: Whether the database is made if there is none yet.
    """
    return Installation(
        settings,
        SystemClock(),
        open_store=lambda create: open_store(settings, create=create),
        find_plugins=lambda: _plugins(settings),
        open_vault=lambda store: _vault(settings, store),
        create=create,
    )


def asked_installation(environ: Mapping[str, str], folder: Path) -> Installation:
    """The installation that a command is to ask: that of the server which the environment names, or the one of this folder.

    Raises:
        ConfigError: The URL of the server is none, or the settings of the folder are wrong.
    """
    environ = with_secret_files(environ)
    url = environ.get("PENSTOCK_SERVER", "")
    if not url:
        return installation(load_settings(environ, folder))
    from penstock.app.parts.remote import remote_installation  # noqa: PLC0415 - most commands ask no server

    token, authority = environ.get("PENSTOCK_TOKEN", ""), environ.get("PENSTOCK_SERVER_AUTHORITY", "")
    return remote_installation(url, token, authority=authority)


def _plugins(settings: Settings) -> "PluginHost":
    from penstock.app.parts.environments import plugin_host  # noqa: PLC0415 - most commands ask no provider

    return plugin_host(settings)


def _vault(settings: Settings, store: Store | None) -> "Vault":
    from penstock.app.parts.vault import open_vault  # noqa: PLC0415 - most commands want no connection

    return open_vault(settings, store)
