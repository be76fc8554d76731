"""What every client of Google Cloud shares: the connection, requests and errors."""

from collections.abc import Mapping
from typing import Any, ClassVar

from penstock.errors import ErrorKind, ProviderError
from penstock.spec.fields import Connection
from penstock.spec.hooks.service_hook import Identity, ServiceHook
from penstock_gcp.connections import GcpFields
from penstock_gcp.errors import answer_error, provider_error
from penstock_gcp.hooks.clients import Clients, clients, forget

REACHED = (ErrorKind.PERMISSION, ErrorKind.INVALID)
"""Refusals that prove a connection, as the service has known who asks."""


class GcpHook(ServiceHook[GcpFields]):
    """The connection side of a hook of Google Cloud.

    Args:
        gcp_conn_id: The connection, of type ``gcp``.
        connection: The connection itself, in place of its name.

    Attributes:
        service: The service, as errors name it.
    """

    connection_type: ClassVar[str] = "gcp"
    default_conn_id: ClassVar[str] = "gcp_default"
    fields_class: ClassVar[type[GcpFields]] = GcpFields
    service: ClassVar[str]

    def __init__(self, gcp_conn_id: str | None = None, *, connection: Connection | None = None) -> None:
        super().__init__(gcp_conn_id, connection=connection)

    def _identity(self, date: str) -> Identity:
        """Who we are, and the service's time; for `identify`."""
        credentials = self._clients.credentials
        if credentials is None:
            return Identity("", "The service answers; the connection is anonymous.", date)
        name = getattr(credentials, "service_account_email", "") or getattr(credentials, "signer_email", "")
        return Identity(str(name or ""), f"Google Cloud knows us as {name}." if name else "", date)

    def provider_error(self, error: Exception, operation: str, what: str) -> ProviderError:
        """What a failure of the SDK means; one of the credentials has the next client look for them anew."""
        found = provider_error(error, service=self.service, operation=operation, what=what, conn_id=self.conn_id)
        if found.kind is ErrorKind.AUTH and self._fields is not None:
            forget(self._fields)
        return self.located(found, error)

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
        """Send one request, once; for what the SDK does not offer, such as uploads that go on.

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
        with self.errors(operation, what):
            answer = found.session.request(
                method,
                path if "://" in path else self.endpoint + path,
                params=self._query(params or {}),
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
                    service=self.service, operation=operation, what=what, conn_id=self.conn_id,
                )  # fmt: skip
        if error.kind is ErrorKind.AUTH:
            forget(fields)
        raise error

    @property
    def timeout(self) -> tuple[float, float]:
        """Seconds to connect, and to wait for each part of an answer, as requests takes them."""
        return self.fields.connect_timeout_s, self.fields.read_timeout_s

    @property
    def project(self) -> str:
        """The connection's project, or that of its credentials.

        Raises:
            penstock.errors.ProviderError: Of kind ``invalid``: neither names one.
        """
        found = self._clients.project
        if not found:
            detail = f"neither the connection {self.conn_id!r} nor its key names a project"
            raise ProviderError(detail, service=self.service, operation="FindProject", kind=ErrorKind.INVALID)
        return found

    @property
    def _clients(self) -> Clients:
        with self.errors("CreateClient"):
            return clients(self.fields)

    def _query(self, params: Mapping[str, str]) -> dict[str, str]:
        """The parameters of a request, with those that each has."""
        return dict(params)
