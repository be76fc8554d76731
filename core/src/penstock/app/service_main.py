"""What the main modules of services share: the installation, the signal to stop, and the exit code."""

import os
import signal
import sys
import traceback
from collections.abc import Callable
from pathlib import Path

from penstock.app.compose import installation
from penstock.errors import (
    ExitCode,
    InternalError,
    PenstockError,
    StoreFencedError,
    StoreGoneError,
    StoreHeldError,
    StoreUnavailableError,
)
from penstock.model.names import error_reason
from penstock.model.text import visible
from penstock.model.values.address_secrets import without_url_secrets
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


def ended_by(error: Exception, prefix: str = "") -> ExitCode:
    """Print what has ended a service.

    Returns:
        What that says to `penstock up`: 4 and 5 that a restart is no use, the latter at the start alone.
    """
    code = _code(error)
    if os.environ.get("PENSTOCK_TRACEBACK") == "1":
        traceback.print_exception(error)
    text = error_reason(error)
    if code is ExitCode.BUG:
        text = f"a bug in Penstock: {text}. PENSTOCK_TRACEBACK=1 shows where it happened."
    print(visible(without_url_secrets(f"{prefix}{text}")), file=sys.stderr)  # noqa: T201 - the supervisor's terminal
    return code


def _code(error: Exception) -> ExitCode:
    match error:
        case StoreGoneError() | StoreHeldError():
            # Started again, it would make a new database in place of the one that is gone.
            return ExitCode.REFUSED
        case StoreUnavailableError() | StoreFencedError() | OSError() | MemoryError():
            return ExitCode.FAILED
        case PenstockError() if not isinstance(error, InternalError):
            return ExitCode.UNAVAILABLE
        case _:
            return ExitCode.BUG
