from __future__ import annotations

import base64
import contextlib
import http.server
import threading

import pytest


class Server:
    """A server whose answers a test sets, by path: status, headers and body.

    Attributes:
        asked: Path and Authorization of each request.
        wanted: The Authorization without which it answers 401.
        ranges: Files of which it serves parts, by path.
        parts: First and last byte of each part that it has served.
    """

    def __init__(self) -> None:
        self.answers: dict[str, tuple[int, dict[str, str], bytes]] = {}
        self.asked: list[tuple[str, str | None]] = []
        self.ranges: dict[str, bytes] = {}
        self.parts: list[tuple[int, int]] = []
        self.wanted = ""
        self.url = ""

    def page(self, name: str, *versions: str) -> None:
        """Serve an index page of a name."""
        links = "".join(f'<a href="/files/{name}-{each}-py3-none-any.whl#md5=0123"></a>' for each in versions)
        self.answers[f"/simple/{name}/"] = (200, {}, f"<h1>Links for {name}</h1>{links}".encode())


@pytest.fixture
def serve():
    """A function that starts a server whose answers the test sets."""
    with contextlib.ExitStack() as stack:

        def start(login=""):
            said = Server()
            said.wanted = f"Basic {base64.b64encode(login.encode()).decode()}" if login else ""

            class Handler(http.server.BaseHTTPRequestHandler):
                def do_GET(self):
                    said.asked.append((self.path, self.headers.get("Authorization")))
                    status, headers, body = said.answers.get(self.path, (404, {}, b""))
                    if said.wanted and self.headers.get("Authorization") != said.wanted:
                        status, headers, body = 401, {}, b""
                    whole = said.ranges.get(self.path, b"")
                    if whole:
                        first = max(0, len(whole) - int(self.headers["Range"].removeprefix("bytes=-")))
                        said.parts.append((first, len(whole) - 1))
                        status, body = 206, whole[first:]
                        headers = {"Content-Range": f"bytes {first}-{len(whole) - 1}/{len(whole)}"}
                    self.send_response(status)
                    for name, text in {
                        "Content-Type": "text/html",
                        "Content-Length": str(len(body)),
                        **headers,
                    }.items():
                        self.send_header(name, text)
                    self.end_headers()
                    self.wfile.write(body)

                def log_message(self, *args):
                    """Keep quiet."""

            server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
            thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
            thread.start()
            stack.callback(thread.join)
            stack.callback(server.server_close)
            stack.callback(server.shutdown)
            said.url = f"http://127.0.0.1:{server.server_port}"
            return said

        yield start
