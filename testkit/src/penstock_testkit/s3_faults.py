"""Stores that speak S3 less well than S3: a proxy before a real server that changes what passes, on order.

Each fault is what some store or network is known to do; the test says which. Requests and answers pass byte for byte
otherwise. Not covered: chunked requests without a length (the SDK sends none over plain HTTP).
"""

import base64
import contextlib
import http.client
import http.server
import re
import threading
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from urllib.parse import SplitResult, parse_qs, urlencode, urlsplit, urlunsplit


@dataclass
class HttpRequest:
    """What the client sent."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def query(self) -> dict[str, str]:
        """The query's first value of each name."""
        parts = parse_qs(urlsplit(self.path).query, keep_blank_values=True)
        return {name: values[0] for name, values in parts.items()}

    def without_query(self, name: str) -> None:
        """Forget a parameter, as a store that does not know it."""
        parts = urlsplit(self.path)
        kept = {key: value for key, value in self.query.items() if key != name}
        self.path = urlunsplit(parts._replace(query=urlencode(kept)))

    def without_header(self, name: str) -> None:
        """Forget a header, as a store that does not know it."""
        self.headers = {key: value for key, value in self.headers.items() if key.lower() != name.lower()}

    def header(self, name: str) -> str:
        """A header's value, "" without it."""
        return next((value for key, value in self.headers.items() if key.lower() == name.lower()), "")


