"""How a service's process says what has ended it; beside `penstock.app.service_main`, as a worker has no database to import."""

import os
import sys
import traceback

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
