"""What every part of the S3 hook shares: URLs, buckets and the connection test."""

import os
import time
from collections.abc import Callable
from typing import ClassVar

from penstock import ConnectionReport
from penstock.errors import ErrorKind, ProviderError
from penstock.spec.fields import Connection
from penstock.spec.hooks.service_hook import Identity
from penstock_aws.connections import AwsFields
from penstock_aws.errors import not_found_hint
from penstock_aws.hooks.clients import NotAwsError
from penstock_aws.hooks.service import AwsHook

# When a bucket was last seen, so that a sensor whose key is missing asks about its bucket once in a while and not at
# every poke. A fork finds nothing of its parent's.
_seen_at: dict[tuple[int, AwsFields, str], float] = {}
_SEEN_S = 600.0


class S3Base(AwsHook):
    """The connection side of the S3 hook.

    Args:
        aws_conn_id: The connection, of type ``aws``.
        connection: The connection itself, in place of its name.
    """

    service: ClassVar[str] = "s3"

    def __init__(self, aws_conn_id: str | None = None, *, connection: Connection | None = None) -> None:
        super().__init__(aws_conn_id, connection=connection)
        self._tested = ""

    @staticmethod
    def parse(key: str, bucket: str = "") -> tuple[str, str]:
        """Bucket and key of a URL, or of a key and its bucket.

        Raises:
            penstock.errors.ProviderError: Of kind ``invalid``: no bucket, two buckets, no key.
        """
        if key.startswith("s3://"):
            if bucket:
                raise _invalid(f"{key!r} names its bucket, and {bucket!r} was given besides; give one of the two")
            bucket, _, key = key.removeprefix("s3://").partition("/")
        if not bucket:
            raise _invalid(f"{key!r} has no bucket; write s3://bucket/key or give the bucket")
        if not key:
            raise _invalid(f"s3://{bucket} names a bucket; a key is needed")
        return bucket, key

    @classmethod
    def parse_prefix(cls, prefix: str, bucket: str = "") -> tuple[str, str]:
        """Bucket and beginning of keys, as `parse`; an empty one is the whole bucket."""
        if prefix.startswith("s3://") and not bucket:
            named, _, rest = prefix.removeprefix("s3://").partition("/")
            bucket, prefix = (named, "") if named and not rest else ("", prefix)
        if bucket and not prefix:
            return bucket, ""
        return cls.parse(prefix, bucket)

    def has_bucket(self, bucket: str) -> bool:
        """Whether the bucket exists; raises if it is another account's."""
        try:
            with self.errors("HeadBucket", f"s3://{bucket}"):
                self.client.head_bucket(Bucket=bucket)
        except ProviderError as error:
            if error.kind is ErrorKind.NOT_FOUND:
                return False
            one = {"Bucket": bucket, "MaxKeys": 1}
            what = f"s3://{bucket}"
            raise self._explained(error, "HeadBucket", what, lambda: self.client.list_objects_v2(**one)) from error
        return True

    def create_bucket(self, bucket: str, *, region: str = "") -> bool:
        """Create a bucket; False if it is ours already."""
        region = region or self.client.meta.region_name
        place = {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}
        try:
            with self.errors("CreateBucket", f"s3://{bucket}"):
                if region == "us-east-1" and self.has_bucket(bucket):
                    return False
                self.client.create_bucket(Bucket=bucket, **place)
        except ProviderError as error:
            if error.code == "BucketAlreadyOwnedByYou":
                return False
            raise
        return True

    def test_connection(self, bucket: str = "") -> ConnectionReport:
        """Ask STS who we are, and S3 for a bucket if one is given.

        The first needs no permission at all, the second ``s3:ListBucket`` on this bucket. A store of another maker may
        have no STS: then it is asked for the bucket or, without one, for the list of buckets.
        """
        self._tested = bucket
        return super().test_connection()

    def identify(self) -> Identity:
        """Who STS says we are; "" of a store that has no STS but lets us in.

        Raises:
            penstock.errors.ProviderError: It does not let us in, or there is no such bucket.
        """
        bucket = self._tested
        found = self._caller(bucket)
        if bucket and not self.has_bucket(bucket):
            raise self._no_bucket(bucket)
        return found

    def _caller(self, bucket: str) -> Identity:
        try:
            return super().identify()
        except ProviderError as error:
            answered = error.http_status is not None or error.code == NotAwsError.__name__
            if not self.fields.endpoint_url or not answered or error.kind is ErrorKind.AUTH:
                raise
        if not bucket:
            with self.errors("ListBuckets"):
                self.client.list_buckets()
        return Identity("", "The store lets us in; it does not tell who we are.")

    def _require_bucket(self, bucket: str) -> None:
        """Raise if the bucket itself is missing: a HEAD of an object says 404 for both."""
        name, now = (os.getpid(), self.fields, bucket), time.monotonic()
        if now - _seen_at.get(name, -_SEEN_S) < _SEEN_S:
            return
        if not self.has_bucket(bucket):
            raise self._no_bucket(bucket)
        _seen_at[name] = now

    def _no_bucket(self, bucket: str) -> ProviderError:
        return ProviderError(
            f"s3://{bucket}: there is no such bucket", service="s3", operation="HeadBucket",
            kind=ErrorKind.NOT_FOUND, code="NoSuchBucket", hint=not_found_hint(self.conn_id),
        )  # fmt: skip

    def _explained(self, error: ProviderError, operation: str, what: str, ask: Callable[[], object]) -> ProviderError:
        """The error of a HEAD with the store's own code, which only a request whose answer has a body tells."""
        if error.http_status is None or not error.code.isdigit():
            return error
        try:
            with self.errors(operation, what):
                ask()
        except ProviderError as explained:
            return explained
        return error


def _invalid(detail: str) -> ProviderError:
    return ProviderError(detail, service="s3", operation="ParseUrl", kind=ErrorKind.INVALID)
