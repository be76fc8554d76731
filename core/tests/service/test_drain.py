"""Only schedulers of this machine are drained, and nothing else is told to end."""

import os
import signal
import socket
import subprocess
import sys

import pytest

from penstock.errors import RequestError
from penstock.model.history.audit import AskedBy
from penstock.service.schedulers.drain import drain
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
    assert drain(installation, by=AskedBy("ann")).supervisors == [supervisor.pid]
    [row] = store.audit.page()
    assert (row.action, row.subject, row.person) == (
        "drain",
        f"scheduler process {pid} on {socket.gethostname()}",
        "ann",
    )
    assert supervisor.communicate(timeout=60)[0] == f"{int(signal.SIGUSR1)}\n"
