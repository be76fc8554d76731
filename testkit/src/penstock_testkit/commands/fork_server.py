"""Commands in processes of their own that need import nothing: forks of one process that has imported what they need.

Importing a command line takes longer than most of its commands, and tests give hundreds. What they see is a real process all the same:
its words, folder, environment, input, output, exit code and death are its own. Not covered: what an interpreter does at its start.
"""

import atexit
import contextlib
import functools
import gc
import importlib
import importlib.util
import json
import os
import pkgutil
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Any, NamedTuple

from penstock.processes.program import show_as
from penstock_testkit.processes import die_with_parent

_INTERPRETER = ("PYTHON", "LD_")
"""Beginnings of variables that an interpreter reads at its start; with others than the server's a command has one of its own."""

_PATH = "PYTHONPATH"
"""The one of them that has no effect but on ``sys.path``, which a fork sets itself, unless that comes too late."""


class CommandResult(NamedTuple):
    """How a command ended: its exit code, that of a signal below zero, and what it wrote."""

    code: int
    out: str
    err: str


class ForkedCommand:
    """A command that runs, in a session of its own; it is killed when the process that started it ends.

    It is used as a `subprocess.Popen` is.

    Args:
        line: Tells its process id, then its exit code.
        stdout: What it writes, its errors too; None where that goes elsewhere.
    """

    def __init__(self, line: socket.socket, stdout: IO[bytes] | None) -> None:
        self._line, self._stdout = line, stdout
        self.pid = int(line.recv(64) or 0)
        self.returncode: int | None = None
        if not self.pid:
            raise ChildProcessError("the fork server has ended")
        line.setblocking(False)

    def poll(self) -> int | None:
        """Its exit code, that of a signal below zero; None while it runs."""
        if self.returncode is None:
            with contextlib.suppress(BlockingIOError):
                self.returncode = int(self._line.recv(64) or -signal.SIGKILL)
                self._line.close()
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end; its exit code.

        Args:
            timeout: Seconds to wait; None for as long as it takes.

        Raises:
            subprocess.TimeoutExpired: It still runs.
        """
        while (code := self.poll()) is None:
            if not select.select([self._line], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired(str(self.pid), timeout or 0.0)
        return code

    @property
    def stdout(self) -> IO[bytes]:
        """What it writes, its errors too; raises ValueError where that goes elsewhere."""
        if self._stdout is None:
            raise ValueError("its output was given a file")
        return self._stdout

    def send_signal(self, number: int) -> None:
        """Send it a signal, if it runs."""
        if self.poll() is None:
            with contextlib.suppress(ProcessLookupError):  # its end is told a moment later
                os.kill(self.pid, number)

    def terminate(self) -> None:
        """Send it SIGTERM, if it runs."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """Send it SIGKILL, if it runs."""
        self.send_signal(signal.SIGKILL)


class ForkServer:
    """The process that is forked for each command.

    Args:
        entry: The function of the command line, ``module:function``, which ``python -m`` and the first part of the module's name
            run, too; its words are in ``sys.argv``.
        packages: What is imported beforehand, each with all modules below it.
    """

    def __init__(self, entry: str, *packages: str) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            number = theirs.fileno()
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", __name__, str(number), entry, *packages],
                env={name: text for name, text in os.environ.items() if name != _PATH},
                pass_fds=[number],
                stdin=subprocess.DEVNULL,
            )
        self._line, self._package = ours, entry.partition(".")[0]
        self._started_with, self._lock = _of_interpreter(os.environ), threading.Lock()

    def run(
        self,
        words: Sequence[str],
        folder: Path,
        variables: Mapping[str, str],
        *,
        given: str = "",
        seconds: float,
        together: bool = False,
    ) -> CommandResult:
        """Run the command line with these words.

        Args:
            words: What follows the program's name.
            folder: The working directory.
            variables: The whole environment.
            given: The standard input.
            seconds: How long it may take.
            together: Whether what it writes as errors stands amid its output, as a terminal shows it.

        Raises:
            TimeoutError: It takes longer; it is not killed.
            subprocess.TimeoutExpired: The same of an interpreter of its own, which is killed.
        """
        if _of_interpreter(variables) != self._started_with:
            command = [sys.executable, "-m", self._package, *words]
            done = subprocess.run(
                command,
                cwd=folder,
                env=variables,
                input=given,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT if together else subprocess.PIPE,
                text=True,
                timeout=seconds,
                check=False,
            )
            return CommandResult(done.returncode, done.stdout, done.stderr or "")
        request = {"words": [*words], "folder": str(folder), "variables": {**variables}}
        line, theirs = socket.socketpair()
        with line, _file(given) as into, tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as errors:
            with theirs, _file(json.dumps(request)) as asked:
                descriptors = [each.fileno() for each in (asked, into, out, out if together else errors, theirs)]
                socket.send_fds(self._line, [b"run"], descriptors)
            line.settimeout(seconds)
            ended = line.recv(64)
            return CommandResult(int(ended or -signal.SIGKILL), _text(out), _text(errors))

    def start(
        self, words: Sequence[str], folder: Path, variables: Mapping[str, str], *, output: IO[bytes] | None = None
    ) -> ForkedCommand:
        """Begin to run the command line with these words, and nothing to read.

        Args:
            words: What follows the program's name.
            folder: The working directory.
            variables: The whole environment, beside what the server's interpreter has read at its start.
            output: Takes what it writes, its errors too; a pipe, which is the command's `stdout`, unless given.

        Raises:
            ValueError: It has other variables that an interpreter reads at its start.
        """
        variables = {**self._started_with, **variables}
        if _of_interpreter(variables) != self._started_with:
            raise ValueError(f"a fork cannot have {_of_interpreter(variables)}: the server has {self._started_with}")
        line, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        request = {"words": [*words], "folder": str(folder), "variables": {**variables}, "session": True}
        stdout = None
        with ExitStack() as held:
            if output is None:
                read, write = os.pipe()
                stdout, output = os.fdopen(read, "rb"), held.enter_context(os.fdopen(write, "wb", 0))
            asked, into = held.enter_context(_file(json.dumps(request))), held.enter_context(_file(""))
            held.enter_context(theirs)
            descriptors = [each.fileno() for each in (asked, into, output, output, theirs)]
            with self._lock:
                socket.send_fds(self._line, [b"run"], descriptors)
        return ForkedCommand(line, stdout)

    def close(self) -> None:
        """End it; commands that run go on, unless they were started to end with it."""
        self._line.close()
        self._process.wait(10)


@functools.cache
def penstock() -> ForkServer:
    """The process of which each command of Penstock is a fork; it is made for the first and ends with this process."""
    made = ForkServer(
        "penstock.cli:main",
        *("penstock.cli", "penstock.service", "penstock.store", "alembic.command"),
        *("penstock.app.scheduler", "penstock.app.loader", "penstock.app.services", "penstock.app.workers"),
        *(["penstock_server.run"] if importlib.util.find_spec("penstock_server") else []),
    )
    atexit.register(made.close)
    return made


def _of_interpreter(variables: Mapping[str, str]) -> dict[str, str]:
    return {name: text for name, text in variables.items() if name.startswith(_INTERPRETER) and name != _PATH}


def _file(text: str) -> IO[bytes]:
    made = tempfile.TemporaryFile()  # noqa: SIM115 - who asked for it closes it
    made.write(text.encode())
    made.seek(0)
    return made


def _text(stream: IO[bytes]) -> str:
    stream.seek(0)
    return stream.read().decode()


def _serve(line: socket.socket, entry: str) -> None:
    """Fork for each request until nobody can ask any more."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the kernel buries those that wait for the commands
    while True:
        asked, descriptors, _, _ = socket.recv_fds(line, 16, 5)
        if not asked:
            return
        if os.fork() == 0:
            line.close()
            _wait_for_command(entry, *descriptors)
        for each in descriptors:
            os.close(each)


