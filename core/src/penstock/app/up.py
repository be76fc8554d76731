"""``penstock up``: a small supervisor of the processes that make up an installation.

None of them needs another to be alive. One that ends is started again, after a pause that doubles up to half a minute
and starts over once it has lived for a minute.
"""

import contextlib
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable

from penstock import __version__
from penstock.app.environments import listening
from penstock.execute.process import die_with_parent, kill_group
from penstock.settings import Settings

HELD = 4
NOTIFY = "notify"
LONG_LIFE_S = 60.0
LONGEST_PAUSE_S = 30.0


class Part:
    """One supervised process: a module of `penstock.app`, started as a program with arguments."""

    def __init__(self, name: str, cwd: str, *arguments: str) -> None:
        self.name, self._cwd, self._arguments = name, cwd, arguments
        self.process: subprocess.Popen[bytes] | None = None
        self._started = 0.0
        self._pause_s = 0.5
        self._due = 0.0

    def keep_alive(self, tell: Callable[[str], None]) -> int | None:
        """Start the process if it should live and does not; returns its exit code if it has just ended."""
        now = time.monotonic()
        if self.process is None:
            if now >= self._due:
                self._start(now)
            return None
        code = self.process.poll()
        if code is None:
            return None
        self.process = None
        self._pause_s = 0.5 if now - self._started > LONG_LIFE_S else min(self._pause_s * 2, LONGEST_PAUSE_S)
        self._due = now + self._pause_s
        if code != HELD:
            tell(f"the {self.name} ended ({_ended(code)}); it is started again in {self._pause_s:g} s")
        return code

    def _start(self, now: float) -> None:
        parent = os.getpid()
        self._started = now
        self.process = subprocess.Popen(
            [sys.executable, "-m", f"penstock.app.{self.name}", *self._arguments],
            cwd=self._cwd,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            preexec_fn=lambda: die_with_parent(parent),  # noqa: PLW1509 - this process has one thread
        )

    def due_in(self) -> float:
        """Seconds until it is to be started again."""
        return max(0.0, self._due - time.monotonic())

    def ask_to_stop(self) -> None:
        """Send SIGTERM."""
        if self.process is not None:
            self.process.terminate()

    def gone_by(self, instant: float) -> bool:
        """Wait for the process to end until a monotonic instant; whether it has."""
        if self.process is None:
            return True
        try:
            self.process.wait(max(0.0, instant - time.monotonic()))
        except subprocess.TimeoutExpired:
            return False
        return True

    def kill(self) -> None:
        """Send SIGKILL to it and its group."""
        if self.process is not None:
            kill_group(self.process.pid)
            self.process.wait()


def _ended(code: int) -> str:
    return f"killed by {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"


def up(settings: Settings) -> int:
    """Run everything until SIGINT or SIGTERM.

    Returns:
        The exit code: 0 after a clean stop, 4 if another scheduler holds the database, 130 if a second Ctrl-C cut
        the stop short.
    """
    interrupts: list[int] = []
    wake_r, wake_w = os.pipe()
    os.set_blocking(wake_w, False)
    os.set_blocking(wake_r, False)
    signal.set_wakeup_fd(wake_w)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda received, _frame: interrupts.append(received))
    signal.signal(signal.SIGCHLD, lambda *_: None)
    _tell(f"Penstock {__version__}: DAGs in {settings.dags_folder}, state in {settings.state_folder}. Ctrl-C stops.")
    parts = _parts(settings)
    code = 0
    while not interrupts and code != HELD:
        codes = [part.keep_alive(_tell) for part in parts]
        code = HELD if HELD in codes else 0
        if not interrupts and code != HELD:
            pauses = [part.due_in() for part in parts if part.process is None]
            select.select([wake_r], [], [], min(pauses, default=None))
            with contextlib.suppress(BlockingIOError):
                os.read(wake_r, 4096)
    return _stop(parts, interrupts, settings.executor.stop_grace_s + 10.0) or code


def _parts(settings: Settings) -> list[Part]:
    """What is to run; nobody pays for a notifier, or for rows that tell it what changed, unless somebody listens."""
    root = str(settings.root)
    if not listening(settings):
        return [Part("scheduler", root), Part("loader", root)]
    return [Part("scheduler", root, NOTIFY), Part("loader", root), Part("notifier", root)]


def _stop(parts: list[Part], interrupts: list[int], patience_s: float) -> int:
    if interrupts:
        _tell("stopping: running tries get a moment to clean up. Ctrl-C again to force.")
    already = len(interrupts)
    for part in parts:
        part.ask_to_stop()
    until = time.monotonic() + patience_s
    while not all(part.gone_by(time.monotonic() + 0.05) for part in parts):
        if len(interrupts) > already or time.monotonic() > until:
            for part in parts:
                part.kill()
            _tell("forced: what was running is repeated at the next start.")
            return 130
    return 0


def _tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)  # noqa: T201 - the terminal that `penstock up` runs in
