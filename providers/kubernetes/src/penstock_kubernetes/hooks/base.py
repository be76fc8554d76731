"""The connection side of the hook: requests with one retry layer, errors by kind, and the connection test."""

import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, ClassVar

from penstock.errors import ErrorKind, ProviderError
from penstock.spec.fields import Connection
from penstock.spec.hooks.service_hook import Identity, ServiceHook
from penstock_kubernetes.connections import KubernetesFields
from penstock_kubernetes.errors import QUOTA, odd_answer, provider_error, refusal
from penstock_kubernetes.hooks.api_objects import object_of
from penstock_kubernetes.hooks.clients import Answer, KubeClient, client_of, forget_client, path_of

Object = dict[str, Any]

_LARGEST, _PIECE = 64 * 1024 * 1024, 1024 * 1024
"""Bytes of an answer that is read whole, and of a piece of it."""


class KubernetesBase(ServiceHook[KubernetesFields]):
    """What every part of the hook shares.

    Args:
        kubernetes_conn_id: Name of the connection, of type ``kubernetes``.
        connection: The connection itself, in place of its name.
    """

    connection_type: ClassVar[str] = "kubernetes"
    default_conn_id: ClassVar[str] = "kubernetes_default"
    fields_class: ClassVar[type[KubernetesFields]] = KubernetesFields

    def __init__(self, kubernetes_conn_id: str | None = None, *, connection: Connection | None = None) -> None:
        super().__init__(kubernetes_conn_id, connection=connection)
        self._date = datetime.now(UTC), time.monotonic()
        self._server = ""

    @property
    def client(self) -> KubeClient:
        """The client of the connection; raises `penstock.errors.ProviderError` if there is nothing that says where the cluster is."""
        with self.errors("find the cluster"):
            found = client_of(self.fields)
        self._server = found.server
        return found

    @property
    def server_time(self) -> datetime:
        """The present by the API server's clock, as its last answer lets it be known; by ours before that."""
        date, at = self._date
        return date + timedelta(seconds=time.monotonic() - at)

    @property
    def namespace(self) -> str:
        """Where objects are unless something else is said."""
        return self.fields.namespace or self.client.namespace or "default"

    @property
    def endpoint(self) -> str:
        """URL of the API server, or the kubeconfig that has it."""
        fields = self.fields
        return fields.server or self._server or fields.kubeconfig

    def provider_error(self, error: Exception, operation: str, what: str) -> ProviderError:
        """What a failure to reach the API server means; the token is not in it."""
        found = provider_error(error, operation=operation, what=what)
        fields = self._fields
        if fields and fields.token and fields.token in found.detail:
            found = found.with_detail(found.detail.replace(fields.token, "***"))
        return self.located(found, error)

    def identify(self) -> Identity:
        """Who the API server says we are; every account may ask that."""
        body = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
        path = path_of("authentication.k8s.io/v1", "selfsubjectreviews")
        found = self._once("POST", path, "review", "", body=body)
        name = str(found.get("status", {}).get("userInfo", {}).get("username", ""))
        return Identity(name, f"The cluster knows us as {name}.", self.server_time)

    def asked(  # noqa: PLR0913 - the parts of a request, each by name
        self,
        method: str,
        path: str,
        operation: str,
        what: str = "",
        *,
        query: Mapping[str, str | int] | None = None,
        body: object = None,
        content_type: str = "application/json",
        repeated: Callable[[ProviderError], bool] | None = None,
    ) -> Object:
        """A JSON object that the API server answers, asked again as the connection says.

        Raises:
            ProviderError: It refused, or did not answer.
        """
        return self.call(
            operation,
            lambda: self._once(method, path, operation, what, query=query, body=body, content_type=content_type),
            what,
            repeated=repeated or _is_repeated,
        )

    def opened(
        self,
        path: str,
        operation: str,
        what: str,
        query: Mapping[str, str | int],
        *,
        read_timeout_s: float | None = None,
    ) -> Answer:
        """An answer whose body is still to be read, and closed; asked once.

        Raises:
            ProviderError: It refused, or did not answer.
        """
        with self.errors(operation, what):
            answer = self.client.request("GET", path, query=query, read_timeout_s=read_timeout_s)
        return self._checked(answer, operation, what)

    def _once(
        self,
        method: str,
        path: str,
        operation: str,
        what: str,
        *,
        query: Mapping[str, str | int] | None = None,
        body: object = None,
        content_type: str = "application/json",
    ) -> Object:
        with self.errors(operation, what):
            answer = self.client.request(method, path, query=query, body=body, content_type=content_type)
            self._checked(answer, operation, what)
            return object_of(self._content(answer, operation, what), operation=operation, what=what)

    def _checked(self, answer: Answer, operation: str, what: str) -> Answer:
        if date := _instant(answer.headers.get("Date", "")):
            self._date = date, time.monotonic()
        if 200 <= answer.status < 300:
            return answer
        with self.errors(operation, what):
            content = self._content(answer, operation, what)
        if answer.status == 401:
            forget_client(self.fields)
        raise refusal(
            answer.status, dict(answer.headers), content, operation=operation, what=what, conn_id=self.conn_id
        )

    def _content(self, answer: Answer, operation: str, what: str) -> bytes:
        """A body as a whole, within its bounds: one that comes in drops is given up, too."""
        found, end = bytearray(), time.monotonic() + self.fields.deadline_s
        try:
            while piece := answer.stream.read1(_PIECE):
                found += piece
                if len(found) > _LARGEST or time.monotonic() > end:
                    most = f"{_LARGEST} bytes" if len(found) > _LARGEST else f"{self.fields.deadline_s:g} s"
                    answer.stream.close()
                    raise odd_answer(f"an answer that has no end within {most}", operation=operation, what=what)
        finally:
            answer.stream.release_conn()
        return bytes(found)


def _instant(date: str) -> datetime | None:
    """The instant of a Date header; None of what is none."""
    try:
        found = parsedate_to_datetime(date)
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _is_repeated(error: ProviderError) -> bool:
    """What is asked again at once: not a quota, for which a task waits without holding anybody up."""
    return error.kind in (ErrorKind.TRANSIENT, ErrorKind.THROTTLED, ErrorKind.TIMEOUT) and error.code != QUOTA
