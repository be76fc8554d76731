"""Rules of Amazon S3 that moto does not hold, before it: what is refused here never reaches it.

Source: the Amazon S3 API Reference ("Error responses", CopyObject, UploadPartCopy, PutObject, DeleteObjects,
ListObjectsV2) and the user guide ("Naming Amazon S3 objects", "General purpose bucket naming rules", "Working with
object metadata", "Checking object integrity"). Not covered: `aws-chunked` bodies and checksums in their trailers.
"""

import base64
import hashlib
import io
import re
import urllib.parse
import zlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

_KEY_BYTES = 1024
_METADATA_BYTES = 2048
_MOST_KEYS = 1000
_BUCKET = re.compile(
    r"(?!\d+\.\d+\.\d+\.\d+$)(?!xn--|sthree-|amzn-s3-demo-)[a-z0-9](?:[a-z0-9-]|\.(?!\.)){1,61}[a-z0-9]"
)
_PRECONDITION = "At least one of the pre-conditions you specified did not hold"


class Refusal(NamedTuple):
    """What S3 answers in place of doing it."""

    status: str
    code: str
    message: str
    detail: str = ""


class _Request:
    """A request with its body."""

    def __init__(self, environ: dict[str, Any]) -> None:
        self.environ, self.method = environ, environ["REQUEST_METHOD"]
        path = environ.get("RAW_URI") or environ.get("REQUEST_URI") or environ["PATH_INFO"]
        self.bucket, _, key = urllib.parse.urlsplit(path).path.lstrip("/").partition("/")
        self.key = urllib.parse.unquote(key)
        self.query = urllib.parse.parse_qs(environ.get("QUERY_STRING", ""), keep_blank_values=True)
        self.body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        environ["wsgi.input"] = io.BytesIO(self.body)

    def header(self, name: str) -> str | None:
        """A header's value."""
        return self.environ.get(f"HTTP_{name.upper().replace('-', '_')}")

    @property
    def writes(self) -> bool:
        """Whether it has an object's content, or a part of it."""
        return self.method == "PUT" and bool(self.key) and self.header("x-amz-copy-source") is None


class Rules:
    """An S3 server that holds the rules, around one that does not.

    Attributes:
        etag_of: Tells the ETag of an object by the name that a copy gives it, "" if there is none.
    """

    def __init__(self, app: Any) -> None:  # noqa: ANN401 - a WSGI application
        self._app = app
        self.etag_of: Callable[[str], str] = lambda _: ""

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:  # noqa: ANN401 - of WSGI
        """Answer a request as S3 does."""
        refusal = next(self._refusals(_Request(environ)), None) if _is_s3(environ) else None
        if refusal is None:
            found: Iterable[bytes] = self._app(environ, start_response)
            return found
        text = f"<Error><Code>{refusal.code}</Code><Message>{refusal.message}</Message>{refusal.detail}</Error>"
        body = text.encode()
        start_response(refusal.status, [("Content-Type", "application/xml"), ("Content-Length", str(len(body)))])
        return [body]

    def _refusals(self, request: _Request) -> Iterator[Refusal]:
        if len(request.key.encode(errors="surrogateescape")) > _KEY_BYTES:
            yield Refusal("400 Bad Request", "KeyTooLongError", "Your key is too long")
        if request.method == "PUT" and not request.key and not request.query and not _BUCKET.fullmatch(request.bucket):
            yield Refusal("400 Bad Request", "InvalidBucketName", "The specified bucket is not valid.")
        if request.writes:
            yield from _damages(request)
        metadata = sum(
            len(name) - len("HTTP_X_AMZ_META_") + len(value.encode("latin-1", "replace"))
            for name, value in request.environ.items()
            if name.startswith("HTTP_X_AMZ_META_")
        )
        if metadata > _METADATA_BYTES:
            yield Refusal(
                "400 Bad Request", "MetadataTooLarge", "Your metadata headers exceed the maximum allowed metadata size"
            )
        if "delete" in request.query and request.body.count(b"<Key>") > _MOST_KEYS:
            text = "The XML you provided was not well-formed or did not validate against our published schema"
            yield Refusal("400 Bad Request", "MalformedXML", text)
        yield from self._of_a_copy(request)

    def _of_a_copy(self, request: _Request) -> Iterator[Refusal]:
        source = request.header("x-amz-copy-source")
        if source is None:
            return
        wanted = request.header("x-amz-copy-source-if-match")
        if wanted is not None and wanted.strip('"') != self.etag_of(source):
            condition = "<Condition>x-amz-copy-source-If-Match</Condition>"
            yield Refusal("412 Precondition Failed", "PreconditionFailed", _PRECONDITION, condition)
        there = request.header("if-none-match") == "*" and self.etag_of(
            f"{request.bucket}/{urllib.parse.quote(request.key)}"
        )
        if there:
            condition = "<Condition>If-None-Match</Condition>"
            yield Refusal("412 Precondition Failed", "PreconditionFailed", _PRECONDITION, condition)


def _is_s3(environ: dict[str, Any]) -> bool:
    """Whether the request is signed for S3, or not at all, and is none of the server's own."""
    if environ["PATH_INFO"].startswith("/moto-api"):
        return False
    found = re.search(r"/(\w[\w-]*)/aws4_request", environ.get("HTTP_AUTHORIZATION", ""))
    return found is None or found[1] == "s3"


def _damages(request: _Request) -> Iterator[Refusal]:
    """Whether what arrived is not what the client says that it sent."""
    if "aws-chunked" in (request.header("content-encoding") or ""):
        return
    digests: dict[str, Callable[[], bytes]] = {
        "content-md5": lambda: hashlib.md5(request.body, usedforsecurity=False).digest(),
        "x-amz-checksum-crc32": lambda: zlib.crc32(request.body).to_bytes(4, "big"),
        "x-amz-checksum-sha1": lambda: hashlib.sha1(request.body, usedforsecurity=False).digest(),
        "x-amz-checksum-sha256": lambda: hashlib.sha256(request.body).digest(),
    }
    for name, digest in digests.items():
        sent = request.header(name)
        if sent is None or sent == base64.b64encode(digest()).decode():
            continue
        kind = name.rpartition("-")[2].upper()
        if name == "content-md5" and not re.fullmatch(r"[A-Za-z0-9+/]{22}==", sent):
            yield Refusal("400 Bad Request", "InvalidDigest", "The Content-MD5 you specified was invalid.")
        elif name == "content-md5":
            text = "The Content-MD5 you specified did not match what we received."
            yield Refusal("400 Bad Request", "BadDigest", text)
        else:
            yield Refusal(
                "400 Bad Request", "BadDigest", f"The {kind} you specified did not match the calculated checksum."
            )
