"""Commands in processes of their own that need import nothing: forks of one process that has imported what they need.

Importing a command line takes longer than most of its commands, and tests give hundreds. What they see is a real process all the same:
its words, folder, environment, input, output, exit code and death are its own. Not covered: what an interpreter does at its start.
"""

import atexit
import functools
import gc
import importlib
import json
import os
import pkgutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, NamedTuple

_INTERPRETER = ("PYTHON", "LD_")
"""Beginnings of variables that an interpreter reads at its start; with others than the server's a command has one of its own."""

_PATH = "PYTHONPATH"
"""The one of them that has no effect but on ``sys.path``, which a fork sets itself, unless that comes too late."""


class CommandResult(NamedTuple):
    """How a command ended: its exit code, that of a signal below zero, and what it wrote."""

    code: int
    out: str
    err: str


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
        self._started_with = _of_interpreter(os.environ)

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

    def close(self) -> None:
        """End it; commands that run go on."""
        self._line.close()
        self._process.wait(10)


@functools.cache
def penstock() -> ForkServer:
    """The process of which each command of Penstock is a fork; it is made for the first and ends with this process."""
    made = ForkServer("penstock.cli:main", "penstock.cli", "penstock.service", "penstock.store", "alembic.command")
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
    pid = os.fork()
    if pid == 0:
        os.close(line)
        _run_command(entry, asked, into, out, errors)
    _, status = os.waitpid(pid, 0)
    os.write(line, str(os.waitstatus_to_exitcode(status)).encode())
    os._exit(0)


def _run_command(entry: str, asked: int, *streams: int) -> None:
    request = json.loads(os.pread(asked, os.fstat(asked).st_size, 0))
    os.close(asked)
    for target, descriptor in enumerate(streams):
        os.dup2(descriptor, target)
        os.close(descriptor)
    os.chdir(request["folder"])
    os.environ.clear()
    os.environ.update(request["variables"])
    folders = [Path(each).absolute() for each in os.environ.get(_PATH, "").split(os.pathsep) if each]
    module, _, function = entry.partition(":")
    sys.argv = [module.partition(".")[0], *request["words"]]
    if any(map(_holds_imported, folders)):
        os.execv(sys.executable, [sys.executable, "-m", *sys.argv])  # noqa: S606 - this very interpreter
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
