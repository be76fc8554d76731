"""Has the schedulers of this machine end once what they run has ended."""

import os
import signal
import socket
from collections.abc import Sequence
from pathlib import Path

import msgspec

from penstock.errors import RequestError
from penstock.model.access.permission import Permission
from penstock.model.history.audit import NOBODY, AskedBy, AuditAction
from penstock.service.installation import Installation
from penstock.service.operations.operation import operation
from penstock.store import Holder

_PROGRAM = b"penstock.app.scheduler"


class Draining(msgspec.Struct, frozen=True):
    """The schedulers that were told to drain.

    Attributes:
        tries: How many tries they and others run now, sensors that wait left out.
        supervisors: The processes of ``penstock up`` above them.
        stop_grace_s: Seconds that tries have to end in once they are told to.
    """

    holders: list[Holder]
    tries: int
    supervisors: list[int] = []
    stop_grace_s: float = 0.0


@operation("POST", "/drain", needs=Permission.INSTALLATION_WRITE)
def drain(installation: Installation, *, by: AskedBy = NOBODY) -> Draining:
    """Have the schedulers of the installation's machine begin no try any more, and end once those that run have ended.

    ``penstock up`` ends with them, and the server that it keeps. It is in the audit before they are told.

    Raises:
        RequestError: None runs here.
        StoreError: The database failed.
    """
    holders = installation.store.role.holders()
    here = _here(holders)
    if not here:
        elsewhere = ", ".join(sorted({each.host for each in holders}))
        more = f" One runs on {elsewhere}: drain it there." if elsewhere else ""
        raise RequestError(f"no scheduler of this installation runs on this machine, so none is drained.{more}")
    _note(installation, here, by)
    supervisors = [parent for each in here if _is_supervisor(parent := _parent_of(each.pid))]
    for holder in here:
        os.kill(holder.pid, signal.SIGUSR1)
    grace_s = installation.settings.executor.stop_grace_s
    return Draining(here, running_tries(installation), supervisors, grace_s)


@operation("POST", "/drain/stop", needs=Permission.INSTALLATION_WRITE)
def stop_draining(installation: Installation, *, by: AskedBy = NOBODY) -> bool:
    """Have the schedulers of the machine stop now: what runs is ended, as when `penstock up` is stopped.

    Returns:
        Whether there was one; if so, it is in the audit before they are told.

    Raises:
        StoreError: The database failed.
    """
    here = _here(installation.store.role.holders())
    if here:
        _note(installation, here, by, "stopped: ")
    for holder in here:
        os.kill(holder.pid, signal.SIGTERM)
    return here != []


@operation("POST", "/drain/state", needs=Permission.INSTALLATION_WRITE, reads=True)
def is_drained(installation: Installation, draining: Draining) -> bool:
    """Tell whether all of them have ended, and ``penstock up`` with them; raises StoreError.

    One that was killed meanwhile has been replaced by one that knows of no drain: that is told now.
    """
    known = {(each.host, each.pid, each.since) for each in draining.holders}
    holders = installation.store.role.holders()
    if any((each.host, each.pid, each.since) in known for each in holders):
        return False
    if not any(map(_is_supervisor, draining.supervisors)):
        return True
    for holder in _here(holders):
        os.kill(holder.pid, signal.SIGUSR1)
    return False


def running_tries(installation: Installation) -> int:
    """How many tries run, sensors that wait left out; raises StoreError."""
    return installation.store.runs.open_tries(list(installation.settings.executors))


def _note(installation: Installation, holders: Sequence[Holder], by: AskedBy, what: str = "") -> None:
    subject = what + ", ".join(f"scheduler process {each.pid} on {each.host}" for each in holders)
    with installation.store.transaction() as tx:
        tx.audit(by.entry(installation.now(), AuditAction.DRAIN, subject=subject))


def _here(holders: Sequence[Holder]) -> list[Holder]:
    """Those that are schedulers of this machine."""
    return [each for each in holders if each.host == socket.gethostname() and _is_scheduler(each.pid)]


def _is_scheduler(pid: int) -> bool:
    """Whether a process of this machine is one: its number may be another's by now.

    One whose kernel has let it have no words of its own is shown with those of its supervisor.
    """
    words = _words_of(pid)
    return _PROGRAM in words or (b"up" in words and _words_of(_parent_of(pid)) == words)


def _is_supervisor(pid: int) -> bool:
    """Whether a process of this machine is ``penstock up``."""
    return b"up" in _words_of(pid)


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
