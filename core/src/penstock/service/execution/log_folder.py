"""Where servers write the logs of tries on other machines: in one folder that all of them have, or a log may be split between theirs."""

import json
import os
import socket
import threading
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from uuid import uuid4

from penstock.store import Store

_MARK = ".folder-id"
_PREFIX = "log_folder "
_EVERY, _RECENT = timedelta(minutes=5), timedelta(minutes=15)


class LogFolder:
    """The folder of one server, which it names in the database as often as it writes there.

    Args:
        store: The database.
        folder: Of the logs.
    """

    def __init__(self, store: Store, folder: Path) -> None:
        self._logs, self._folder = store.logs, folder
        self._lock = threading.Lock()
        self._noted: datetime | None = None

    def note(self, now: datetime) -> None:
        """Note that logs are written here; raises StoreError."""
        with self._lock:
            if self._noted is not None and now < self._noted + _EVERY:
                return
            self._noted = now
        if mark := folder_mark(self._folder, make=True):
            where = {"host": socket.gethostname(), "folder": str(self._folder), "at": now.isoformat()}
            self._logs.keep_fact(f"{_PREFIX}{mark}", json.dumps(where))


def folder_mark(folder: Path, *, make: bool) -> str:
    """What tells a folder from others, wherever it is mounted; "" if it has none, or cannot have one."""
    path = folder / _MARK
    with suppress(OSError):
        if make and not path.exists():
            folder.mkdir(parents=True, exist_ok=True)
            beside = folder / f"{_MARK}.{os.getpid()}"
            beside.write_text(uuid4().hex)
            with suppress(FileExistsError):  # of two servers that come first at once, one makes it
                os.link(beside, path)
            beside.unlink()
        return path.read_text().strip()[:64]
    return ""


def split_logs(store: Store, folder: Path, now: datetime) -> str:
    """What is wrong with where servers have written logs lately, as seen from a machine with this folder; "" if nothing is."""
    written = {key.removeprefix(_PREFIX): json.loads(value) for key, value in store.logs.facts(_PREFIX).items()}
    recent = {mark: where for mark, where in written.items() if datetime.fromisoformat(where["at"]) > now - _RECENT}
    if len(recent) > 1:
        return (
            f"servers write logs of workers' tries into different folders, {_paths(recent)}: a log may be split between them. "
            "Have all of them share one: [core] logs_folder, on a file system that each has."
        )
    if recent and folder_mark(folder, make=False) not in recent:
        return (
            f"logs of workers' tries are written into {_paths(recent)}, and not into {folder} of this machine, where `tasks logs` looks. "
            "Have both share one ([core] logs_folder), or set [logs] store on each."
        )
    return ""


def _paths(written: Mapping[str, Mapping[str, str]]) -> str:
    return " and ".join(sorted(f"{where['folder']} on {where['host']}" for where in written.values()))
