"""Main of the scheduler's process: ``python -m penstock.app.scheduler [notify]``, the latter if somebody listens."""

import gc
import os
import signal
import sys
from pathlib import Path

from penstock.app.compose import build_scheduler
from penstock.app.service_main import ended_by
from penstock.processes.supervise import ALL_DONE
from penstock.settings import load_settings


def main(*, notify: bool) -> int:
    """Schedule until SIGTERM or SIGINT, or from SIGUSR1 on until no try runs; the exit code says which, or what was wrong."""
    asked: list[bool] = []
    try:
        signal.signal(signal.SIGUSR1, lambda *_: asked.append(True))
        scheduler = build_scheduler(
            load_settings(os.environ, Path.cwd()), f"penstock up (process {os.getppid()})", notify=notify
        )
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: scheduler.stop())
        signal.signal(signal.SIGUSR1, lambda *_: scheduler.drain())
        if asked:
            scheduler.drain()
        gc.freeze()
        scheduler.run()
    except Exception as error:  # noqa: BLE001 - a full disk, or a bug, ends in a sentence, too
        return ended_by(error)
    return ALL_DONE if scheduler.drained else 0


if __name__ == "__main__":
    sys.exit(main(notify=sys.argv[1:] == ["notify"]))
