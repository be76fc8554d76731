"""Main of the scheduler's process: ``python -m penstock.app.scheduler [notify]``, the latter if somebody listens."""

import gc
import os
import signal
import sys
from pathlib import Path

from penstock.app.compose import build_scheduler
from penstock.app.service_main import ended_by
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
    except Exception as error:  # noqa: BLE001 - a full disk, or a bug, ends in a sentence, too
        return ended_by(error)
    return 0


if __name__ == "__main__":
    sys.exit(main(notify=sys.argv[1:] == ["notify"]))
