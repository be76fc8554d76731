"""A stand-in of the service on this machine: it knows its protocol, keeps items in memory, and looks at the token."""

import hashlib
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit


class FakeService:
    """Runs from the beginning to the end of a ``with`` block.

    Attributes:
        items: Content by name.
        port: Where it listens, at 127.0.0.1.
        token: What it wants to be shown.
    """

    token = "the-token-of-the-tests"

    def __init__(self) -> None:
        self.items: dict[str, bytes] = {}
        self.lock = threading.Lock()
        handler = type("Handler", (_Handler,), {"service": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]

    def __enter__(self) -> "FakeService":
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    service: FakeService

    def do_GET(self) -> None:
        """An item, the list of them, or who is asking."""
        path = urlsplit(self.path)
        if not self._is_let_in():
            return
        if path.path == "/whoami":
            self._send(200, b"the tests")
        elif path.path == "/items":
            prefix = parse_qs(path.query, keep_blank_values=True).get("prefix", [""])[0]
            with self.service.lock:
                found = {name: data for name, data in sorted(self.service.items.items()) if name.startswith(prefix)}
            shown = [{"name": name, "size": len(data), "tag": _tag(data)} for name, data in found.items()]
            self._send(200, json.dumps(shown).encode())
        else:
            self._send_item()

    def do_HEAD(self) -> None:
        """What is known of an item."""
        if self._is_let_in():
            self._send_item()

    def do_PUT(self) -> None:
        """Keep an item, unless it may not be replaced; a body that breaks off changes nothing."""
        data = self._body()
        if data is None or not self._is_let_in():
            self.close_connection = True
            return
        with self.service.lock:
            kept = self.headers["If-None-Match"] == "*" and self._name() in self.service.items
            if not kept:
                self.service.items[self._name()] = data
        self._send(412 if kept else 201, b"")

    def do_DELETE(self) -> None:
        """Forget an item."""
        if self._is_let_in():
            with self.service.lock:
                found = self.service.items.pop(self._name(), None)
            self._send(404 if found is None else 200, b"")

    def log_message(self, format: str, *args: Any) -> None:
        """Print nothing."""

    def _is_let_in(self) -> bool:
        if self.headers["Authorization"] == f"Bearer {self.service.token}":
            return True
        self._send(401, b"the token is wrong")
        return False

    def _name(self) -> str:
        return unquote(urlsplit(self.path).path.removeprefix("/items/"))

    def _body(self) -> bytes | None:
        if self.headers["Transfer-Encoding"] != "chunked":
            return self.rfile.read(int(self.headers["Content-Length"] or 0))
        parts = []
        while True:
            line = self.rfile.readline().strip()
            if not line:
                return None
            size = int(line, 16)
            part = self.rfile.read(size + 2)
            if len(part) < size + 2:
                return None
            if size == 0:
                return b"".join(parts)
            parts.append(part[:-2])

    def _send_item(self) -> None:
        with self.service.lock:
            data = self.service.items.get(self._name())
        if data is None:
            self._send(404, b"there is no such item")
        else:
            self._send(200, data)

    def _send(self, status: int, data: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.send_header("ETag", _tag(data))
        self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)


def _tag(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
