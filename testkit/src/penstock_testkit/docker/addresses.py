"""Where a fake engine is reached: a unix socket, or a port of loopback with TLS that asks for a client's certificate."""

import contextlib
import socket
import ssl
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import trustme

from penstock_testkit.docker.engine import DockerEngine
from penstock_testkit.saas.exchange import Exchange, Listener
from penstock_testkit.saas.loopback import listening
from penstock_testkit.saas.messages import HttpAnswer

_HEAD_S = 0.05
"""An engine's first frame comes after its head: the SDK reads past the buffer with which it has read that."""


class TlsAddress(NamedTuple):
    """An engine behind TLS.

    Attributes:
        url: ``tcp://127.0.0.1:<port>``.
        ca, cert, key: The authority, a client's certificate and its key, each as PEM.
    """

    url: str
    ca: str
    cert: str
    key: str


class _EngineExchange(Exchange):
    """A connection that an answer of status 101 takes over: what follows its head is sent as it is, to the end."""

    disable_nagle_algorithm = False  # a unix socket has none

    def _send(self, answer: HttpAnswer) -> None:
        if answer.status != 101:
            super()._send(answer)
            return
        self.close_connection = True
        self.send_response_only(101, "UPGRADED")
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.end_headers()
        time.sleep(_HEAD_S)
        for piece in answer.body:
            assert isinstance(piece, bytes)  # noqa: S101 - pieces, not one body
            self.wfile.write(piece)


class _UnixListener(Listener):
    address_family = socket.AF_UNIX

    def server_bind(self) -> None:
        self.socket.bind(self.server_address)


@contextlib.contextmanager
def unix_address(engine: DockerEngine, path: Path | None = None) -> Iterator[str]:
    """Serve an engine at a unix socket, which is its owner's alone.

    Args:
        engine: Who answers.
        path: Of the socket; one of its own unless given.

    Yields:
        ``unix://<path>``.
    """
    with tempfile.TemporaryDirectory(prefix="penstock-docker-") as folder:
        place = path or Path(folder) / "docker.sock"

        def serve(connection: socket.socket, _: object, server: Listener) -> None:
            _EngineExchange(connection, server, lambda *_: engine)

        listener = _UnixListener(str(place), serve)  # type: ignore[arg-type]  # of another family
        thread = threading.Thread(target=listener.serve_forever, args=(0.02,), name="docker", daemon=True)
        thread.start()
        try:
            yield f"unix://{place}"
        finally:
            engine.faults.clear()
            listener.shutdown()
            thread.join()
            listener.server_close()
            place.unlink(missing_ok=True)


@contextlib.contextmanager
def tls_address(engine: DockerEngine) -> Iterator[TlsAddress]:
    """Serve an engine at a port of loopback, to clients with a certificate of its authority alone."""
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    authority.configure_trust(context)
    context.verify_mode = ssl.CERT_REQUIRED
    context.num_tickets = 0

    def serve(connection: socket.socket, _: object, server: Listener) -> None:
        with contextlib.suppress(OSError), context.wrap_socket(connection, server_side=True) as secure:
            _EngineExchange(secure, server, lambda *_: engine)

    client = authority.issue_cert("penstock-client")
    cert = "".join(each.bytes().decode() for each in client.cert_chain_pems)
    try:
        with listening(Listener(("127.0.0.1", 0), serve), "docker-tls") as url:  # type: ignore[arg-type]
            place = url.replace("http://", "tcp://")
            yield TlsAddress(place, authority.cert_pem.bytes().decode(), cert, client.private_key_pem.bytes().decode())
    finally:
        engine.faults.clear()
