"""Only schedulers of this machine are drained, and nothing else is told to end."""

import os
import signal
import socket
import subprocess
import sys

import msgspec
import pytest

from penstock.errors import NotFoundError, RequestError
from penstock.model.history.audit import AskedBy, AuditAction
from penstock.service.schedulers.drain import DrainState, _Drain, drain, drain_state
from penstock.store import Holder


class Role:
    """The scheduler's role, held by whom a test says."""

    def __init__(self, holders):
        self._holders = holders

    def holders(self):
        return self._holders

    def release(self):
        """The store is closed."""


HOLDERS = {
    "nobody": ([], "no scheduler of this installation runs on this machine"),
    "on another machine": ([("elsewhere", 1)], "One runs on elsewhere: drain it there"),
    "a number that is another process' by now": ([(socket.gethostname(), os.getpid())], "so none is drained"),
    "a process that is gone": ([(socket.gethostname(), 2**22 + 1)], "so none is drained"),
}


@pytest.mark.parametrize(("holders", "told"), HOLDERS.values(), ids=HOLDERS)
def test_who_is_no_scheduler_here_is_not_told_to_end(installation, store, now, holders, told):
    object.__setattr__(store, "role", Role([Holder("penstock up", host, pid, now) for host, pid in holders]))
    with pytest.raises(RequestError, match=told):
        drain(installation)


def test_one_that_has_no_words_of_its_own_is_known_by_those_of_its_supervisor(installation, store, now):
    code = "import os, signal\nif pid := os.fork(): print(pid, flush=True); print(os.waitpid(pid, 0)[1])\nelse: signal.pause()"
    supervisor = subprocess.Popen([sys.executable, "-c", code, "up"], stdout=subprocess.PIPE, text=True)
    pid = int(supervisor.stdout.readline())
    object.__setattr__(store, "role", Role([Holder("penstock up", socket.gethostname(), pid, now)]))
    told = drain(installation, by=AskedBy("ann"))
    assert told.supervisors == [supervisor.pid]
    assert drain_state(installation, told.number) is DrainState.DRAINING
    [row] = store.audit.page()
    assert row.number == told.number
    assert (row.action, row.subject, row.person) == (
        "drain",
        f"scheduler process {pid} on {socket.gethostname()}",
        "ann",
    )
    assert supervisor.communicate(timeout=60)[0] == f"{int(signal.SIGUSR1)}\n"


def test_what_comes_in_the_place_of_one_that_was_killed_is_told_by_a_new_drain_alone(installation, store, now):
    """This process stands for ``penstock up``, another for its scheduler, each with its own words."""
    code = "import signal; signal.signal(signal.SIGUSR1, lambda *_: exit(7)); print(flush=True); signal.pause()"
    program = ["-c", code, "penstock.app.scheduler", "up"]
    with subprocess.Popen([sys.executable, *program], stdout=subprocess.PIPE) as scheduler:
        scheduler.stdout.readline()
        kept = _Drain(socket.gethostname(), [(2**22 + 1, now)], [scheduler.pid])
        entry = AskedBy("ann").entry(now, AuditAction.DRAIN, after=msgspec.json.encode(kept).decode())
        with store.transaction() as tx:
            number = tx.audit(entry)
        object.__setattr__(store, "role", Role([Holder("penstock up", socket.gethostname(), scheduler.pid, now)]))
        assert drain_state(installation, number) is DrainState.REPLACED
        assert scheduler.poll() is None
        again = drain(installation)
        assert drain_state(installation, again.number) is DrainState.DRAINING
        assert scheduler.wait(60) == 7
    object.__setattr__(store, "role", Role([]))
    assert [drain_state(installation, each) for each in (number, again.number)] == [DrainState.DRAINED] * 2


def test_a_number_of_something_else_in_the_audit_is_no_drain(installation, store, now):
    with store.transaction() as tx:
        others = [
            tx.audit(AskedBy().entry(now, each, after="stopped")) for each in (AuditAction.DRAIN, AuditAction.SET)
        ]
    for number in (*others, 0, 2**63 - 1):
        with pytest.raises(NotFoundError, match=f"no drain is named '{number}'"):
            drain_state(installation, number)
