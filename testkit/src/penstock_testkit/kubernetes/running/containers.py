"""Containers as real processes: each a process group with its environment, its log with the instant of each line, its end.

A container sees this machine's files. Where its spec mounts a volume, or names its termination message's file, the real path is put
into its command, arguments and environment in place of the one that was written.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import threading
import time
import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from penstock_testkit.commands.fork_server import ForkedCommand, ForkServer
from penstock_testkit.processes import bound_to_this_process

_MARK = "TESTKIT_CONTAINER"
_MESSAGE_BYTES = 4096
_FALLBACK_BYTES, _FALLBACK_LINES = 2048, 80


class LogLine(NamedTuple):
    """One line that a container wrote.

    Attributes:
        at: When, in nanoseconds since the epoch.
        text: The line with its end; the last one may have none.
    """

    at: int
    text: bytes

    @property
    def stamp(self) -> str:
        """The instant as the API writes it before a line: RFC 3339 with nanoseconds."""
        seconds, nanoseconds = divmod(self.at, 1_000_000_000)
        return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{nanoseconds:09d}Z"


class Container:
    """One start of a container.

    Args:
        name: Its name.
        command: The program and its arguments.
        environment: Its whole environment.
        paths: For each path of the spec the real one.
        message: The file of its termination message.
        changed: Notified at each line, and at its end.
        warm: Fork servers that run programs, by the words with which their commands begin.

    Attributes:
        started: Whether it counts as started: not before its startup probe has found that.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        environment: Mapping[str, str],
        paths: Mapping[str, Path],
        message: Path,
        changed: threading.Condition,
        warm: Mapping[tuple[str, ...], ForkServer],
    ) -> None:
        self._warm = warm
        self.name, self.lines = name, list[LogLine]()
        self.exit_code: int | None = None
        self.started_at, self.finished_at = datetime.now(UTC), datetime.now(UTC)
        self.reason = ""
        self.kill_reason = ""
        self._message, self._changed, self._mark = message, changed, uuid.uuid4().hex
        self._reading: threading.Thread | None = None
        self._process: subprocess.Popen[bytes] | ForkedCommand | None = None
        self._paths, self.started = paths, True
        self._environment = {key: _real(value, paths) for key, value in environment.items()} | {_MARK: self._mark}
        self._start([_real(each, paths) for each in command], self._environment)

    @property
    def running(self) -> bool:
        """Whether it has not ended."""
        return self.exit_code is None

    @property
    def pid(self) -> int:
        """That of its first process; 0 if it could not be started."""
        return self._process.pid if self._process else 0

    def within(self, command: Sequence[str]) -> tuple[list[str], dict[str, str]]:
        """A command as its processes see it, and the environment for it: it ends with the container."""
        return [_real(each, self._paths) for each in command], self._environment

    def kill(self, reason: str = "") -> None:
        """Kill all of its processes, those in sessions of their own too; the reason is told of its end."""
        self.kill_reason = self.kill_reason or reason
        self._signal_all(signal.SIGKILL)
        if self.running:
            self._kill_all()

    def terminate(self) -> None:
        """Send SIGTERM to its first process, as a runtime does."""
        if self._process is not None and self.running:
            self._process.terminate()

    def _signal_all(self, number: int) -> None:
        if self._process is not None and self.running:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, number)

    def poll(self) -> int | None:
        """Its exit code, 128 and the signal's number for a signal; None while it runs."""
        if self.exit_code is not None or self._process is None:
            return self.exit_code
        code = self._process.poll()
        if code is None:
            return None
        self._kill_all()
        if self._reading is not None:
            self._reading.join(60)
        self._ended(code if code >= 0 else 128 - code)
        return self.exit_code

    def _kill_all(self) -> None:
        """End what is left of it, as its namespace of processes would: whatever has inherited its mark."""
        mark = f"{_MARK}={self._mark}".encode()
        for each in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if mark in (each / "environ").read_bytes().split(b"\0"):
                    os.kill(int(each.name), signal.SIGKILL)

    @property
    def message(self) -> str:
        """Its termination message: what is in the file, or the end of its log where its policy says so."""
        try:
            found = self._message.read_bytes()[:_MESSAGE_BYTES]
        except OSError:
            return ""
        return found.decode(errors="replace")

    @property
    def end_of_log(self) -> str:
        """The end of its log, as FallbackToLogsOnError takes it."""
        text = b"".join(line.text for line in self.lines[-_FALLBACK_LINES:])
        return text[-_FALLBACK_BYTES:].decode(errors="replace")

    def _start(self, command: list[str], environment: dict[str, str]) -> None:
        program = shutil.which(command[0], path=environment.get("PATH", os.defpath)) if command else None
        if program is None:
            self.reason = "StartError"
            self._ended(128)
            return
        server = next(((words, each) for words, each in self._warm.items() if (*command[: len(words)],) == words), None)
        if server is not None:
            words, forks = server
            self._process = forks.start(command[len(words) :], Path.cwd(), environment)
        else:
            self._process = subprocess.Popen(
                bound_to_this_process([program, *command[1:]], death_signal=signal.SIGKILL),
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._reading = threading.Thread(target=self._read, name=f"log of {self.name}", daemon=True)
        self._reading.start()

    def _read(self) -> None:
        assert self._process is not None  # noqa: S101 - it was started
        assert self._process.stdout is not None  # noqa: S101 - it is a pipe
        with self._process.stdout as stream:
            for line in iter(stream.readline, b""):
                with self._changed:
                    before = self.lines[-1].at if self.lines else 0
                    self.lines.append(LogLine(max(time.time_ns(), before), line))
                    self._changed.notify_all()

    def _ended(self, code: int) -> None:
        with self._changed:
            self.exit_code, self.finished_at = code, datetime.now(UTC)
            self._changed.notify_all()


def _real(text: str, paths: Mapping[str, Path]) -> str:
    for path in sorted(paths, key=len, reverse=True):
        text = text.replace(path, str(paths[path]))
    return text
