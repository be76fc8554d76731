"""A network in which there is nothing but one port of this machine, for workers that are to need no more; making one takes root."""

import shlex
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Self

_FORWARD = """
import os, socket, sys, threading

def pump(source, target):
    try:
        while data := source.recv(1 << 16):
            target.sendall(data)
    except OSError:
        pass
    for each in (source, target):
        try:
            each.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass

def serve(listening, connect):
    while True:
        accepted, _ = listening.accept()
        other = connect()
        for pair in ((accepted, other), (other, accepted)):
            threading.Thread(target=pump, args=pair, daemon=True).start()

parent, side, port, path = os.getppid(), sys.argv[1], int(sys.argv[2]), sys.argv[3]
if side == "inside":
    listening = socket.create_server(("127.0.0.1", port))
else:
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(path)
    listening.listen()
print("ready", flush=True)

def connect():
    if side == "outside":
        return socket.create_connection(("127.0.0.1", port))
    made = socket.socket(socket.AF_UNIX)
    made.connect(path)
    return made

threading.Thread(target=serve, args=(listening, connect), daemon=True).start()
while os.getppid() == parent:
    threading.Event().wait(0.2)
"""


class NetworkNamespace:
    """Leads from network namespaces to some ports of this one; a context manager.

    Args:
        folder: An empty folder for its files, whose path is short.
        ports: Ports of 127.0.0.1 that can be reached there, by the same numbers, once each of them listens.
    """

    def __init__(self, folder: Path, *ports: int) -> None:
        self._folder, self._ports = folder, ports
        self._program = folder / "forward.py"
        self._program.write_text(_FORWARD)
        self._outside: list[subprocess.Popen[str]] = []

    def __enter__(self) -> Self:
        for port in self._ports:
            command = [sys.executable, str(self._program), "outside", str(port), str(self._folder / str(port))]
            process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
            self._outside.append(process)
            assert process.stdout is not None  # noqa: S101 - it was started to be read
            process.stdout.readline()
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._outside:
            process.kill()
            process.communicate()

    def command(self, words: Sequence[str], hidden: Sequence[Path] = ()) -> list[str]:
        """A command that is run in a namespace of its own, as a list of words.

        Args:
            words: The command.
            hidden: Folders that it sees empty.
        """
        lines = ["set -e", "ip link set lo up"]
        lines += [f"mount -t tmpfs tmpfs {shlex.quote(str(folder))}" for folder in hidden]
        for port in self._ports:
            inside = [sys.executable, str(self._program), "inside", str(port), str(self._folder / str(port))]
            ready = self._folder / f"{port}.$$"
            lines += [
                f"mkfifo {ready}",
                f"{shlex.join(inside)} > {ready} 2>&1 &",
                f"read -r line < {ready}",
                f"rm {ready}",
            ]
        lines.append(f"exec {shlex.join(words)}")
        return ["unshare", "--net", "--mount", "sh", "-c", "\n".join(lines)]
