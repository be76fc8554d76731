"""Has the schedulers of this machine end once what they run has ended."""

import os
import signal
import socket
from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from pathlib import Path

import msgspec

from penstock.decoders import decode_json
from penstock.errors import NotFoundError, RequestError
from penstock.model.access.permission import Permission
from penstock.model.history.audit import NOBODY, AskedBy, AuditAction, AuditEntry
from penstock.service.installation import Installation
from penstock.service.operations.operation import operation
from penstock.store import Holder

_PROGRAM = b"penstock.app.scheduler"


class Draining(msgspec.Struct, frozen=True):
    """The schedulers that were told to drain.

    Attributes:
        number: Of who asks in the audit, where they are remembered.
        tries: How many tries they and others run now, sensors that wait left out.
        supervisors: The processes of ``penstock up`` above them.
        stop_grace_s: Seconds that tries have to end in once they are told to.
    """

    number: int
    tries: int
    supervisors: list[int] = []
    stop_grace_s: float = 0.0


class DrainState(StrEnum):
    """How far it has come.

    Attributes:
        DRAINING: Some have not ended.
        REPLACED: All have ended, and another scheduler works in the place of one that was killed: it knows of no drain.
        DRAINED: All have ended, and ``penstock up`` with them.
    """

    DRAINING = "draining"
    REPLACED = "replaced"
    DRAINED = "drained"


class _Drain(msgspec.Struct, frozen=True):
    """What was told to drain, as the audit keeps it: schedulers by their process and since when they work."""

    host: str
    schedulers: list[tuple[int, datetime]]
    supervisors: list[int]


@operation("POST", "/drain", needs=Permission.INSTALLATION_WRITE)
def drain(installation: Installation, *, by: AskedBy = NOBODY) -> Draining:
    """Have the schedulers of the installation's machine begin no try any more, and end once those that run have ended.

    ``penstock up`` ends with them, and the server that it keeps. It is in the audit before they are kept.

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
    supervisors = [parent for each in here if _is_supervisor(parent := _parent_of(each.pid))]
    kept = msgspec.json.encode(_Drain(here[0].host, [(each.pid, each.since) for each in here], supervisors)).decode()
    number = _note(installation, here, by, after=kept)
    for holder in here:
        os.kill(holder.pid, signal.SIGUSR1)
    grace_s = installation.settings.executor.stop_grace_s
    return Draining(number, running_tries(installation), supervisors, grace_s)


@operation("POST", "/drain/stop", needs=Permission.INSTALLATION_WRITE)
def stop_draining(installation: Installation, *, by: AskedBy = NOBODY) -> bool:
    """Have the schedulers of the machine stop now: what runs is ended, as when `penstock up` is stopped.

    Returns:
        Whether there was one; if so, it is in the audit before they are kept.

    Raises:
        StoreError: The database failed.
    """
    here = _here(installation.store.role.holders())
    if here:
        _note(installation, here, by, "stopped: ", after="stopped")
    for holder in here:
        os.kill(holder.pid, signal.SIGTERM)
    return here != []


@operation("GET", "/drain/{number}", needs=Permission.INSTALLATION_WRITE)
def drain_state(installation: Installation, number: int) -> DrainState:
    """Tell how far the schedulers have come that were told to drain.

    Args:
        installation: The installation.
        number: The number that was told then.

    Raises:
        NotFoundError: Nothing of this number was drained, or that is longer ago than the audit is kept.
        StoreError: The database failed.
    """
    kept = _drain_of(installation.store.audit.get(number))
    if kept is None:
        raise NotFoundError("drain", str(number), hint="See: penstock audit --action drain")
    holders = installation.store.role.holders()
    if any(each.host == kept.host and (each.pid, each.since) in kept.schedulers for each in holders):
        return DrainState.DRAINING
    if not any(map(_is_supervisor, kept.supervisors)):
        return DrainState.DRAINED
    return DrainState.REPLACED if _here(holders) else DrainState.DRAINING


def _drain_of(entry: AuditEntry | None) -> _Drain | None:
    if entry is None or entry.action is not AuditAction.DRAIN:
        return None
    try:
        return decode_json(entry.after, _Drain)
    except msgspec.DecodeError:  # of one that stopped them
        return None


def running_tries(installation: Installation) -> int:
    """How many tries run, sensors that wait left out; raises StoreError."""
    return installation.store.runs.open_tries(list(installation.settings.executors))


def _note(installation: Installation, holders: Sequence[Holder], by: AskedBy, what: str = "", *, after: str) -> int:
    subject = what + ", ".join(f"scheduler process {each.pid} on {each.host}" for each in holders)
    with installation.store.transaction() as tx:
        return tx.audit(by.entry(installation.now(), AuditAction.DRAIN, subject=subject, after=after))


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
