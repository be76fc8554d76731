"""Package indexes: a real pypiserver, and a static one that can do what pypiserver cannot (PEP 592, 700, 740, 792)."""

from __future__ import annotations

import base64
import contextlib
import functools
import hashlib
import http.server
import json
import re
import signal
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from penstock_testkit.processes import bound_to_this_process, free_port, wait_until


@contextlib.contextmanager
def pypiserver(folder: Path) -> Iterator[str]:
    """Serve the wheels of a folder by pypiserver, without fallback to any other index.

    Yields:
        The URL of its simple API.
    """
    port = free_port()
    command = [sys.executable, "-m", "pypiserver", "run", "-p", str(port), "-i", "127.0.0.1", "-P", ".", "-a", "."]
    command += ["--disable-fallback", str(folder)]
    log = folder.parent / "pypiserver.log"
    with log.open("wb") as stream:
        process = subprocess.Popen(
            bound_to_this_process(command, death_signal=signal.SIGTERM),
            stdout=stream,
            stderr=stream,
            stdin=subprocess.DEVNULL,
        )
    url = f"http://127.0.0.1:{port}/simple/"
    try:
        wait_until(lambda: _answers(url), otherwise=lambda: log.read_text(errors="replace"))
        yield url
    finally:
        process.terminate()
        process.wait(60)


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=10):  # noqa: S310  an address of this machine
            return True
    except OSError:
        return False


def write_static_index(root: Path, wheels: Path, facts: Mapping[str, Mapping[str, Any]]) -> None:
    """Write a simple index in JSON (PEP 691) and HTML for the wheels of a folder.

    Args:
        root: Where to; ``simple/<name>/index.json`` and ``index.html`` are written.
        wheels: The folder of wheels.
        facts: File name to keys of its JSON entry (``yanked``, ``upload-time``, ``provenance``, ``url``), or a normal project name to
            keys of the page itself (``project-status``).
    """
    pages: dict[str, list[dict[str, Any]]] = {}
    for path in sorted(wheels.glob("*.whl")):
        body = path.read_bytes()
        name = re.sub(r"[-_.]+", "-", path.name.split("-")[0]).lower()
        entry = {
            "filename": path.name,
            "url": f"../../files/{path.name}",
            "hashes": {"sha256": hashlib.sha256(body).hexdigest()},
            "size": len(body),
            "upload-time": "2026-01-01T00:00:00Z",
        }
        pages.setdefault(name, []).append({**entry, **facts.get(path.name, {})})
        target = root / "files" / path.name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(body)
    for name, files in pages.items():
        folder = root / "simple" / name
        folder.mkdir(parents=True, exist_ok=True)
        page = {"meta": {"api-version": "1.4"}, "name": name, "files": files, "versions": [], **facts.get(name, {})}
        (folder / "index.json").write_text(json.dumps(page), encoding="utf-8")


class _Handler(http.server.SimpleHTTPRequestHandler):
    login = ""

    def do_GET(self) -> None:
        sent = base64.b64decode((self.headers.get("Authorization") or "").removeprefix("Basic ")).decode()
        if self.login and sent != self.login:
            self.send_response(401)
            self.send_header("WWW-Authenticate", "Basic")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        if self.path.startswith("/simple/"):
            path = Path(self.directory) / self.path.strip("/") / "index.json"
            if not path.is_file():
                self.send_error(404)
                return
            body = path.read_bytes()
            self.send_response(200)
            self.send_header("Content-Type", "application/vnd.pypi.simple.v1+json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
            return
        super().do_GET()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the name is the base class's
        """Keep quiet."""


@contextlib.contextmanager
def static_index(root: Path, login: str = "") -> Iterator[str]:
    """Serve a static index, and any other file below its root.

    Args:
        root: The folder.
        login: ``user:password`` without which nothing is answered.

    Yields:
        The URL of the root; the simple API is below ``simple/``.
    """
    handler = type("_Asking", (_Handler,), {"login": login})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(handler, directory=str(root)))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(60)
