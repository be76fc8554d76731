"""The index that pip is shown: on this machine, answered by the manager's own client.

pip merges its indexes and takes the highest version of all, so that anybody who registers a private name elsewhere is installed, and it
takes an index that refuses for one without files. Asked through this index it sees what the sources have by the manager's rule, with
the manager's credentials and trust.
"""

from __future__ import annotations

import hashlib
import http.server
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import unquote, urlsplit

from penstock_plugin_manager.errors import ManagerError, MissingError
from penstock_plugin_manager.index.cache import DownloadCache
from penstock_plugin_manager.index.client import Client
from penstock_plugin_manager.index.remote import read_whole
from penstock_plugin_manager.index.simple import Offered, Project, read_project
from penstock_plugin_manager.index.sources import Sources

_JSON = "application/vnd.pypi.simple.v1+json"
_CHUNK = 1 << 16
GONE = "Ask whoever runs the index: it names a file that it does not have."
_KEPT = 64 << 20
"""Bytes of the largest file that is kept for the next solution."""


class LoopbackIndex:
    """What pip asks, and what became of it.

    Attributes:
        url: The index.
        problems: Why a page or a file could not be had, by name.
    """

    def __init__(self, url: str, sources: Sources, client: Client, known: dict[str, Project]) -> None:
        self.url, self._sources, self._client, self._known = url, sources, client, known
        self.problems: dict[str, ManagerError] = {}
        self._files: list[Offered] = []

    @contextmanager
    def telling(self, name: str) -> Iterator[None]:
        """Remember why a page or a file could not be had; a later success takes that back."""
        self.problems.pop(name, None)
        try:
            yield
        except MissingError as error:
            if name.endswith((".whl", ".gz", ".zip")):  # an index that names a file has it
                self.problems[name] = ManagerError(str(error), GONE)
            raise
        except ManagerError as error:
            self.problems[name] = error
            raise

    def page(self, name: str) -> bytes:
        """Return the page of a name.

        Raises:
            ManagerError: the sources do not have it, or could not be asked.
        """
        project = self._known.get(name)
        if project is None:
            with self.telling(name):
                project = self._known[name] = read_project(name, self._sources, self._client)
        files = [self._entry(each) for each in project.files]
        return json.dumps({"meta": {"api-version": "1.1"}, "name": name, "files": files}).encode()

    def _entry(self, file: Offered) -> dict[str, Any]:
        number = len(self._files)
        self._files.append(file)
        entry: dict[str, Any] = {
            "filename": file.name, "url": f"{self.url}{number}/{file.name}", "hashes": dict(file.hashes),
            "core-metadata": file.metadata,
        }  # fmt: skip
        if file.requires_python:
            entry["requires-python"] = file.requires_python
        return entry if file.yanked is None else {**entry, "yanked": file.yanked or True}

    def file(self, number: int) -> Offered:
        """Return a file of a page by its number."""
        return self._files[number]

    def origin(self, url: str) -> str:
        """Return where a file comes from that pip got from this index; any other address as it is."""
        if not url.startswith(self.url):
            return url
        return self._files[int(url.removeprefix(self.url).partition("/")[0])].url


@contextmanager
def loopback_index(sources: Sources, client: Client, known: dict[str, Project]) -> Iterator[LoopbackIndex]:
    """Serve an index on this machine while a tool runs.

    Args:
        sources: What it answers from.
        client: How these are asked.
        known: What was answered before; a conflict is explained by many solutions.
    """
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.daemon_threads = True
    index = LoopbackIndex(f"http://127.0.0.1:{server.server_port}/", sources, client, known)
    server.index, server.client = index, client  # type: ignore[attr-defined]  # what a handler finds at its server
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield index
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        words = urlsplit(self.path).path.strip("/").split("/")
        index: LoopbackIndex = self.server.index  # type: ignore[attr-defined]
        try:
            if len(words) == 1:
                self._answer(200, index.page(unquote(words[0])), _JSON)
            else:
                with index.telling(words[-1]):
                    self._file(index.file(int(words[0])), metadata=words[-1].endswith(".metadata"))
        except MissingError as error:
            self._answer(404, str(error).encode())
        except ManagerError as error:
            # pip asks again after 503 alone; what the sources refuse they refuse again
            self._answer(503 if "HTTP 5" in str(error) or "HTTP 429" in str(error) else 403, str(error).encode())
        except (ValueError, IndexError):
            self._answer(404, b"")

    do_HEAD = do_GET  # noqa: N815  the name is the base class's

    def _file(self, file: Offered, *, metadata: bool) -> None:
        client: Client = self.server.client  # type: ignore[attr-defined]
        if file.url.startswith("file:") or metadata:
            self._answer(200, client.fetch(f"{file.url}.metadata" if metadata else file.url).body)
            return
        cache = DownloadCache("wheels")
        kept = cache.read(file.sha256) if file.sha256 else None
        if kept is not None and hashlib.sha256(kept).hexdigest() == file.sha256:
            self._answer(200, kept)
            return
        with client.opened(file.url) as answer:
            if file.sha256 and answer.length is not None and answer.length <= _KEPT:
                body = read_whole(answer, file.url)
                if hashlib.sha256(body).hexdigest() == file.sha256:
                    cache.write(file.sha256, body)
                self._answer(200, body)
                return
            self.send_response(200)
            if answer.length is None:
                self.close_connection = True
            else:
                self.send_header("Content-Length", str(answer.length))
            self.end_headers()
            while chunk := answer.body.read(_CHUNK):
                self.wfile.write(chunk)

    def _answer(self, status: int, body: bytes, media: str = "application/octet-stream") -> None:
        self.send_response(status)
        self.send_header("Content-Type", media)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the name is the base class's
        """Keep quiet."""
