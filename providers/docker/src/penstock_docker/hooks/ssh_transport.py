"""HTTP to an engine through ssh: each connection is a process of the system's own ssh, which knows keys and hosts.

It runs ``docker system dial-stdio`` there, as Docker's own command line does for an ``ssh://`` host: the process's input and
output are then a connection to the engine. Ssh asks nobody for anything (BatchMode), so an unknown host is refused.
"""

import contextlib
import socket
import subprocess
import tempfile
from http.client import HTTPException
from typing import Any
from urllib.parse import urlsplit

_LEAVES_S = 2.0


class SshError(OSError):
    """Ssh ended without a connection to the engine; its last words say why."""


class _Tunnel:
    """The part of an HTTP connection that goes through ssh; the rest is urllib3's, which is imported on first use."""

    _process: "subprocess.Popen[bytes] | None" = None
    _words: Any = None
    _message: str = ""
    _command: list[str]
    _timeout_s: float
    sock: Any

    def connect(self) -> None:
        ours, theirs = socket.socketpair()
        self._words = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the connection
        with theirs:
            self._process = subprocess.Popen(
                self._command, stdin=theirs.fileno(), stdout=theirs.fileno(), stderr=self._words
            )
        ours.settimeout(self._timeout_s)
        self.sock = ours

    def getresponse(self) -> Any:  # noqa: ANN401 - urllib3's own class
        try:
            return super().getresponse()  # type: ignore[misc]  # of urllib3's class beside it
        except (HTTPException, OSError) as error:
            self.close()
            raise SshError(self._message or str(error)) from error

    def close(self) -> None:
        super().close()  # type: ignore[misc]  # as above; with its input ssh ends, too
        process, self._process = self._process, None
        if process is None:
            return
        for end in (None, process.terminate, process.kill):
            if end is not None:
                end()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(_LEAVES_S)
                break
        self._message = _last_words(process.returncode, self._words)
        self._words.close()


def _last_words(code: int, words: Any) -> str:  # noqa: ANN401 - a file
    """What ssh said at its end; "" if that was no failure of its own."""
    if not code or code < 0:
        return ""
    words.seek(0)
    lines = [each.strip() for each in words.read(8192).decode(errors="replace").split("\n") if each.strip()]
    return f"ssh ended with exit code {code}: {lines[-1] if lines else 'it said nothing'}"


def ssh_adapter(url: str, timeout_s: float) -> Any:  # noqa: ANN401 - of requests
    """What requests to an engine go through.

    Args:
        url: ``ssh://user@host:port``, with the path of the engine's socket there if it is not the usual one.
        timeout_s: Seconds to wait for a connection.
    """
    import urllib3  # noqa: PLC0415 - imported on first use, as the SDK
    from requests.adapters import HTTPAdapter  # noqa: PLC0415 - as above
    from urllib3.connection import HTTPConnection  # noqa: PLC0415 - as above

    class Connection(_Tunnel, HTTPConnection):
        _command, _timeout_s = ssh_command(url, timeout_s), timeout_s

    class Pool(urllib3.HTTPConnectionPool):
        ConnectionCls = Connection

    class Adapter(HTTPAdapter):
        _pool: Any = None

        def get_connection_with_tls_context(self, *_: Any, **__: Any) -> Any:  # noqa: ANN401 - requests' own
            if self._pool is None:
                self._pool = Pool("localhost", maxsize=4)
            return self._pool

        def request_url(self, request: Any, proxies: Any) -> str:  # noqa: ANN401, ARG002 - as above
            return str(request.path_url)

        def close(self) -> None:
            """Close what is idle; who still has the client may go on, with connections anew."""
            super().close()
            pool, self._pool = self._pool, None
            if pool is not None:
                pool.close()

    return Adapter()


def ssh_command(url: str, timeout_s: float) -> list[str]:
    """The command that makes a connection to the engine of an ``ssh://`` URL."""
    parts = urlsplit(url)
    command = ["ssh", "-o", "BatchMode=yes", "-o", f"ConnectTimeout={max(1, round(timeout_s))}", "-T"]
    command += ["-l", parts.username] if parts.username else []
    command += ["-p", str(parts.port)] if parts.port else []
    socket_path = ["--host", f"unix://{parts.path}"] if parts.path.strip("/") else []
    return [*command, "--", str(parts.hostname), "docker", *socket_path, "system", "dial-stdio"]
