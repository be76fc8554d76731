"""A real S3 server for tests.

Source: `moto` in server mode, which keeps objects in this process and answers real HTTP: multipart, ranges,
versions, If-None-Match and If-Match, presigned URLs. What S3 refuses and moto takes is refused by `s3_rules`.
Not covered: permissions and signatures (any key is accepted), event notifications, eventual throttling.
The other AWS services of moto answer at the same endpoint, but many of them accept and do nothing. Kinesis is answered by
`kinesis`.
"""

import contextlib
import threading
import urllib.parse
import urllib.request
import uuid
from collections.abc import Iterator
from typing import Any

import boto3  # type: ignore[import-untyped]  # it ships no types
from botocore.config import Config  # type: ignore[import-untyped]  # it ships no types
from botocore.exceptions import ClientError  # type: ignore[import-untyped]  # it ships no types
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from werkzeug.serving import make_server

from penstock_testkit.kinesis import Kinesis
from penstock_testkit.object_store.s3_rules import Rules

_REGION = "us-east-1"
_ACCESS_KEY = "testing"
_SECRET_KEY = "testing"  # noqa: S105 - the fake accepts any


class _QuietHandler(MotoRequestHandler):
    """Serves requests without a line in the log for each."""

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Log nothing: the lines would bury a failed test's own."""

    def send_response(self, code: int, message: str | None = None) -> None:
        """Begin an answer without the machine's date: the application gives its own, for time in a stand-in may jump."""
        self.send_response_only(code, message)


class S3Server:
    """Where the server is, and clients for it.

    Attributes:
        endpoint_url: `http://127.0.0.1:<port>`.
        kinesis: What answers Kinesis there; None if the server is another process's.
    """

    def __init__(self, endpoint_url: str, kinesis: Kinesis | None = None) -> None:
        self.endpoint_url, self.kinesis = endpoint_url, kinesis
        # One session and one client for the server's own calls: a new one reads its models again, 0.2 s each.
        self._session = boto3.session.Session(
            aws_access_key_id=_ACCESS_KEY, aws_secret_access_key=_SECRET_KEY, region_name=_REGION
        )
        self._lock = threading.Lock()
        self._own: Any = None

    @property
    def env(self) -> dict[str, str]:
        """Environment variables that send any AWS SDK or command line to this server."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint_url,
            "AWS_ACCESS_KEY_ID": _ACCESS_KEY,
            "AWS_SECRET_ACCESS_KEY": _SECRET_KEY,
            "AWS_DEFAULT_REGION": _REGION,
            "AWS_REGION": _REGION,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_MAX_ATTEMPTS": "1",
        }

    def client(self, service: str = "s3") -> Any:  # noqa: ANN401 - boto3 makes its classes at run time
        """Return a boto3 client with dummy credentials, SigV4 and no retries, for S3 or another service."""
        config = Config(
            signature_version="s3v4" if service == "s3" else None,
            s3={"addressing_style": "path"},
            retries={"total_max_attempts": 1},
            connect_timeout=5,
            read_timeout=30,
        )
        with self._lock:  # sessions are not safe to share between threads; clients are
            return self._session.client(service, endpoint_url=self.endpoint_url, config=config)

    def create_bucket(self, name: str | None = None) -> str:
        """Create a bucket, with a new unique name when none is given, and return its name."""
        bucket = name or f"bucket-{uuid.uuid4().hex[:12]}"
        self._client().create_bucket(Bucket=bucket)
        return bucket

    def put(self, url: str, body: bytes | str) -> None:
        """Write an object at `s3://bucket/key`; the bucket must exist."""
        bucket, _, key = url.removeprefix("s3://").partition("/")
        self._client().put_object(Bucket=bucket, Key=key, Body=body)

    def get(self, url: str) -> bytes:
        """Return the body of the object at `s3://bucket/key`."""
        bucket, _, key = url.removeprefix("s3://").partition("/")
        body: bytes = self._client().get_object(Bucket=bucket, Key=key)["Body"].read()
        return body

    def keys(self, url: str) -> list[str]:
        """Return the keys under `s3://bucket/prefix`, in order."""
        bucket, _, prefix = url.removeprefix("s3://").partition("/")
        pages = self._client().get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
        return [item["Key"] for page in pages for item in page.get("Contents", [])]

    def etag_of(self, copy_source: str) -> str:
        """Return the ETag of an object by the name that a copy gives it, without quotes; "" if there is none."""
        path, _, version = copy_source.lstrip("/").partition("?versionId=")
        bucket, _, key = urllib.parse.unquote(path).partition("/")
        try:
            found = self._client().head_object(Bucket=bucket, Key=key, **({"VersionId": version} if version else {}))
        except ClientError:
            return ""
        return str(found["ETag"]).strip('"')

    def reset(self) -> None:
        """Forget every bucket, object and other resource."""
        if self.kinesis is not None:
            self.kinesis.reset()
        request = urllib.request.Request(f"{self.endpoint_url}/moto-api/reset", method="POST")  # noqa: S310
        with urllib.request.urlopen(request, timeout=60):  # noqa: S310 - the URL is our own loopback server's
            pass

    def close(self) -> None:
        """Close the connections of the handle's own client."""
        if self._own is not None:
            self._own.close()

    def _client(self) -> Any:  # noqa: ANN401 - boto3 makes its classes at run time
        if self._own is None:
            self._own = self.client()
        return self._own


@contextlib.contextmanager
def s3_server(port: int = 0) -> Iterator[S3Server]:
    """Run an S3 server in a thread of this process.

    Args:
        port: TCP port on 127.0.0.1; 0 takes a free one.

    Yields:
        The running server's handle.
    """
    app = Rules(DomainDispatcherApplication(create_backend_app))
    kinesis = Kinesis(app)
    server = make_server("127.0.0.1", port, kinesis, threaded=True, request_handler=_QuietHandler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), name="s3", daemon=True)
    thread.start()
    handle = S3Server(f"http://127.0.0.1:{server.server_port}", kinesis)
    app.etag_of = handle.etag_of
    try:
        yield handle
    finally:
        handle.close()
        server.shutdown()
        thread.join()
        server.server_close()
