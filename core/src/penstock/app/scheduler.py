"""Main of the scheduler's process: ``python -m penstock.app.scheduler [notify]``, the latter if somebody listens."""

import gc
import os
import signal
import sys
from pathlib import Path

from penstock.app.compose import build_scheduler
from penstock.app.service_main import exit_code
from penstock.errors import PenstockError
from penstock.model.text import visible
from penstock.settings import load_settings


def main(*, notify: bool) -> int:
    """Schedule until SIGTERM or SIGINT; the exit code says what was wrong."""
    try:
        scheduler = build_scheduler(
            load_settings(os.environ, Path.cwd()), f"penstock up (process {os.getppid()})", notify=notify
        )
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: scheduler.stop())
        gc.freeze()
        scheduler.run()
    except PenstockError as error:
        print(visible(str(error)), file=sys.stderr)  # noqa: T201 - the supervisor shows it
        return exit_code(error)
    return 0


if __name__ == "__main__":
    sys.exit(main(notify=sys.argv[1:] == ["notify"]))
