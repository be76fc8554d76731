"""What the server serves: the installation that the settings of its folder and environment describe."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from penstock.app.compose import asked_installation, installation
from penstock.errors import RequestError
from penstock.service.installation import Installation
from penstock.settings import load_settings


def described() -> Installation:
    """The installation of this folder, whose database is not opened yet; raises ConfigError if the settings are wrong."""
    return installation(load_settings(os.environ, Path.cwd()))


@contextmanager
def opened() -> Iterator[Installation]:
    """The installation of this folder, which is closed at the end.

    Raises:
        ConfigError: The settings are wrong, or the state folder cannot be written.
        RequestError: ``PENSTOCK_SERVER`` names another one.
        StoreError: The database cannot serve.
    """
    if url := server_asked():
        raise RequestError(f"this works on an installation of this machine, and PENSTOCK_SERVER names {url}. Unset it.")
    with described() as found:
        found.store  # noqa: B018 - a database that cannot serve is told at the start, and the state folder is made with it
        yield found


def server_asked() -> str:
    """The URL of the server that ``PENSTOCK_SERVER`` names; "" if it names none."""
    return os.environ.get("PENSTOCK_SERVER", "")


def asked() -> Installation:
    """What a command asks, for a ``with`` block: the installation whose server ``PENSTOCK_SERVER`` names, or that of this folder.

    Raises:
        ConfigError: The settings are wrong, or the URL of the server is none.
    """
    return asked_installation(os.environ, Path.cwd())
