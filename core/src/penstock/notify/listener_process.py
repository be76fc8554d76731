"""The notifier's end of a listener's process: its line, and what it prints, which goes into the log without secrets."""

import os
import socket
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from penstock.processes.environ import without_secrets
from penstock.processes.fork import spawn
from penstock.processes.frames import FrameReader, SendBuffer, frame, read_available
from penstock.processes.group import describe_exit, kill_group
from penstock.processes.masking import Mask
from penstock.spec.wire import FrameKind

_READ_SIZE = 1 << 16
_LAST_READS = 16


class ListenerProcess:
    """One process that was started for a provider.

    Args:
        command: Program and arguments; the number of its socket is appended.
        log: File that receives what it prints.

    Raises:
        OSError: It cannot be started.
    """

    def __init__(self, command: Sequence[str], log: Path) -> None:
        mine, its = socket.socketpair()
        mine.setblocking(False)
        self.sock, self.mask, self._log = mine, Mask(), log
        self._reader, self._send_buffer = FrameReader(), SendBuffer(mine)
        try:
            self._process = spawn(
                [*command, str(its.fileno())], pass_fds=(its.fileno(),), env=without_secrets(os.environ), capture=True
            )
        except OSError:
            mine.close()
            raise
        finally:
            its.close()
        self._output = self._process.stdout.fileno() if self._process.stdout is not None else -1
        os.set_blocking(self._output, False)
        self._prints = True

    @property
    def readable(self) -> tuple[int, ...]:
        """Descriptors at which something may arrive."""
        return (self.sock.fileno(), self._output) if self._prints else (self.sock.fileno(),)

    @property
    def writable(self) -> tuple[int, ...]:
        """Descriptors that have yet to take something."""
        return (self.sock.fileno(),) if self._send_buffer else ()

    def send(self, kind: FrameKind, serial: int, payload: bytes) -> None:
        """Send a frame as soon as the process takes it."""
        self._send_buffer.put(frame(kind, serial, payload))
        self.flush()

    def flush(self) -> None:
        """Send what is left of earlier frames."""
        with suppress(OSError):  # a process that is gone is noticed by `frames`
            self._send_buffer.flush()

    def frames(self) -> list[tuple[int, int, bytes]] | None:
        """What has arrived; None if the process is gone."""
        data = read_available(self.sock)
        return None if data is None else list(self._reader.feed(data))

    def keep_output(self) -> bool:
        """Write what it has printed into the log; False if there was nothing, or it prints no more."""
        try:
            data = os.read(self._output, _READ_SIZE)
        except BlockingIOError:
            return False
        self._prints = bool(data)
        self._keep(self.mask.feed(data))
        return self._prints

    def end(self, grace_s: float = 0.0) -> str:
        """Kill it with all that it started, unless it ends by itself in a moment; returns how it ended."""
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(grace_s)
        kill_group(self._process.pid)
        code = self._process.wait()
        for _ in range(_LAST_READS):
            if not self.keep_output():
                break
        self._keep(self.mask.finish())
        self.sock.close()
        if self._process.stdout is not None:
            self._process.stdout.close()
        return describe_exit(code)

    def _keep(self, text: bytes) -> None:
        if not text:
            return
        with suppress(OSError):  # a full disk must not keep notices from being delivered
            self._log.parent.mkdir(parents=True, exist_ok=True)
            with self._log.open("ab") as log:
                log.write(text)
