"""The one place of the command line that makes the installation which a command works on."""

import getpass
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from penstock.cli.terminal import print_remark
from penstock.errors import ConfigError, RequestError
from penstock.settings import Settings, load_settings, with_secret_files

if TYPE_CHECKING:
    from penstock.service.installation import Installation


def settings_of(context: click.Context) -> Settings:
    """Read the settings that hold here; raises ConfigError."""
    environ: Mapping[str, str] = context.obj
    return load_settings(environ, Path.cwd())


def project(context: click.Context, *, create: bool = False) -> "Installation":
    """Open the project of the working folder, for a ``with`` block.

    Args:
        context: Of the command.
        create: Whether its database is made if there is none yet: only by a command that puts something in. Where one is
            missing, others would say that all is empty, and a database that was lost would look like a new one.

    Raises:
        ConfigError: The settings are wrong, or nobody meant to have a project here; or the URL of the server is none.
    """
    if (far := _elsewhere(context.obj)) is not None:
        return far
    settings = settings_of(context)
    require_project(settings)
    return _open(settings, create=create)


def anywhere(context: click.Context, *, timeout_s: float | None = None) -> "Installation":
    """Open what there is in any folder, for a ``with`` block; no database is made. Raises ConfigError.

    Args:
        context: Of the command.
        timeout_s: Seconds in which a server has to answer, which is asked once then; as usual unless given.
    """
    if (far := _elsewhere(context.obj, timeout_s)) is not None:
        return far
    return on_this_machine(context)


def on_this_machine(context: click.Context) -> "Installation":
    """Open what there is in any folder, though another installation may be asked, for a ``with`` block. Raises ConfigError."""
    return _open(settings_of(context), create=False)


def new_project(settings: Settings) -> "Installation":
    """Open a project that was just made, for a ``with`` block."""
    return _open(settings, create=True)


def require_project(settings: Settings) -> None:
    """Refuse a folder where nobody meant to have a project; raises ConfigError."""
    if settings.file is None and not settings.database.url and not settings.state_folder.exists():
        raise ConfigError(
            f"there is no penstock.toml in {settings.root} or above. Make a project here with `penstock init`, "
            "change into one, or name its file in PENSTOCK_CONFIG."
        )


def run_everything(settings: Settings) -> int:
    """Run the processes of an installation until they are stopped; returns the exit code."""
    from penstock.app.up import up  # noqa: PLC0415 - a refusal need not wait for the import

    return up(settings)


def person() -> str:
    """Name who runs this command; "" if that is not known."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return ""


def remind_of_scheduler(installation: "Installation") -> bool:
    """Tell whether somebody will act on a request, and say on stderr if nobody will."""
    from penstock.service.schedulers.schedulers import is_scheduled  # noqa: PLC0415 - few commands ask the scheduler

    runs = is_scheduled(installation)
    if not runs:
        print_remark("no scheduler is running: this waits until `penstock up` is")
    return runs


def require_here(context: click.Context) -> None:
    """Refuse what makes or runs an installation on this machine while another one is asked; raises RequestError."""
    if context.obj.get("PENSTOCK_SERVER"):
        raise RequestError(
            f"this works on an installation of this machine, and PENSTOCK_SERVER names {context.obj['PENSTOCK_SERVER']}. Unset it."
        )


def _elsewhere(environ: Mapping[str, str], timeout_s: float | None = None) -> "Installation | None":
    """The installation whose server the environment names, if it names one; raises ConfigError."""
    environ = with_secret_files(environ)
    url = environ.get("PENSTOCK_SERVER", "")
    if not url:
        return None
    from penstock.app.parts.remote import remote_installation  # noqa: PLC0415 - most commands ask no server

    token, authority = environ.get("PENSTOCK_TOKEN", ""), environ.get("PENSTOCK_SERVER_AUTHORITY", "")
    return remote_installation(url, token, authority=authority, timeout_s=timeout_s)


def _open(settings: Settings, *, create: bool) -> "Installation":
    from penstock.app.compose import installation  # noqa: PLC0415 - `penstock up` itself opens no database

    return installation(settings, create=create)
