"""What every part of the hook of Cloud Storage shares: names, the connection test, and the SDK's objects."""

from collections.abc import Mapping
from typing import Any, ClassVar
from urllib.parse import quote

from penstock import ConnectionReport
from penstock.errors import ErrorKind, ProviderError
from penstock.spec.fields import Connection
from penstock.spec.hooks.service_hook import Identity
from penstock_gcp.hooks.service import REACHED, GcpHook


class GCSBase(GcpHook):
    """The connection side of the hook of Cloud Storage.

    Args:
        gcp_conn_id: The connection, of type ``gcp``.
        connection: The connection itself, in place of its name.
    """

    service: ClassVar[str] = "gcs"

    def __init__(self, gcp_conn_id: str | None = None, *, connection: Connection | None = None) -> None:
        super().__init__(gcp_conn_id, connection=connection)
        self._tested = ""

    @property
    def client(self) -> Any:  # noqa: ANN401 - the SDK's
        """The ``google.cloud.storage.Client`` of this process, for what the hook does not offer."""
        return self._clients.storage

    @property
    def endpoint(self) -> str:
        """The URL of the service."""
        return self.fields.storage_url

    @staticmethod
    def parse(name: str, bucket: str = "") -> tuple[str, str]:
        """Bucket and name of a ``gs://`` URL, or of a name and its bucket.

        Raises:
            penstock.errors.ProviderError: Of kind ``invalid``: no bucket, two buckets, no name.
        """
        if name.startswith("gs://"):
            if bucket:
                raise _invalid(f"{name!r} names its bucket, and {bucket!r} was given besides; give one of the two")
            bucket, _, name = name.removeprefix("gs://").partition("/")
        if "://" in name and not bucket:
            raise _invalid(f"{name!r} is no gs:// URL; CopyObjectsOperator copies between stores of any kind")
        if not bucket or "://" in bucket + name[:12]:
            raise _invalid(f"{name!r} has no bucket; write gs://bucket/name or give the bucket")
        if not name:
            raise _invalid(f"gs://{bucket} names a bucket; an object is needed")
        return bucket, name

    @classmethod
    def parse_prefix(cls, prefix: str, bucket: str = "") -> tuple[str, str]:
        """Bucket and beginning of names, as `parse`; an empty one is the whole bucket."""
        if prefix.startswith("gs://") and not bucket:
            named, _, rest = prefix.removeprefix("gs://").partition("/")
            bucket, prefix = (named, "") if named and not rest else ("", prefix)
        if bucket and not prefix:
            return bucket, ""
        return cls.parse(prefix, bucket)

    def test_connection(self, bucket: str = "") -> ConnectionReport:
        """Fetch a token, and ask the service something that needs no more than that.

        Args:
            bucket: A bucket that must be there; the project's buckets are asked for unless given, and a refusal to list
                them proves the connection as well.
        """
        self._tested = bucket
        return super().test_connection()

    def identify(self) -> Identity:
        """Who the token is of; "" of a user, whom a token does not name."""
        found, bucket = self._clients, self._tested
        path = f"/storage/v1/b/{quote(bucket, safe='')}/iam/testPermissions" if bucket else "/storage/v1/b"
        params = {"permissions": "storage.objects.list"} if bucket else {"project": found.project, "maxResults": "1"}
        try:
            answer = self.call("TestConnection", lambda: self.send("TestConnection", "GET", path, params=params))
        except ProviderError as error:
            anonymous = self.fields.anonymous and error.kind is ErrorKind.AUTH
            if bucket or error.http_status is None or not (error.kind in REACHED or anonymous):
                raise
            return self._identity("")
        return self._identity(answer.headers.get("Date", ""))

    def _query(self, params: Mapping[str, str]) -> dict[str, str]:
        payer = self.fields.user_project
        return dict(params) | ({"userProject": payer} if payer else {})

    def _blob(self, bucket: str, name: str, generation: int | None = None) -> Any:  # noqa: ANN401 - the SDK's
        return self._bucket(bucket).blob(name, generation=generation)

    def _bucket(self, bucket: str) -> Any:  # noqa: ANN401 - the SDK's
        with self.errors("GetBucket", f"gs://{bucket}"):
            return self.client.bucket(bucket, user_project=self.fields.user_project or None)


def _invalid(detail: str) -> ProviderError:
    return ProviderError(detail, service="gcs", operation="ParseUrl", kind=ErrorKind.INVALID)
