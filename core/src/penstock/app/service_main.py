"""What the main modules of services share: the installation, and the signal to stop."""

import os
import signal
from collections.abc import Callable
from pathlib import Path

from penstock.app.compose import installation
from penstock.app.parts.service_end import ended_by
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
    except Exception as error:  # noqa: BLE001 - a full disk, or a bug, ends in a sentence, too
        return ended_by(error, f"{name}: ")
    return 0
