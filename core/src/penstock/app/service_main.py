"""What the main modules of services share: settings and store, the signal to stop, and the exit code."""

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from penstock.app.compose import open_store
from penstock.errors import ExitCode, PenstockError
from penstock.settings import Settings, load_settings
from penstock.store import Store


def run_service(name: str, run: Callable[[Settings, Store, int], None]) -> int:
    """Run a service of an installation until SIGTERM or SIGINT.

    Args:
        name: Of the service, for its error messages.
        run: Works until its last argument, a descriptor, is readable.

    Returns:
        The exit code: 0 after a clean stop, 5 if the installation is wrong.
    """
    stop_r, stop_w = os.pipe()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: os.write(stop_w, b"x"))
    try:
        settings = load_settings(os.environ, Path.cwd())
        with open_store(settings) as store:
            run(settings, store, stop_r)
    except PenstockError as error:
        print(f"{name}: {error}", file=sys.stderr)  # noqa: T201 - the supervisor's terminal
        return ExitCode.UNAVAILABLE
    return 0
