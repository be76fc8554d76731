"""What the server serves: the installation that the settings of its folder and environment describe."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from starlette.types import ASGIApp

from penstock.app.compose import installation
from penstock.settings import load_settings
from penstock_server.http.application import application
from penstock_server.http.authenticator import OwnerToken


@contextmanager
def opened() -> Iterator[ASGIApp]:
    """The application over this installation, which is closed at the end.

    Raises:
        ConfigError: The settings are wrong, or the state folder cannot be written.
        StoreError: The database cannot serve.
    """
    with installation(load_settings(os.environ, Path.cwd())) as found:
        found.store  # noqa: B018 - a database that cannot serve is told at the start, and the state folder is made with it
        yield application(found, OwnerToken.of(found.settings.state_folder))
