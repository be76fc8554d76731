"""Where tries run: each by a worker that is started for it.

The workers are processes of this machine. The client of your engine in place of `subprocess` has them run there: a worker needs its
ticket, the URL of the server, and an installed `penstock-core`.
"""

import os
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress

from penstock.errors import ConfigError
from penstock.spec.remote import Refused, RemoteContext, RemoteExecutor, Ticket

_JOBS = 4
_END_S = 2.0
_KEPT = ("HOME", "LANG", "PATH", "PENSTOCK_SERVER", "PYTHONPATH", "TMPDIR", "TZ")


class SampleExecutor(RemoteExecutor):
    """Starts a worker for each ticket.

    The scheduler's process makes one, and calls its methods one at a time, in a thread of their own.

    Args:
        context: What the scheduler makes it with.

    Raises:
        ConfigError: Its options are wrong.
    """

    def __init__(self, context: RemoteContext) -> None:
        super().__init__(context)
        usual = [sys.executable, "-m", "penstock", "worker", "--ticket"]
        command = context.options.get("command", usual)
        if not (isinstance(command, list) and command and all(isinstance(each, str) for each in command)):
            raise ConfigError(f"[executors.{context.name}]: command is {command!r}; write a list of words.")
        self._command: list[str] = command
        self._jobs: dict[str, subprocess.Popen[bytes]] = {}

    def ring(self, tickets: Sequence[Ticket]) -> Sequence[Refused]:
        """Start a job for each ticket that has none; returns those that never can have one, each with a reason."""
        # The scheduler's environment may hold the database's password: a job gets what it needs.
        environ = {name: os.environ[name] for name in _KEPT if name in os.environ}
        if self.context.server:
            environ["PENSTOCK_SERVER"] = self.context.server
        for ticket in tickets:
            if (job := self._jobs.get(ticket.name)) is None or job.poll() is not None:
                own = {**environ, "PENSTOCK_TICKET": ticket.secret}
                job = subprocess.Popen(self._command, env=own, stdin=subprocess.DEVNULL)  # noqa: S603 - no shell
                self._jobs[ticket.name] = job
        return []

    def silence(self, tickets: Sequence[Ticket], reason: str) -> None:  # noqa: ARG002 - a signal has no reason
        """End the jobs of tickets whose tries must not run."""
        for ticket in tickets:
            if (job := self._jobs.get(ticket.name)) is not None:
                job.terminate()

    def look(self, tickets: Sequence[Ticket]) -> None:
        """Name the open tickets whose job has ended: such a try is lost, unless its end is stored already."""
        for ticket in tickets:
            if (job := self._jobs.get(ticket.name)) is not None and job.poll() is not None:
                self.context.gone(ticket.name, f"its job ended with {job.returncode}")
        self._jobs = {name: job for name, job in self._jobs.items() if job.poll() is None}

    def stop(self) -> None:
        """Wait for jobs that are about to end; the others run on without this process."""
        for job in self._jobs.values():
            with suppress(subprocess.TimeoutExpired):
                job.wait(_END_S)

    def slots(self) -> int:
        """Jobs at once, unless the option `slots` sets another number."""
        return _JOBS
