"""Stores that speak S3 less well than S3: a proxy before a real server that changes what passes, on order.

Each fault is what some store or network is known to do; the test says which. Requests and answers pass byte for byte
otherwise.
"""

import base64
import contextlib
import http.client
import re
import zlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from urllib.parse import urlsplit

from penstock_testkit.saas import Fault, HttpAnswer, HttpRequest, Order, Service, plain_http
from penstock_testkit.saas.http_faults import cut

_OWN_HEADERS = ("content-length", "transfer-encoding", "connection", "server", "date")


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


def breaks_off_bodies(after: int, times: int | None = None) -> Fault:
    """A network that breaks off the content of objects."""
    return Order(cut(after), times, _reads_an_object)


def damages_bodies(times: int | None = None) -> Fault:
    """A network that changes the content of objects, under the checksum of the right one."""

    def damaged(answer: HttpAnswer) -> HttpAnswer:
        body = answer.content
        crc32 = base64.b64encode(zlib.crc32(body).to_bytes(4, "big")).decode()
        return replace(answer, headers=answer.headers | {"x-amz-checksum-crc32": crc32}, body=b"~" + body[1:])

    return Order(lambda _: damaged, times, _reads_an_object)


def pages_with(change: Callable[[str], str]) -> Fault:
    """A store whose pages of ListObjectsV2 are written otherwise."""

    def changed(answer: HttpAnswer) -> HttpAnswer:
        return replace(answer, body=change(answer.content.decode()).encode())

    return lambda request: changed if "list-type" in request.query else None


def an_empty_page_first(page: str) -> str:
    """A page without a key, as the API permits it, if it is the first of several."""
    return page if "<ContinuationToken>" in page else re.sub(r"<Contents>.*</Contents>", "", page, flags=re.DOTALL)


def leads_back(request: HttpRequest) -> Callable[[HttpAnswer], HttpAnswer] | None:
    """A store each of whose pages says that another follows, which is the same."""

    def changed(answer: HttpAnswer) -> HttpAnswer:
        page = answer.content.decode().replace("<IsTruncated>false</IsTruncated>", "<IsTruncated>true</IsTruncated>")
        page = page.replace(
            "</ListBucketResult>", "<NextContinuationToken>t</NextContinuationToken></ListBucketResult>"
        )
        return replace(answer, body=page.encode())

    request.without_query("continuation-token")
    return changed if "list-type" in request.query else None


class Proxy(Service):
    """The server behind, as its faults let it appear.

    Attributes:
        endpoint_url: ``http://127.0.0.1:<port>``.
    """

    name = "s3-proxy"

    def __init__(self, upstream_url: str) -> None:
        super().__init__()
        self.endpoint_url = ""
        self._upstream = urlsplit(upstream_url)

    def handle(self, request: HttpRequest) -> HttpAnswer:
        """Pass a request on."""
        link = http.client.HTTPConnection(self._upstream.hostname or "", self._upstream.port, timeout=30)
        try:
            link.request(request.method, request.target, request.body, request.headers)
            response = link.getresponse()
            headers = {name: value for name, value in response.getheaders() if name.lower() not in _OWN_HEADERS}
            if request.method == "HEAD":
                headers["Content-Length"] = response.getheader("Content-Length") or "0"
            return HttpAnswer(response.status, headers, response.read())
        finally:
            link.close()


@contextlib.contextmanager
def s3_proxy(upstream_url: str) -> Iterator[Proxy]:
    """Run a proxy before the server at ``upstream_url``, in threads of this process."""
    proxy = Proxy(upstream_url)
    with plain_http(proxy) as proxy.endpoint_url:
        yield proxy


def _reads_an_object(request: HttpRequest) -> bool:
    return request.method == "GET" and not request.query
