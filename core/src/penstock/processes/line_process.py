"""A process with a stranger's code, seen from its parent: a line of frames, and output that goes into a log without secrets."""

import itertools
import os
import socket
import subprocess
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path

from penstock.processes.descendants import end_marked, end_of_marked
from penstock.processes.environ import withheld, without_secrets
from penstock.processes.fork import spawn
from penstock.processes.frames import MOST_BYTES, Frame, FrameReader, SendBuffer, frame, read_available
from penstock.processes.group import describe_exit, group_lives, kill_group
from penstock.processes.masking import Mask
from penstock.processes.program import ForkedProgram, fork_program, show_as

LONGEST_LOG = 10 << 20
"""Bytes after which a log is put aside as ``NAME.log.1``, in place of the one before it: such a process may live for months."""

MOST_HELD = 1 << 20
"""Bytes of output that are kept in memory while nothing may be written; what comes beyond them is left out."""

_MARK = "PENSTOCK_STARTED_FOR"
"""Variable of the environment that marks whatever the process at a line has started."""

_numbers = itertools.count()
_KILL_S = 0.5
_READ_SIZE = 1 << 16
_LAST_READS = 16


class LineProcess:
    """One process that was started for a provider's listener, secrets backend or service.

    Args:
        command: Program and arguments; the number of its socket is appended.
        log: File that receives what it prints.
        most_bytes: Bytes of the payload of a frame that it may send; one that sends more counts as gone.
        withhold: Whether the secrets of this environment are left out of its own; if they are not, what it prints is without them.
        main: What the command does with the number of its socket, where this process is forked for it: it must have one thread, nothing
            open that two must not use, and may not withhold anything. None where the command is started.

    Raises:
        OSError: It cannot be started.
    """

    def __init__(
        self,
        command: Sequence[str],
        log: Path,
        most_bytes: int = MOST_BYTES,
        *,
        withhold: bool = True,
        main: Callable[[int], int] | None = None,
    ) -> None:
        mine, its = socket.socketpair()
        mine.setblocking(False)
        self.sock, self.mask, self._log = mine, Mask(), log
        if not withhold:
            self.mask.learn(withheld(os.environ))
        self._reader, self._send_buffer = FrameReader(most_bytes), SendBuffer(mine)
        self._held, self._mark = bytearray(), f"{os.getpid()}.{next(_numbers)}."
        try:
            self._output, output = os.pipe()
        except OSError:
            mine.close()
            its.close()
            raise
        self._process: subprocess.Popen[bytes] | ForkedProgram
        try:
            begin = partial(_started, withhold=withhold) if main is None else partial(_forked, main)
            self._process = begin([*command, str(its.fileno())], its.fileno(), output, self._mark)
        except OSError:
            mine.close()
            os.close(self._output)
            raise
        finally:
            its.close()
            os.close(output)
        self.pid = self._process.pid
        # What it has forked may hold the line, and its output, long after its end.
        self._ended = -1
        with suppress(OSError):  # no descriptor is left: its end is seen at the line alone
            self._ended = os.pidfd_open(self.pid) if hasattr(os, "pidfd_open") else -1
        os.set_blocking(self._output, False)
        self._prints = True

    @property
    def readable(self) -> tuple[int, ...]:
        """Descriptors at which something may arrive."""
        found = [self.sock.fileno()]
        found += [self._output] if self._prints else []
        found += [self._ended] if self._ended >= 0 else []
        return tuple(found)

    @property
    def writable(self) -> tuple[int, ...]:
        """Descriptors that have yet to take something."""
        return (self.sock.fileno(),) if self._send_buffer else ()

    def send(self, kind: int, serial: int, payload: bytes) -> None:
        """Send a frame as soon as the process takes it."""
        self._send_buffer.put(frame(kind, serial, payload))
        self.flush()

    def flush(self) -> None:
        """Send what is left of earlier frames."""
        with suppress(OSError):  # a process that is gone is noticed by `frames`
            self._send_buffer.flush()

    def frames(self) -> list[Frame] | None:
        """What has arrived; None if the process is gone, or sends what nobody reads."""
        over = self._process.poll() is not None
        data = read_available(self.sock)
        if over and not data:
            return None
        with suppress(OSError):
            return None if data is None else list(self._reader.feed(data))
        return None

    def keep_output(self, *, hold: bool = False) -> bool:
        """Write what it has printed into the log; False if there was nothing, or it prints no more.

        Args:
            hold: Whether to keep it in memory until the next call, because its secrets are not known yet.
        """
        try:
            data = os.read(self._output, _READ_SIZE)
        except BlockingIOError:
            data, found = b"", False
        else:
            found = self._prints = bool(data)
        self._held += data[: MOST_HELD - len(self._held)]
        if not hold:
            self._keep(self.mask.feed(bytes(self._held)))
            self._held.clear()
        return found

    def terminate(self) -> None:
        """Send SIGTERM."""
        self._process.terminate()

    def left_behind(self, patience_s: float) -> bool:
        """Whether it, or something that it started, lives on; asked once it has closed its line.

        Args:
            patience_s: Seconds that this gets to end as well.
        """
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(patience_s)
        return not end_of_marked(_MARK, self._mark, patience_s) or group_lives(self.pid)

    def end(self, grace_s: float = 0.0) -> str:
        """Kill it, unless it ends by itself in a moment, and all that it started, however detached; returns how it ended."""
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(grace_s)
        kill_group(self._process.pid)
        self._process.kill()  # a fork has no group of its own in its first moment
        code = self._process.wait() or 0
        end_marked(_MARK, self._mark, _KILL_S)
        for _ in range(_LAST_READS):
            if not self.keep_output():
                break
        self._keep(self.mask.finish())
        self.sock.close()
        if self._ended >= 0:
            os.close(self._ended)
            self._ended = -1
        if self._output >= 0:
            os.close(self._output)
            self._output = -1
        return describe_exit(code)

    def _keep(self, text: bytes) -> None:
        if not text:
            return
        with suppress(OSError):  # a full disk must not keep anything else from being done
            self._log.parent.mkdir(parents=True, exist_ok=True)
            with self._log.open("ab") as log:
                log.write(text)
                size = log.tell()
            if size > LONGEST_LOG:
                self._log.replace(self._log.with_name(f"{self._log.name}.1"))


def _started(words: Sequence[str], line: int, output: int, mark: str, *, withhold: bool) -> subprocess.Popen[bytes]:
    env = {**(without_secrets(os.environ) if withhold else os.environ), _MARK: mark}
    return spawn(words, pass_fds=(line,), env=env, output=output)


def _forked(main: Callable[[int], int], words: Sequence[str], line: int, output: int, mark: str) -> ForkedProgram:
    def run(kept: tuple[int, ...]) -> int:
        os.environ[_MARK] = mark
        show_as(words, os.environ)
        return main(kept[0])

    return fork_program(words, run, (line,), Path.cwd(), output=output)
