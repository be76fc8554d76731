"""A server in a process of its own, and what is asked of it and measured."""

from __future__ import annotations

import re
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from urllib.parse import urlencode, urlsplit

from penstock_testkit.beside import WITHOUT_SERVER


class Served:
    """A server in a process of its own, and one connection to it.

    Attributes:
        token: The owner's.

    Args:
        folder: The installation's.
        environ: Its environment.
    """

    def __init__(self, folder: Path, environ: dict[str, str]) -> None:
        command = [sys.executable, "-m", "penstock", "server", "start", "--port", "0"]
        served = {name: value for name, value in environ.items() if name not in WITHOUT_SERVER}
        # A session of its own, as under `penstock up`: only so its niceness counts beside other sessions.
        self.process = subprocess.Popen(
            command, cwd=folder, env=served, stdout=subprocess.PIPE, text=True, start_new_session=True
        )
        assert self.process.stdout is not None
        said = self.process.stdout.readline()
        found = re.search(r"listening on (http://[^;. ]+(?:\.\d+)*:\d+)", said)
        if found is None:
            raise SystemExit(f"the server has not started: {said!r}")
        self.url = urlsplit(found[1])
        self.token = (folder / ".penstock" / "server.token").read_text()
        self._connection = self.connection()

    def connection(self) -> HTTPConnection:
        """Another connection."""
        return HTTPConnection(str(self.url.hostname), self.url.port, timeout=120)

    @property
    def headers(self) -> dict[str, str]:
        """What lets a request in."""
        return {"Authorization": f"Bearer {self.token}"}

    def get(self, path: str, connection: HTTPConnection | None = None, **query: object) -> bytes:
        """The body of an answer; whatever is not 200 ends the program."""
        asked = f"{path}?{urlencode(query, doseq=True)}" if query else path
        used = connection or self._connection
        used.request("GET", asked, headers=self.headers)
        answer = used.getresponse()
        body = answer.read()
        if answer.status != 200:
            raise SystemExit(f"{asked}: {answer.status} {body[:500]!r}")
        return body

    def stream(self, path: str, token: str = "") -> HTTPResponse:
        """An answer that goes on, by a connection of its own, for the owner or for whose token is given."""
        connection = HTTPConnection(str(self.url.hostname), self.url.port)
        connection.request("GET", path, headers={"Authorization": f"Bearer {token or self.token}"})
        answer = connection.getresponse()
        if answer.status != 200:
            raise SystemExit(f"{path}: {answer.status} {answer.read()[:500]!r}")
        return answer

    def peak_mb(self) -> float:
        """Megabytes of memory that the process has had at most."""
        lines = Path(f"/proc/{self.process.pid}/status").read_text().splitlines()
        return int(next(line for line in lines if line.startswith("VmHWM:")).split()[1]) / 1024

    def close(self) -> None:
        """Stop the server."""
        self._connection.close()
        self.process.send_signal(signal.SIGINT)
        self.process.wait(30)


@contextmanager
def serving(folder: Path, environ: dict[str, str]) -> Iterator[Served]:
    """A server on an installation, until the end of the block."""
    served = Served(folder, environ)
    try:
        yield served
    finally:
        served.close()


def timed(call: Callable[[], bytes], rounds: int) -> tuple[float, float, int]:
    """Milliseconds of the first call, the median of the others, and the bytes of an answer."""
    spans, length = [], 0
    for _ in range(rounds + 1):
        start = time.perf_counter()
        length = len(call())
        spans.append((time.perf_counter() - start) * 1000)
    return spans[0], statistics.median(spans[1:] or spans), length


def shown(name: str, value: float, unit: str, most: float | None, more: str = "") -> None:
    """Print a figure, with what it is at most to be."""
    goal = "" if most is None else f" (at most {most:g} {unit}{'' if value <= most else ', NOT REACHED'})"
    print(f"{name:42} {value:9.2f} {unit}{goal}  {more}", flush=True)
