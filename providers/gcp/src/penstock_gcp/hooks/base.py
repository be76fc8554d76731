"""What every client of Cloud Storage shares: the connection, requests, errors, names and the connection test."""

from collections.abc import Mapping
from typing import Any, ClassVar
from urllib.parse import quote

from penstock import ConnectionReport
from penstock.errors import ErrorKind, ProviderError
from penstock.spec.fields import Connection
from penstock.spec.hooks.service_hook import Identity, ServiceHook
from penstock_gcp.connections import GcpFields
from penstock_gcp.errors import answer_error, provider_error
from penstock_gcp.hooks.clients import Clients, clients, forget

_REACHED = (ErrorKind.PERMISSION, ErrorKind.INVALID)


class GCSBase(ServiceHook[GcpFields]):
    """The connection side of the hook of Cloud Storage.

    Args:
        gcp_conn_id: The connection, of type ``gcp``.
        connection: The connection itself, in place of its name.
    """

    connection_type: ClassVar[str] = "gcp"
    default_conn_id: ClassVar[str] = "gcp_default"
    fields_class: ClassVar[type[GcpFields]] = GcpFields

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
        return self._clients.endpoint

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
            if bucket or error.http_status is None or not (error.kind in _REACHED or anonymous):
                raise
            return self._identity(found.credentials, "")
        return self._identity(found.credentials, answer.headers.get("Date", ""))

    def _identity(self, credentials: Any, date: str) -> Identity:  # noqa: ANN401 - the SDK's
        if credentials is None:
            return Identity("", "The service answers; the connection is anonymous.", date)
        name = getattr(credentials, "service_account_email", "") or getattr(credentials, "signer_email", "")
        return Identity(str(name or ""), f"Google Cloud knows us as {name}." if name else "", date)

    def provider_error(self, error: Exception, operation: str, what: str) -> ProviderError:
        """What a failure of the SDK means; one of the credentials has the next client look for them anew."""
        found = provider_error(error, operation=operation, what=what, conn_id=self.conn_id)
        if found.kind is ErrorKind.AUTH and self._fields is not None:
            forget(self._fields)
        return found

    def send(  # noqa: PLR0913 - the parts of one request
        self,
        operation: str,
        method: str,
        path: str,
        *,
        what: str = "",
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        content: bytes | None = None,
        accepted: tuple[int, ...] = (200,),
        stream: bool = False,
    ) -> Any:  # noqa: ANN401 - the answer of requests
        """Send one request of the JSON API, once; for what the SDK does not offer, such as uploads that go on.

        Args:
            operation: What is attempted, such as ``GetObject``.
            method: Of HTTP.
            path: Below the endpoint, or a whole URL.
            what: What it is about, for messages.
            params: Of the query.
            headers: Beside the token.
            content: The body.
            accepted: Statuses that are no failure.
            stream: Whether the answer's body is left to the caller.

        Raises:
            penstock.errors.ProviderError: Any other status, or no answer.
        """
        found, fields = self._clients, self.fields
        query = dict(params or {}) | ({"userProject": fields.user_project} if fields.user_project else {})
        with self.errors(operation, what):
            answer = found.session.request(
                method,
                path if "://" in path else found.endpoint + path,
                params=query,
                headers=dict(headers or {}),
                data=content,
                timeout=self.timeout,
                stream=stream,
                allow_redirects=False,
            )
            if answer.status_code in accepted:
                return answer
            with answer:
                error = answer_error(
                    answer.status_code, answer.headers, answer.content,
                    operation=operation, what=what, conn_id=self.conn_id,
                )  # fmt: skip
        if error.kind is ErrorKind.AUTH:
            forget(fields)
        raise error

    @property
    def timeout(self) -> tuple[float, float]:
        """Seconds to connect, and to wait for each part of an answer, as requests takes them."""
        return self.fields.connect_timeout_s, self.fields.read_timeout_s

    @property
    def _clients(self) -> Clients:
        with self.errors("CreateClient"):
            return clients(self.fields)

    def _blob(self, bucket: str, name: str, generation: int | None = None) -> Any:  # noqa: ANN401 - the SDK's
        return self._bucket(bucket).blob(name, generation=generation)

    def _bucket(self, bucket: str) -> Any:  # noqa: ANN401 - the SDK's
        with self.errors("GetBucket", f"gs://{bucket}"):
            return self.client.bucket(bucket, user_project=self.fields.user_project or None)


def _invalid(detail: str) -> ProviderError:
    return ProviderError(detail, service="gcs", operation="ParseUrl", kind=ErrorKind.INVALID)
