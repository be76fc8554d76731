"""What a service is: a long-running part of a provider, which ``penstock up`` keeps alive, such as a web page or a gateway.

A provider names the class of its service in its manifest (``[[services]]``), or a module of the project answers
``penstock_services``; the settings choose it (``[services]``). What they do not name does not run. The class is called with the options
of ``[services.NAME]`` as keyword arguments and returns a `Service`.

Each runs in a process of its own, from the start of ``penstock up`` to its end. A process that ends is started again, after a
pause that doubles up to half a minute, and starts over with a process that has lived for a minute. None of this
holds up anything else. What it prints goes into ``logs/services/NAME.log``, without the secrets that it has asked for.

A service may ask for connections and Variables, as a task does, and so may the hooks that it uses, in the thread that calls `run`.
In that thread it may also ask how many tries run beside it.
"""

import os
import select
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Protocol

__all__ = ["Service", "ServiceContext"]


class ServiceContext:
    """What a service is run with; made by Penstock.

    Args:
        name: The service's name in the settings.
        folder: A folder that is its own, and outlives its process; it exists.
        send: Takes what is reported: whether the service is well, and a sentence.
        count: Counts the tries that run here.

    Attributes:
        name: The service's name in the settings.
        folder: A folder that is its own, and outlives its process; it exists.
    """

    def __init__(self, name: str, folder: Path, send: Callable[[bool, str], None], count: Callable[[], int]) -> None:
        self.name, self.folder, self._send, self._count = name, folder, send, count
        self._stopping = False
        self._reading, self._writing = os.pipe()
        os.set_blocking(self._writing, False)

    @property
    def stopping(self) -> bool:
        """Whether `Service.run` is to return."""
        return self._stopping

    def fileno(self) -> int:
        """A descriptor that is readable once `Service.run` is to return, for a selector."""
        return self._reading

    def wait(self, seconds: float | None = None) -> bool:
        """Wait for so many seconds, for ever unless given, or until `Service.run` is to return; whether it is."""
        waiting = select.poll()
        waiting.register(self._reading, select.POLLIN)
        waiting.poll(None if seconds is None else max(seconds, 0) * 1000)
        return self._stopping

    def report(self, detail: str = "", *, healthy: bool = True) -> None:
        """Say how the service fares; may be called from any thread.

        Whoever begins to report goes on: after ``report_s`` of its table without a report it counts as hung, and is started
        again. One that never reports is left alone for as long as its process lives.

        Args:
            detail: What people see beside it, such as ``listening on port 8080``.
            healthy: Whether it does what it is for; one that says no is shown by ``penstock doctor``, and left alone.
        """
        self._send(healthy, detail)

    def running_tries(self) -> int:
        """Ask how many tries this machine has: those that its own executors were handed, and that have not ended.

        Sensors hold none while they wait, and tries of a provider's executor run elsewhere.

        Raises:
            penstock.errors.PenstockError: The database cannot be asked now.
        """
        return self._count()

    def stop(self) -> None:
        """Have `Service.run` return; called by Penstock, in a signal handler."""
        # No lock, and so no threading.Event: the handler runs in the main thread, which may hold it in `wait`, and would wait for itself.
        self._stopping = True
        with suppress(BlockingIOError):  # told so often that it is readable anyway
            os.write(self._writing, b"x")


class Service(Protocol):
    """Something that runs all the time."""

    def run(self, context: ServiceContext) -> None:
        """Work until `ServiceContext.stopping`; called once, in the main thread of the service's process.

        SIGTERM, which Penstock sends when it stops, sets `ServiceContext.stopping`. Who has not returned ``stop_s`` later is killed. What
        is raised is told by ``penstock up``, and is, as returning too early, an end after which the service is started again.

        Args:
            context: What it is run with.
        """
