"""The sink that Prometheus scrapes: it keeps what was measured, and answers on an address of this machine."""

import threading
from collections.abc import Callable, Sequence
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar

from penstock.metrics.exposition import OPENMETRICS, PLAIN, Registry, Series, wants_openmetrics
from penstock.spec.metrics_sink import Point

_TIMEOUT_S = 10.0
Text = Callable[[Series, bool], str]


class PrometheusSink:
    """Serves ``/metrics``.

    Args:
        host: Address on which it listens.
        port: Its port; 0 for any.
        text: Makes the text of what was measured, in OpenMetrics or not.

    Attributes:
        port: The port on which it listens.

    Raises:
        OSError: The address cannot be had.
    """

    def __init__(self, host: str, port: int, text: Text) -> None:
        self._registry, self._lock = Registry(), threading.Lock()
        self._text = text
        self._server = _Server((host, port), self._answer)
        self.port: int = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, name="penstock-scrape", daemon=True).start()

    def write(self, points: Sequence[Point], at: datetime) -> None:  # noqa: ARG002 - Prometheus has its own clock
        """Add what was measured."""
        with self._lock:
            self._registry.add(points)

    def close(self) -> None:
        """Answer no more."""
        self._server.shutdown()
        self._server.server_close()

    def _answer(self, accept: str) -> tuple[str, bytes]:
        openmetrics = wants_openmetrics(accept)
        with self._lock:  # two that ask at once read the database once
            text = self._text(self._registry.series, openmetrics)
        return OPENMETRICS if openmetrics else PLAIN, text.encode()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, address: tuple[str, int], answer: Callable[[str], tuple[str, bytes]]) -> None:
        self.answer = answer
        super().__init__(address, _Handler)

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: who asks may go away at any time."""


class _Handler(BaseHTTPRequestHandler):
    timeout: ClassVar[float] = _TIMEOUT_S
    server: "_Server"

    def do_GET(self) -> None:
        """Answer one request."""
        if self.path.partition("?")[0] != "/metrics":
            self.send_error(404, "Ask for /metrics")
            return
        kind, body = self.server.answer(self.headers.get("Accept", ""))
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as in http.server
        """Say nothing."""
