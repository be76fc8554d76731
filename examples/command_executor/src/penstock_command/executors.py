"""An executor in one class: for each ticket it starts a command that runs a worker somewhere."""

import os
import subprocess
from collections.abc import Sequence
from contextlib import suppress

from penstock.errors import ConfigError
from penstock.spec.remote import Refused, RemoteContext, RemoteExecutor, Ticket

_SLOTS = 4  # unless the option `slots`, which every remote executor has, says another number


class CommandExecutor(RemoteExecutor):
    """Starts a command for each ticket, which it finds in ``PENSTOCK_TICKET``.

    Args:
        context: What the scheduler makes it with.

    Raises:
        ConfigError: There is no command.
    """

    def __init__(self, context: RemoteContext) -> None:
        super().__init__(context)
        command = context.options.get("command")
        if not (isinstance(command, list) and command and all(isinstance(each, str) for each in command)):
            raise ConfigError(f"[executors.{context.name}]: command is to be a list of words.")
        self._command = command
        # The scheduler's environment holds what lets in at its database, and more: a command gets what is named.
        names = context.options.get("environ", ["HOME", "LANG", "PATH", "TMPDIR", "TZ"])
        self._environ = {name: os.environ[name] for name in (*names, "PENSTOCK_SERVER") if name in os.environ}
        self._processes: dict[str, subprocess.Popen[bytes]] = {}

    def ring(self, tickets: Sequence[Ticket]) -> Sequence[Refused]:
        """Start the command for each ticket, unless it runs."""
        for ticket in tickets:
            found = self._processes.get(ticket.name)
            if found is None or found.poll() is not None:
                environ = {**self._environ, "PENSTOCK_TICKET": ticket.secret}
                if self.context.server:
                    environ["PENSTOCK_SERVER"] = self.context.server
                self._processes[ticket.name] = subprocess.Popen(self._command, env=environ, stdin=subprocess.DEVNULL)
        return []

    def silence(self, tickets: Sequence[Ticket], reason: str) -> None:  # noqa: ARG002 - the command needs no reason
        """End the commands of tickets whose tries must not run."""
        for ticket in tickets:
            if (process := self._processes.get(ticket.name)) is not None and process.poll() is None:
                process.terminate()

    def look(self, tickets: Sequence[Ticket]) -> None:
        """Tell of open tickets whose command has ended, and bury the others."""
        for ticket in tickets:
            process = self._processes.get(ticket.name)
            if process is not None and process.poll() is not None:
                self.context.gone(ticket.name, f"its command ended with {process.returncode}")
        for name in [name for name, process in self._processes.items() if process.poll() is not None]:
            del self._processes[name]

    def stop(self) -> None:
        """Bury the commands that are about to end; the others go on without this process."""
        for process in self._processes.values():
            with suppress(subprocess.TimeoutExpired):
                process.wait(2.0)

    def slots(self) -> int:
        """Commands at once."""
        return _SLOTS
