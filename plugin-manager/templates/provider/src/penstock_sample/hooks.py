"""The client of the service; the only module that knows its protocol.

The protocol here is a small one over HTTP: ``PUT``, ``GET``, ``HEAD`` and ``DELETE`` of ``/items/NAME``, ``GET /items?prefix=``, and
``GET /whoami``. Put your service's in its place, and its SDK if there is one: imported inside the methods, on first use.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, ClassVar, NamedTuple
from urllib.parse import quote, urlencode

from penstock.errors import ErrorKind, ProviderError
from penstock.spec.hooks.service_hook import (
    Identity,
    ServiceHook,
)

from penstock_sample.connections import SampleFields
from penstock_sample.errors import refused, unreachable


class SampleItem(NamedTuple):
    """An item of the service: its name, its size in bytes, and a tag that changes with its content."""

    name: str
    size: int
    tag: str


class SampleHook(ServiceHook[SampleFields]):
    """A client of the service; making one opens nothing, and each call has a connection of its own.

    So a hook that was used before a fork works behind it. A client that is worth keeping is kept by process id.
    """

    connection_type: ClassVar[str] = "sample"
    default_conn_id: ClassVar[str] = "sample_default"
    fields_class: ClassVar[type[SampleFields]] = SampleFields

    @property
    def endpoint(self) -> str:
        """Where the service is."""
        return self.fields.address

    def write(self, name: str, content: bytes | Iterable[bytes], *, if_absent: bool = False) -> bool:
        """Store an item.

        Args:
            name: Its name.
            content: What it shall be, or the parts of it.
            if_absent: Whether an item that is there is left alone.

        Returns:
            Whether it was stored.
        """
        headers = {"If-None-Match": "*"} if if_absent else {}
        with self._answer("Write", "PUT", _path(name), content, headers, fine=(412,)) as answer:
            return bool(answer.status != 412)

    def read(self, name: str) -> bytes:
        """The content of an item."""
        with self._answer("Read", "GET", _path(name)) as answer:
            return bytes(answer.read())

    def open(self, name: str) -> Any:
        """A stream over the content of an item; whoever reads it closes it."""
        connection, answer = self._ask("Open", "GET", _path(name), None, {})
        if answer.status != 200:
            detail = answer.read().decode("utf-8", "replace")
            connection.close()
            raise refused("Open", answer.status, detail)
        return answer

    def find(self, name: str) -> SampleItem | None:
        """The item, or None if there is none."""
        with self._answer("Find", "HEAD", _path(name), fine=(404,)) as answer:
            if answer.status == 404:
                return None
            size, tag = int(answer.headers["Content-Length"]), answer.headers["ETag"]
            return SampleItem(name, size, tag)

    def list(self, prefix: str) -> Iterator[SampleItem]:
        """Items whose name begins with a prefix."""
        import json

        with self._answer("List", "GET", "/items?" + urlencode({"prefix": prefix})) as answer:
            yield from (SampleItem(**each) for each in json.load(answer))

    def delete(self, name: str) -> None:
        """Remove an item; one that is not there is fine."""
        with self._answer("Delete", "DELETE", _path(name), fine=(404,)):
            pass

    def identify(self) -> Identity:
        """Ask the service who we are, which needs no right but to log in."""
        with self._answer("WhoAmI", "GET", "/whoami") as answer:
            return Identity(answer.read().decode(), date=answer.headers["Date"] or "")

    def provider_error(self, error: Exception, operation: str, what: str) -> ProviderError:
        """What a failure of the protocol means."""
        return unreachable(operation, what or self.endpoint, error)

    @contextmanager
    def _answer(
        self,
        operation: str,
        method: str,
        path: str,
        content: bytes | Iterable[bytes] | None = None,
        headers: dict[str, str] | None = None,
        *,
        fine: tuple[int, ...] = (),
    ) -> Iterator[Any]:
        """The answer to one request, while it is read; refused unless it is a success or one of the statuses that are fine."""
        connection, answer = self._ask(operation, method, path, content, headers or {})
        try:
            if answer.status >= 300 and answer.status not in fine:
                raise refused(operation, answer.status, answer.read().decode("utf-8", "replace") or answer.reason)
            yield answer
        except OSError as error:
            raise unreachable(operation, self.fields.address, error) from error
        finally:
            connection.close()

    def _ask(
        self, operation: str, method: str, path: str, content: bytes | Iterable[bytes] | None, headers: dict[str, str]
    ) -> tuple[Any, Any]:
        import http.client

        fields = self.fields
        kind = http.client.HTTPSConnection if fields.tls else http.client.HTTPConnection
        connection = kind(fields.host, fields.port or None, timeout=fields.timeout_s)
        chunked = content is not None and not isinstance(content, bytes)
        try:
            headers = {"Authorization": f"Bearer {fields.token}", **headers}
            if chunked:
                headers["Transfer-Encoding"] = "chunked"
            connection.request(method, path, content, headers, encode_chunked=chunked)
            return connection, connection.getresponse()
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            raise unreachable(operation, fields.address, error) from error
        except BaseException:
            connection.close()
            raise


def name_of(url: str) -> str:
    """The name of the item behind ``sample://NAME``.

    Raises:
        penstock.errors.ProviderError: It is no such URL.
    """
    name = url.removeprefix("sample://")
    if name == url:
        detail = f"{url!r} is no URL of the form sample://NAME"
        raise ProviderError(detail, service="sample", operation="Open", kind=ErrorKind.INVALID)
    return name


def _path(name: str) -> str:
    return "/items/" + quote(name, safe="")
