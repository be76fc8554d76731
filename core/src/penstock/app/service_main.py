"""What the main modules of services share: the installation, the signal to stop, and the exit code."""

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from penstock.app.compose import installation
from penstock.errors import ExitCode, PenstockError, StoreGoneError, StoreHeldError, StoreUnavailableError
from penstock.model.text import visible
from penstock.service.installation import Installation
from penstock.settings import load_settings


def run_service(name: str, run: Callable[[Installation, int], None]) -> int:
    """Run a service of an installation until SIGTERM or SIGINT.

    Args:
        name: Of the service, for its error messages.
        run: Works until its last argument, a descriptor, is readable.

    Returns:
        The exit code: 0 after a clean stop, else that of the error.
    """
    stop_r, stop_w = os.pipe()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: os.write(stop_w, b"x"))
    try:
        with installation(load_settings(os.environ, Path.cwd())) as found:
            run(found, stop_r)
    except PenstockError as error:
        print(visible(f"{name}: {error}"), file=sys.stderr)  # noqa: T201 - the supervisor's terminal
        return exit_code(error)
    return 0


def exit_code(error: PenstockError) -> ExitCode:
    """What the end of a service by an error says to `penstock up`: 4 and 5 that a restart is no use, the latter at the start alone."""
    match error:
        case StoreGoneError() | StoreHeldError():
            # Started again, it would make a new database in place of the one that is gone.
            return ExitCode.REFUSED
        case StoreUnavailableError():
            return ExitCode.FAILED
        case _:
            return ExitCode.UNAVAILABLE
