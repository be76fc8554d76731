"""Runs the manager in processes of their own that need not import it: forks of one process that has.

Importing the manager takes longer than most of its commands, and the tests give hundreds. What they see is a real process all the same:
its words, folder, environment, output, exit code and death are its own.
"""

from __future__ import annotations

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

PACKAGE = "penstock_plugin_manager"
PYTHON = ("PYTHON", "LD_")
"""Beginnings of variables that an interpreter reads at its start: with such a one a command gets an interpreter of its own."""


class ForkServer:
    """The process that is forked, as a test sees it."""

    def __init__(self) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-P", __file__, str(theirs.fileno())], pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL
            )  # fmt: skip
        self._line = ours
        self._variables = {name: text for name, text in os.environ.items() if name.startswith(PYTHON)}

    def run(self, words: Sequence[str], folder: Path, variables: Mapping[str, str], seconds: float) -> tuple[int, str, str]:  # fmt: skip
        """Run the manager with these words; return its exit code, and what it wrote to its output and to its errors."""
        line, theirs = socket.socketpair()
        with line, tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as errors:
            with theirs, tempfile.TemporaryFile() as asked:
                asked.write(json.dumps({"words": [*words], "folder": str(folder), "variables": {**variables}}).encode())
                asked.flush()
                descriptors = [each.fileno() for each in (asked, out, errors, theirs)]
                socket.send_fds(self._line, [b"run"], descriptors)
            line.settimeout(seconds)
            try:
                ended = line.recv(64)
            except TimeoutError:
                raise AssertionError(f"{words} takes more than {seconds:g} s") from None
            said = []
            for stream in (out, errors):
                stream.seek(0)
                said.append(stream.read().decode())
        return int(ended or -signal.SIGKILL), said[0], said[1]

    def close(self) -> None:
        """End it."""
        self._line.close()
        self._process.wait(10)


def serve(line: socket.socket) -> None:
    """Fork for each request until nobody can ask any more."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the kernel buries those that wait for the commands
    while True:
        asked, descriptors, _, _ = socket.recv_fds(line, 16, 4)
        if not asked:
            return
        if os.fork() == 0:
            line.close()
            _wait_for_command(*descriptors)
        for each in descriptors:
            os.close(each)


def _wait_for_command(asked: int, out: int, errors: int, line: int) -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    pid = os.fork()
    if pid == 0:
        os.close(line)
        _run_command(asked, out, errors)
    _, status = os.waitpid(pid, 0)
    os.write(line, str(os.waitstatus_to_exitcode(status)).encode())
    os._exit(0)


def _run_command(asked: int, out: int, errors: int) -> None:
    request = json.loads(os.pread(asked, os.fstat(asked).st_size, 0))
    os.close(asked)
    for target, descriptor in ((1, out), (2, errors)):
        os.dup2(descriptor, target)
        os.close(descriptor)
    os.chdir(request["folder"])
    os.environ.clear()
    os.environ.update(request["variables"])
    sys.argv = [PACKAGE, *request["words"]]
    code: object = 1
    try:
        code = importlib.import_module(f"{PACKAGE}.cli").main()
    except SystemExit as exit_:
        code = exit_.code
    except BaseException:  # noqa: BLE001  what an interpreter does with it: a traceback is seen by the test
        sys.excepthook(*sys.exc_info())
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code if isinstance(code, int) else int(code is not None))


if __name__ == "__main__":
    for module in pkgutil.walk_packages(importlib.import_module(PACKAGE).__path__, f"{PACKAGE}."):
        if not module.name.endswith("__main__") and ".templates." not in module.name:
            importlib.import_module(module.name)
    serve(socket.socket(fileno=int(sys.argv[1])))
