"""A program that a task runs: its output goes to the log, and it ends with its try."""

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import IO, cast

_GRACE_S = 10.0


class ChildProcess:
    """Runs programs, one after the other, for a task.

    When the task is killed, the program is asked to end, and killed 10 seconds later; nothing that it started outlives the try.
    """

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._is_killed = False

    def run(
        self,
        argv: Sequence[str],
        *,
        cwd: str | None = None,
        env: Mapping[str, str] | None = None,
        encoding: str = "utf-8",
        pass_fds: Sequence[int] = (),
    ) -> tuple[int, str]:
        """Run a program to its end.

        Args:
            argv: The program and its arguments.
            cwd: Folder in which it runs.
            env: Its environment; that of this process unless given.
            encoding: Of its output; what cannot be decoded is replaced.
            pass_fds: Descriptors that it inherits.

        Returns:
            Its exit code, that of a signal negative, and the last line of its output.

        Raises:
            OSError: It cannot be started.
        """
        self._process = subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=cwd,
            env=env,
            pass_fds=pass_fds,
            process_group=None if _is_try_process() else 0,
        )
        if self._is_killed:  # by another thread, when the program ran and we had not learned of it
            self.kill()
        last = _follow(self._process, encoding)
        return self._process.wait(), last

    def kill(self) -> None:
        """End the program and everything that it started in its group; what is run later ends at once."""
        self._is_killed = True
        process = self._process
        if process is None or process.poll() is not None:
            return
        end = os.kill if _is_try_process() else os.killpg
        with suppress(ProcessLookupError):
            end(process.pid, signal.SIGTERM)
            try:
                process.wait(_GRACE_S)
            except subprocess.TimeoutExpired:
                end(process.pid, signal.SIGKILL)


def _follow(process: subprocess.Popen[bytes], encoding: str) -> str:
    last = ""
    with cast("IO[bytes]", process.stdout) as output:
        for line in output:
            last = line.decode(encoding, errors="replace").rstrip("\r\n")
            sys.stdout.write(last + "\n")
            sys.stdout.flush()
    return last


def _is_try_process() -> bool:
    """True in a process that was made for tries: its group is killed as a whole, and the command must be in it."""
    return os.getpid() == os.getpgrp() == os.getsid(0)
