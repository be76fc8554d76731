"""What the main modules of services share: the installation, the signal to stop, and the exit code."""

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from penstock.app.compose import installation
from penstock.errors import ExitCode, PenstockError, StoreGoneError
from penstock.model.text import visible
from penstock.service.installation import Installation
from penstock.settings import load_settings


def run_service(name: str, run: Callable[[Installation, int], None]) -> int:
    """Run a service of an installation until SIGTERM or SIGINT.

    Args:
        name: Of the service, for its error messages.
        run: Works until its last argument, a descriptor, is readable.

    Returns:
        The exit code: 0 after a clean stop, 5 if the installation is wrong, 4 if its database is gone.
    """
    stop_r, stop_w = os.pipe()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: os.write(stop_w, b"x"))
    try:
        with installation(load_settings(os.environ, Path.cwd())) as found:
            run(found, stop_r)
    except PenstockError as error:
        print(visible(f"{name}: {error}"), file=sys.stderr)  # noqa: T201 - the supervisor's terminal
        # A service that was started again would make a new database in place of the one that is gone.
        return ExitCode.REFUSED if isinstance(error, StoreGoneError) else ExitCode.UNAVAILABLE
    return 0
