"""What the server serves: the installation that the settings of its folder and environment describe."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from penstock.app.compose import installation
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
        StoreError: The database cannot serve.
    """
    with described() as found:
        found.store  # noqa: B018 - a database that cannot serve is told at the start, and the state folder is made with it
        yield found
