"""Programs that are forked of a process which has imported them, and that are in all else as if they had been started."""

import ctypes
import gc
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from penstock.processes.fork import fork
from penstock.processes.process_end import ProcessEnd

_COLLECT = (700, 10, 10)
"""When a program looks for garbage: what its parent has set was for the parent's own imports."""


_PR_SET_MM, _PR_SET_MM_MAP = 35, 14
_NO_FILE = 0xFFFFFFFF
_FIELDS = (26, 27, 45, 46, 47, 28, 50, 51)
"""Where proc(5) has the addresses in `stat` that are to stay: of code, data, heap, stack, and environment."""

_libc = ctypes.CDLL(None) if sys.platform == "linux" else None
_held: list[ctypes.Array[ctypes.c_char]] = []
_LOOK_S = 0.01


class _Memory(ctypes.Structure):
    """``struct prctl_mm_map`` of ``<linux/prctl.h>``, up to the environment in its order."""

    _fields_ = [
        *((name, ctypes.c_uint64) for name in (
            "start_code", "end_code", "start_data", "end_data", "start_brk", "brk", "start_stack",
            "arg_start", "arg_end", "env_start", "env_end", "auxv",
        )),
        ("auxv_size", ctypes.c_uint32),
        ("exe_fd", ctypes.c_uint32),
    ]  # fmt: skip


class ForkedProgram:
    """A program that was forked, seen from its parent; it ends as a `subprocess.Popen` of it would.

    Attributes:
        pid: Its process id.
    """

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self._code: int | None = None

    def poll(self) -> int | None:
        """Its exit code, or the negative number of the signal that ended it; None while it lives."""
        return self._ended(os.WNOHANG)

    def wait(self, timeout: float | None = None) -> int | None:
        """Wait for its end; returns what `poll` does.

        Args:
            timeout: Seconds to wait; None for as long as it takes.

        Raises:
            subprocess.TimeoutExpired: It still lives.
        """
        if timeout is not None:
            until = time.monotonic() + timeout
            while self.poll() is None:
                if time.monotonic() >= until:
                    raise subprocess.TimeoutExpired(str(self.pid), timeout)
                time.sleep(_LOOK_S)
        return self._ended(0)

    def terminate(self) -> None:
        """Send SIGTERM."""
        self._send(signal.SIGTERM)

    def kill(self) -> None:
        """Send SIGKILL."""
        self._send(signal.SIGKILL)

    def _send(self, number: int) -> None:
        if self.poll() is None:  # once its end is known, its number may be another's
            os.kill(self.pid, number)

    def _ended(self, how: int) -> int | None:
        if self._code is None:
            pid, status = os.waitpid(self.pid, how)
            if pid:
                self._code = os.waitstatus_to_exitcode(status)
        return self._code


def fork_program(
    words: Sequence[str],
    main: Callable[[tuple[int, ...]], int],
    keep: tuple[int, ...],
    cwd: Path,
    *,
    output: int | None = None,
) -> ForkedProgram:
    """Fork a program: a session of its own, no standard input, the usual signals, and its parent's death is its own.

    Must be called in a process of a single thread that has nothing open which two must not use.

    Args:
        words: How ps(1) shows it, as far as the kernel lets it.
        main: What it does; takes the kept descriptors under their new numbers, and returns the exit code.
        keep: Descriptors that it keeps beside the standard ones.
        cwd: Its working folder.
        output: Descriptor that takes its output and errors; None for those of this process.

    Raises:
        OSError: The machine has no room for another process.
    """

    def run(kept: tuple[int, ...]) -> None:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        _settle(words, cwd)
        end = ProcessEnd(sys.stderr.write, f"{words[-1]} has ended")
        code = main(kept)
        end.finish()
        _flush()
        os._exit(code)

    _flush()  # the child would write once more what waits here
    # A signal that came before the child has handlers of its own would be taken by those of its parent, and be lost.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM, signal.SIGCHLD})
    try:
        return ForkedProgram(fork(run, keep, output=output, adopts=False))
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _settle(words: Sequence[str], cwd: Path) -> None:
    try:
        os.chdir(cwd)
        nothing = os.open(os.devnull, os.O_RDWR)
    except OSError as error:
        print(f"{words[-1]} cannot be started in {cwd}: {error.strerror}", file=sys.stderr, flush=True)  # noqa: T201 - as its parent's
        os._exit(1)
    os.dup2(nothing, 0)
    os.close(nothing)
    show_as(words)
    gc.set_threshold(*_COLLECT)


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError, AttributeError):  # it is full, or closed
            stream.flush()


def show_as(words: Sequence[str], variables: Mapping[str, str] | None = None) -> bool:
    """Have this process shown with these words as its command line; whether the kernel lets it, or it is shown as before.

    Args:
        words: The words.
        variables: What it is to be shown with as its environment, too; None for what it is shown with.
    """
    if _libc is None:
        return False
    text = b"".join(word.encode(errors="surrogateescape") + b"\0" for word in words)
    known = b"".join(f"{name}={value}\0".encode(errors="surrogateescape") for name, value in (variables or {}).items())
    held = ctypes.create_string_buffer(text + known, len(text + known))
    start = ctypes.addressof(held)
    with suppress(OSError, ValueError, IndexError):
        stat = Path("/proc/self/stat").read_bytes().rpartition(b")")[2].split()
        code, code_end, data, data_end, heap, stack, env, env_end = (int(stat[number - 3]) for number in _FIELDS)
        if variables is not None:
            env, env_end = start + len(text), start + len(held)
        _libc.sbrk.restype = ctypes.c_void_p
        its = _Memory(
            code, code_end, data, data_end, heap, _libc.sbrk(0), stack, start, start + len(text), env, env_end,
            0, 0, _NO_FILE,
        )  # fmt: skip
        size = ctypes.c_ulong(ctypes.sizeof(its))
        if _libc.prctl(_PR_SET_MM, _PR_SET_MM_MAP, ctypes.byref(its), size, ctypes.c_ulong(0)) == 0:
            _held.append(held)  # those before are shown, too, where they have the variables
            return True
    return False