def _wait_for_command(entry: str, asked: int, into: int, out: int, errors: int, line: int) -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    request = json.loads(os.pread(asked, os.fstat(asked).st_size, 0))
    os.close(asked)
    bound = request.get("session", False)
    if bound:
        die_with_parent(signal.SIGKILL)
    begun, begins = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(line)
        if bound:
            die_with_parent(signal.SIGKILL)
            os.setsid()
        _run_command(entry, request, begins, into, out, errors)
    for each in (into, out, errors, begins):
        os.close(each)
    if bound:
        os.read(begun, 1)  # before that it has no session of its own, and is shown as this process
        os.write(line, str(pid).encode())
    _, status = os.waitpid(pid, 0)
    with contextlib.suppress(BrokenPipeError):  # nobody waits for it any more
        os.write(line, str(os.waitstatus_to_exitcode(status)).encode())
    os._exit(0)


def _run_command(entry: str, request: dict[str, Any], begins: int, *streams: int) -> None:
    for target, descriptor in enumerate(streams):
        os.dup2(descriptor, target)
        os.close(descriptor)
    if request.get("session"):
        # Those that were opened at the start may be of files, which have positions; these write into a pipe.
        sys.stdout, sys.stderr = (os.fdopen(number, "w", 1, closefd=False) for number in (1, 2))
    os.chdir(request["folder"])
    os.environ.clear()
    os.environ.update(request["variables"])
    time.tzset()
    folders = [Path(each).absolute() for each in os.environ.get(_PATH, "").split(os.pathsep) if each]
    module, _, function = entry.partition(":")
    sys.argv = [module.partition(".")[0], *request["words"]]
    # Whoever looks for it by its words, or by a variable, finds it; where the kernel does not let it be shown so, it begins anew.
    shown = not request.get("session") or show_as([sys.executable, "-m", *sys.argv], os.environ)
    if any(map(_holds_imported, folders)) or not shown:
        os.execv(sys.executable, [sys.executable, "-m", *sys.argv])  # noqa: S606 - this very interpreter
    os.close(begins)
    sys.path[:0] = map(str, folders)
    code: object = 1
    try:
        code = getattr(importlib.import_module(module), function)()
    except SystemExit as ended:
        code = ended.code
        if not isinstance(code, int | None):
            sys.stderr.write(f"{code}\n")
    except BaseException:  # noqa: BLE001 - an interpreter would end so, too: its traceback is what a test looks for
        sys.excepthook(*sys.exc_info())
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code if isinstance(code, int) else int(code is not None))


def _holds_imported(folder: Path) -> bool:
    """True if a folder has a module of a name that was imported from elsewhere, so that its own would not be taken."""
    names = {path.stem for path in folder.iterdir()} if folder.is_dir() else set()
    return not names.isdisjoint(name.partition(".")[0] for name in sys.modules)


def _import(package: str) -> None:
    found = importlib.import_module(package)
    for module in pkgutil.walk_packages(getattr(found, "__path__", []), f"{package}."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)


if __name__ == "__main__":
    for name in sys.argv[3:]:
        _import(name)
    gc.freeze()  # or the first collection of each fork would copy the pages of all that was imported
    _serve(socket.socket(fileno=int(sys.argv[1])), sys.argv[2])
