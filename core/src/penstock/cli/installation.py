"""What a command works on: the settings and, if it asks for it, the store."""

import getpass
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import click

from penstock.app.compose import open_store
from penstock.clock import SystemClock
from penstock.errors import ConfigError
from penstock.settings import Settings, load_settings
from penstock.store import Store


def settings_of(context: click.Context) -> Settings:
    """The settings that hold here; raises ConfigError."""
    environ: Mapping[str, str] = context.obj
    return load_settings(environ, Path.cwd())


@contextmanager
def installation(context: click.Context) -> Iterator[tuple[Settings, Store]]:
    """The settings and the open store; raises ConfigError or StoreError."""
    settings = settings_of(context)
    require_project(settings)
    with open_store(settings) as store:
        yield settings, store


def require_project(settings: Settings) -> None:
    """Raise ConfigError in a folder where nobody meant to have a project."""
    if settings.file is None and not settings.database.url and not settings.state_folder.exists():
        raise ConfigError(
            f"there is no penstock.toml in {settings.root} or above. Make a project here with `penstock init`, "
            "change into one, or name its file in PENSTOCK_CONFIG."
        )


def now() -> datetime:
    """The present."""
    return SystemClock().now()


def person() -> str:
    """Who runs this command."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return ""


def remind_of_scheduler(store: Store) -> None:
    """Say on stderr that nobody will act on a request, if that is so."""
    if store.leader_lock.holder() is None:
        click.echo("no scheduler is running: this waits until `penstock up` is", err=True)
