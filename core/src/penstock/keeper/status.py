"""How services fare, kept in files for whoever asks from another process."""

import fcntl
import os
import select
from datetime import datetime
from enum import StrEnum
from pathlib import Path

import msgspec

from penstock.decoders import decode_json
from penstock.processes.files import keep

_LOOK_S = 0.2
FOLDER = "services"
"""Folder of these files, and of the services' own, in the state folder; of their logs in that of all logs."""


class ServiceState(StrEnum):
    """What a service does."""

    STARTING = "starting"
    RUNNING = "running"
    UNHEALTHY = "unhealthy"
    WAITING = "waiting"
    STOPPED = "stopped"


class ServiceStatus(msgspec.Struct, frozen=True):
    """How a service fares.

    Attributes:
        name: Its name in the settings.
        state: ``waiting`` for its next start, after its process has ended.
        detail: What it has reported last.
        pid: Its process; None while there is none.
        since: When that was started, or had ended.
        ends: How often its process has ended since ``penstock up`` started.
        last_end: How it ended last; "" if it did not.
    """

    name: str
    state: ServiceState = ServiceState.STARTING
    detail: str = ""
    pid: int | None = None
    since: datetime | None = None
    ends: int = 0
    last_end: str = ""


class StatusFiles:
    """The files of all services of an installation.

    Args:
        state_folder: The state folder.
    """

    def __init__(self, state_folder: Path) -> None:
        self._folder = state_folder / FOLDER

    def own_folder(self, name: str) -> Path:
        """The folder that is a service's own."""
        return self._folder / name

    def hold(self, stop: int) -> int | None:
        """Lock the files for as long as the descriptor that is returned is open; the keeper does.

        Args:
            stop: Readable once the keeper is to end; None is returned if it is before an earlier keeper has ended.

        Raises:
            OSError: The folder cannot be written.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        lock = os.open(self._folder / "keeper.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except (
                BlockingIOError
            ):  # a second `penstock up` here: a wait for the lock itself would not hear that it is refused
                if select.select([stop], [], [], _LOOK_S)[0]:
                    os.close(lock)
                    return None
            else:
                return lock

    @property
    def held(self) -> bool:
        """Whether a keeper lives, so that what the files say is so."""
        try:
            lock = os.open(self._folder / "keeper.lock", os.O_RDWR | os.O_CLOEXEC)
        except OSError:
            return False
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            return True
        finally:
            os.close(lock)
        return False

    def write(self, status: ServiceStatus) -> bool:
        """Keep how a service fares; whether that was possible."""
        return keep(self._folder / f"{status.name}.json", msgspec.json.encode(status))

    def read(self, name: str) -> ServiceStatus | None:
        """How a service fares, as its keeper said last; None if none did."""
        try:
            return decode_json((self._folder / f"{name}.json").read_bytes(), ServiceStatus)
        except (OSError, msgspec.MsgspecError):
            return None