@dataclass
class HttpAnswer:
    """What the client gets."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    sent_bytes: int | None = None  # the connection is cut after so many; None sends all


_OWN_HEADERS = ("content-length", "transfer-encoding", "connection", "server", "date")

Fault = Callable[[HttpRequest], "HttpAnswer | Callable[[HttpAnswer], HttpAnswer] | None"]


def refusal(status: int, code: str, message: str = "It is so.") -> HttpAnswer:
    """An error of S3, as XML."""
    body = f"<Error><Code>{code}</Code><Message>{message}</Message><RequestId>R1</RequestId></Error>"
    return HttpAnswer(status, {"Content-Type": "application/xml"}, body.encode())


def ignores_conditions(request: HttpRequest) -> None:
    """A store that ignores If-None-Match (ceph/s3-tests#583, minio/minio#20346)."""
    request.without_header("If-None-Match")


def ignores_start_after(request: HttpRequest) -> None:
    """A store that ignores StartAfter, as directory buckets of S3 do (API Reference, ListObjectsV2)."""
    if "continuation-token" not in request.query:
        request.without_query("start-after")


def wants_md5(request: HttpRequest) -> HttpAnswer | None:
    """A store that knows no x-amz-checksum and wants Content-MD5 in DeleteObjects (boto/s3transfer#327)."""
    if request.method != "POST" or "delete" not in request.query or request.header("Content-MD5"):
        return None
    return refusal(400, "MissingContentMD5", "Missing required header for this request: Content-MD5.")


def wants_encryption(request: HttpRequest) -> HttpAnswer | None:
    """A bucket policy that lets nothing be written without x-amz-server-side-encryption."""
    begins = request.method == "PUT" and "partNumber" not in request.query
    begins = (begins or (request.method == "POST" and "uploads" in request.query)) and request.path.count("/") > 1
    return refusal(403, "AccessDenied") if begins and not request.header("x-amz-server-side-encryption") else None


def wants_payer(request: HttpRequest) -> HttpAnswer | None:
    """A bucket whose owner has the requester pay."""
    return (
        None
        if request.header("x-amz-request-payer") or request.query.get("x-amz-request-payer")
        else refusal(403, "AccessDenied")
    )


def wants_no_signature(request: HttpRequest) -> HttpAnswer | None:
    """A public bucket, for those that do not sign."""
    return refusal(403, "AccessDenied") if request.header("Authorization") else None


def refuses(code: str, status: int = 403, methods: tuple[str, ...] = ("GET", "HEAD", "PUT", "POST", "DELETE")) -> Fault:
    """A store that answers every request of these methods with one error; a HEAD's has no body, as HTTP wants it."""
    return lambda request: refusal(status, code) if request.method in methods else None


def breaks_off_bodies(after: int, times: int = 1_000_000) -> Fault:
    """A network that breaks off the content of objects."""
    left = [times]

    def fault(request: HttpRequest) -> Callable[[HttpAnswer], HttpAnswer] | None:
        if request.method != "GET" or request.query or not left[0]:
            return None
        left[0] -= 1
        return lambda answer: HttpAnswer(answer.status, answer.headers, answer.body, after)

    return fault


def damages_bodies(times: int = 1_000_000) -> Fault:
    """A network that changes the content of objects, under the checksum of the right one."""
    left = [times]

    def damaged(answer: HttpAnswer) -> HttpAnswer:
        crc32 = base64.b64encode(zlib.crc32(answer.body).to_bytes(4, "big")).decode()
        return HttpAnswer(answer.status, answer.headers | {"x-amz-checksum-crc32": crc32}, b"~" + answer.body[1:])

    def fault(request: HttpRequest) -> Callable[[HttpAnswer], HttpAnswer] | None:
        if request.method != "GET" or request.query or not left[0]:
            return None
        left[0] -= 1
        return damaged

    return fault


def pages_with(change: Callable[[str], str]) -> Fault:
    """A store whose pages of ListObjectsV2 are written otherwise."""

    def changed(answer: HttpAnswer) -> HttpAnswer:
        return HttpAnswer(answer.status, answer.headers, change(answer.body.decode()).encode())

    return lambda request: changed if "list-type" in request.query else None


def an_empty_page_first(page: str) -> str:
    """A page without a key, as the API permits it, if it is the first of several."""
    return page if "<ContinuationToken>" in page else re.sub(r"<Contents>.*</Contents>", "", page, flags=re.DOTALL)


def leads_back(request: HttpRequest) -> Callable[[HttpAnswer], HttpAnswer] | None:
    """A store each of whose pages says that another follows, which is the same."""

    def changed(answer: HttpAnswer) -> HttpAnswer:
        page = answer.body.decode().replace("<IsTruncated>false</IsTruncated>", "<IsTruncated>true</IsTruncated>")
        page = page.replace(
            "</ListBucketResult>", "<NextContinuationToken>t</NextContinuationToken></ListBucketResult>"
        )
        return HttpAnswer(answer.status, answer.headers, page.encode())

    request.without_query("continuation-token")
    return changed if "list-type" in request.query else None


class Proxy:
    """The proxy's handle.

    Attributes:
        endpoint_url: ``http://127.0.0.1:<port>``.
        faults: What is done to each request, in order; the first that answers ends it.
        requests: What passed, as ``(method, path)``.
    """

    def __init__(self, endpoint_url: str) -> None:
        self.endpoint_url = endpoint_url
        self.faults: list[Fault] = []
        self.requests: list[tuple[str, str]] = []


class _Handler(http.server.BaseHTTPRequestHandler):
    """Passes one request on; its subclass knows the proxy and the server behind it."""

    protocol_version = "HTTP/1.1"
    proxy: Proxy
    upstream: SplitResult

    def _pass(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        request = HttpRequest(self.command, self.path, dict(self.headers), body)
        self.proxy.requests.append((request.method, request.path))
        changes: list[Callable[[HttpAnswer], HttpAnswer]] = []
        for fault in self.proxy.faults:
            found = fault(request)
            if isinstance(found, HttpAnswer):
                self._answer(found)
                return
            if found is not None:
                changes.append(found)
        answer = self._forward(request)
        for change in changes:
            answer = change(answer)
        self._answer(answer)

    def _forward(self, request: HttpRequest) -> HttpAnswer:
        link = http.client.HTTPConnection(self.upstream.hostname or "", self.upstream.port, timeout=30)
        try:
            link.request(request.method, request.path, request.body, request.headers)
            response = link.getresponse()
            headers = {name: value for name, value in response.getheaders() if name.lower() not in _OWN_HEADERS}
            if request.method == "HEAD":
                headers["Content-Length"] = response.getheader("Content-Length") or "0"
            return HttpAnswer(response.status, headers, response.read())
        finally:
            link.close()

    def _answer(self, answer: HttpAnswer) -> None:
        self.send_response(answer.status)
        for name, value in ({"Content-Length": str(len(answer.body))} | answer.headers).items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "HEAD":
            return
        self.wfile.write(answer.body if answer.sent_bytes is None else answer.body[: answer.sent_bytes])
        self.close_connection = answer.sent_bytes is not None

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = _pass  # noqa: N815 - the base class's names

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Log nothing: the lines would bury a failed test's own."""


@contextlib.contextmanager
def s3_proxy(upstream_url: str) -> Iterator[Proxy]:
    """Run a proxy before the server at ``upstream_url``, in threads of this process."""

    class Handler(_Handler):
        upstream = urlsplit(upstream_url)

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Handler.proxy = proxy = Proxy(f"http://127.0.0.1:{server.server_port}")
    server.daemon_threads = True  # a kept-alive connection of a client must not hold the end up
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), name="s3-proxy", daemon=True)
    thread.start()
    try:
        yield proxy
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
