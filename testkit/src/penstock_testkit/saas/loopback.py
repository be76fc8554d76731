"""Services at a loopback port, over plain HTTP: for clients that take an endpoint's URL."""

import contextlib
import socket
import threading
from collections.abc import Iterator

from penstock_testkit.saas.exchange import Exchange, Listener
from penstock_testkit.saas.service import Service


@contextlib.contextmanager
def listening(listener: Listener, name: str) -> Iterator[str]:
    """Run a listener in a thread of this process, and yield its URL."""
    thread = threading.Thread(target=listener.serve_forever, args=(0.02,), name=name, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.server_address[1]}"
    finally:
        listener.shutdown()
        thread.join()
        listener.server_close()


@contextlib.contextmanager
def plain_http(service: Service, port: int = 0) -> Iterator[str]:
    """Serve one service whatever host is named.

    Args:
        service: Who answers.
        port: On 127.0.0.1; 0 takes a free one.

    Yields:
        ``http://127.0.0.1:<port>``.
    """

    def serve(connection: socket.socket, _: object, server: Listener) -> None:
        Exchange(connection, server, lambda *_: service)

    try:
        with listening(Listener(("127.0.0.1", port), serve), service.name) as url:  # type: ignore[arg-type]
            yield url
    finally:
        service.faults.clear()  # lets go whom a fault holds
