"""The pages of the UI: files that stand in the package, each known by name before anybody asks for one."""

import gzip
import mimetypes
from http import HTTPStatus
from pathlib import Path
from typing import NamedTuple

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from penstock_server.http.problems import RefusedError, problem_answer

FOLDER = Path(__file__).parent.parent / "static"
"""Where the build of the UI leaves them."""

_INDEX = "/index.html"
_HASHED = "/assets/"  # names with a hash of the content: they never change
_WORTH = 1_000  # bytes from which on less is sent if it is compressed

PAGES = (
    "/",
    "/dags",
    "/login",
    "/welcome",
    "/reset",
    "/search",
    "/dags/:dag",
    "/dags/:dag/runs/:run",
    "/dags/:dag/runs/:run/tasks/:task",
    "/installation",
    "/installation/:section",
)
"""Where the UI has its pages: the patterns of ``ui/src/lib/pages.ts``."""

_PATTERNS = [["*" if part[:1] == ":" else part for part in each.rstrip("/").split("/")] for each in PAGES]


class _File(NamedTuple):
    content: bytes
    packed: bytes
    media_type: str
    cache: str


class Pages:
    """Answers with a file by its exact name, and with the page of the UI for each path of its pages, by which it finds its way.

    Args:
        folder: With the files; none if the UI was not built.
    """

    def __init__(self, folder: Path = FOLDER) -> None:
        paths = [each for each in sorted(folder.rglob("*")) if each.is_file()] if folder.is_dir() else []
        self._files = {f"/{each.relative_to(folder).as_posix()}": each for each in paths}
        self._read: dict[str, _File] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer with a file."""
        request = Request(scope, receive)
        try:
            answer = self._answer(request)
        except RefusedError as error:
            answer = problem_answer(error)
        await answer(scope, receive, send)

    def _answer(self, request: Request) -> Response:
        if request.method not in {"GET", "HEAD"}:
            raise RefusedError(HTTPStatus.METHOD_NOT_ALLOWED, "a page is read by GET.", {"Allow": "GET, HEAD"})
        name = request.scope["path"]
        if name not in self._files:
            if _INDEX not in self._files:
                raise RefusedError(HTTPStatus.NOT_FOUND, "this server has no UI in it. Its API is at /api/v1.")
            if name.startswith(_HASHED):
                raise RefusedError(
                    HTTPStatus.NOT_FOUND, "there is no such file: the UI has been upgraded. Load the page again."
                )
            if not is_page(request.scope.get("raw_path", name.encode()).partition(b"?")[0].decode("ascii", "replace")):
                return self._missing(request)
            name = _INDEX
        return _sent(self._file(name), request.headers.get("accept-encoding", ""))

    def _missing(self, request: Request) -> Response:
        """The answer for a path at which nothing is: a person is shown so by the UI, a program is told."""
        if "text/html" in request.headers.get("accept", ""):
            return _sent(self._file(_INDEX), request.headers.get("accept-encoding", ""), HTTPStatus.NOT_FOUND)
        path = request.scope["path"]
        raise RefusedError(
            HTTPStatus.NOT_FOUND,
            f"there is nothing at {path!r}. The API is at /api/v1; for machines there are /metrics, /scaling and /health/ready.",
        )

    def _file(self, name: str) -> _File:
        if name not in self._read:
            content = self._files[name].read_bytes()
            packed = gzip.compress(content, mtime=0) if len(content) >= _WORTH else b""
            media_type = mimetypes.guess_type(name)[0] or "application/octet-stream"
            cache = "public, max-age=31536000, immutable" if name.startswith(_HASHED) else "no-store"
            self._read[name] = _File(content, packed if len(packed) < len(content) else b"", media_type, cache)
        return self._read[name]


def is_page(path: str) -> bool:
    """Whether the UI has a page at a path, as it is written in an address."""
    parts = path.rstrip("/").split("/")
    return any(
        len(parts) == len(pattern)
        and all(each in (name, "*") and (name or each != "*") for each, name in zip(pattern, parts, strict=True))
        for pattern in _PATTERNS
    )


def _sent(file: _File, accepted: str, status: HTTPStatus = HTTPStatus.OK) -> Response:
    packed = bool(file.packed) and "gzip" in accepted
    headers = {"Cache-Control": file.cache, "Vary": "Accept-Encoding"} | (
        {"Content-Encoding": "gzip"} if packed else {}
    )
    return Response(file.packed if packed else file.content, status, headers, file.media_type)
