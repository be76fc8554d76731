"""Main of a sweep: ``python -m penstock.app.retention``, started by the loader, deletes what is older than the settings say."""

import select
import sys

from penstock.app.service_main import run_service
from penstock.service.installation import Installation
from penstock.service.retention.sweep import RetentionSweep
from penstock.terminal import write_line

_PAUSE_S = 0.1
"""Seconds between two portions, in which others have the database."""


def main() -> int:
    """Sweep once, or until SIGTERM; the exit code is that of what was wrong."""
    return run_service("retention", sweep)


def sweep(installation: Installation, stop: int) -> None:
    """Delete a portion after the other, others having the database in between, until nothing is old or ``stop`` is readable."""
    for _ in RetentionSweep(installation, _log).portions():
        if select.select([stop], [], [], _PAUSE_S)[0]:
            return


def _log(line: str) -> None:
    write_line(f"retention: {line}")


if __name__ == "__main__":
    sys.exit(main())
