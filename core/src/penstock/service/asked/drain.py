"""Has the schedulers of this machine end once what they run has ended."""

import os
import signal
import socket
from pathlib import Path

import msgspec

from penstock.errors import RequestError
from penstock.service.installation import Installation
from penstock.store import Holder

_PROGRAM = b"penstock.app.scheduler"


class Draining(msgspec.Struct, frozen=True):
    """The schedulers that were told to drain.

    Attributes:
        tries: How many tries they and others run now, sensors that wait left out.
        supervisors: The processes of ``penstock up`` above them.
    """

    holders: list[Holder]
    tries: int
    supervisors: list[int] = []


def drain(installation: Installation) -> Draining:
    """Have the schedulers of this machine begin no try any more, and end once those that run have ended.

    Raises:
        RequestError: None runs here.
        StoreError: The database failed.
    """
    holders = installation.store.role.holders()
    here = [each for each in holders if each.host == socket.gethostname() and _is_scheduler(each.pid)]
    if not here:
        elsewhere = ", ".join(sorted({each.host for each in holders}))
        more = f" One runs on {elsewhere}: drain it there." if elsewhere else ""
        raise RequestError(f"no scheduler of this installation runs on this machine, so none is drained.{more}")
    supervisors = [parent for each in here if _is_supervisor(parent := _parent_of(each.pid))]
    for holder in here:
        os.kill(holder.pid, signal.SIGUSR1)
    return Draining(here, running_tries(installation), supervisors)


def stop_draining(draining: Draining) -> None:
    """Have the schedulers stop now: what runs is ended, as when `penstock up` is stopped."""
    for holder in draining.holders:
        if _is_scheduler(holder.pid):
            os.kill(holder.pid, signal.SIGTERM)


def is_drained(installation: Installation, draining: Draining) -> bool:
    """Tell whether all of them have ended, and ``penstock up`` with them; raises StoreError."""
    known = {(each.host, each.pid, each.since) for each in draining.holders}
    if any(map(_is_supervisor, draining.supervisors)):
        return False
    return not any((each.host, each.pid, each.since) in known for each in installation.store.role.holders())


def running_tries(installation: Installation) -> int:
    """How many tries run, sensors that wait left out; raises StoreError."""
    return installation.store.runs.open_tries(list(installation.settings.executors))


def _is_scheduler(pid: int) -> bool:
    """Whether a process of this machine is one: its number may be another's by now."""
    return _PROGRAM in _words_of(pid)


def _is_supervisor(pid: int) -> bool:
    """Whether a process of this machine is ``penstock up``."""
    return _words_of(pid)[-1:] == [b"up"]


def _words_of(pid: int) -> list[bytes]:
    """The command line of a process; empty if there is none of this number, or it is ending."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[:-1]
    except OSError:
        return []


def _parent_of(pid: int) -> int:
    """The parent of a process; 0 if it is gone."""
    try:
        return int(Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[1])
    except OSError:
        return 0
