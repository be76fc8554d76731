"""The base of hooks of providers: the connection's fields, the frame that maps errors, calls, and the connection test."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import ClassVar, Generic, NamedTuple, TypeVar

from penstock.author.hook import ConnectionReport, Hook
from penstock.errors import ErrorKind, PenstockError, ProviderError
from penstock.model.connection import Connection
from penstock.spec.fields import ConnectionFields, read_fields
from penstock.spec.hooks.call_retry import Retry
from penstock.spec.hooks.error_kinds import is_of_certificate

Fields = TypeVar("Fields", bound=ConnectionFields)
T = TypeVar("T")

_SKEW_S = 60.0
_UNANSWERED = frozenset({ErrorKind.TRANSIENT, ErrorKind.TIMEOUT})


class Identity(NamedTuple):
    """Who a service says we are.

    Attributes:
        name: The account, user or role; "" if the service does not say.
        detail: A sentence for a person; a usual one unless given.
        date: The service's own time, as a Date header or an instant, for the skew of this machine's clock; "" without.
    """

    name: str
    detail: str = ""
    date: str | datetime = ""


class ServiceHook(Hook, Generic[Fields]):
    """A hook whose connection is read into frozen fields and whose errors all become `penstock.errors.ProviderError`.

    A subclass names its ``fields_class``, says by `identify` who we are, where (`endpoint`), and by `provider_error` what a
    failure of its SDK means.

    Args:
        conn_id: Name of the connection; the class's ``default_conn_id`` unless given.
        connection: The connection itself, in place of its name.
    """

    fields_class: ClassVar[type[ConnectionFields]]

    def __init__(self, conn_id: str | None = None, *, connection: Connection | None = None) -> None:
        super().__init__(conn_id, connection=connection)
        self._fields: Fields | None = None

    @property
    def fields(self) -> Fields:
        """The connection's fields; raises `penstock.errors.ConfigError` with everything that is wrong with them."""
        if self._fields is None:
            self._fields = read_fields(self.connection, self.fields_class)  # type: ignore[assignment]  # of the subclass
        assert self._fields is not None  # noqa: S101 - for type checkers
        return self._fields

    @property
    def endpoint(self) -> str:
        """Where the service is reached, for the connection test; without credentials."""
        return ""

    @property
    def retry(self) -> Retry:
        """How calls are repeated; what the connection's fields say of it, if they do."""
        fields = self.fields
        return Retry(getattr(fields, "max_attempts", 5), getattr(fields, "deadline_s", 120.0))

    def identify(self) -> Identity:
        """Ask the service who we are, with the least privilege that proves the connection."""
        raise NotImplementedError(f"{type(self).__name__} has no identify()")

    def provider_error(self, error: Exception, operation: str, what: str) -> ProviderError:
        """What a failure of the SDK means.

        Args:
            error: What was raised.
            operation: What was attempted, in the service's words.
            what: The thing it was about; "" if there is none.
        """
        raise NotImplementedError(f"{type(self).__name__} has no provider_error()")

    def located(self, found: ProviderError, error: Exception) -> ProviderError:
        """The error, and where the service was looked for if it gave no answer; for `provider_error`.

        Args:
            found: The error of the service, which names a status of HTTP if there was an answer.
            error: What was raised.
        """
        unanswered = found.http_status is None and (found.kind in _UNANSWERED or is_of_certificate(error))
        if found.hint or not unanswered:
            return found
        place = f"where the connection {self.conn_id!r} should lead" if self.conn_id else "the right place"
        return found.with_hint(
            f"Check that {self.endpoint or 'the service'} is {place}, and that this machine reaches it, through a proxy if there is one"
        )

    @contextmanager
    def errors(self, operation: str, what: str = "") -> Iterator[None]:
        """Turn whatever the SDK raises in the block into a `penstock.errors.ProviderError`."""
        try:
            yield
        except PenstockError:
            raise
        except Exception as error:
            found = self.provider_error(error, operation, what)
            if isinstance(error, ImportError):
                found = found.with_hint(
                    "`plugin-manager doctor` shows which distribution is missing here, or is of no use"
                )
            raise found from error

    def call(
        self,
        operation: str,
        ask: Callable[[], T],
        what: str = "",
        *,
        repeated: Callable[[ProviderError], bool] | None = None,
    ) -> T:
        """Make a call, repeated as `retry` says; for hooks whose SDK does not repeat by itself.

        Args:
            operation: What is attempted, in the service's words.
            ask: Makes one attempt.
            what: The thing it is about, for the message.
            repeated: As that of `penstock.spec.hooks.call_retry.Retry.call`.
        """

        def attempt() -> T:
            with self.errors(operation, what):
                return ask()

        return self.retry.call(attempt, repeated=repeated)

    def test_connection(self) -> ConnectionReport:
        """Reach the service with the least privilege that proves the connection, and report who we are and how long it took."""
        started, endpoint = time.monotonic(), ""
        try:
            endpoint = self.endpoint
            with self.errors("TestConnection"):
                found = self.identify()
        except PenstockError as error:
            return ConnectionReport(False, "", endpoint, _milliseconds_since(started), str(error))
        latency_ms = _milliseconds_since(started)
        usual = (
            f"The service knows us as {found.name}."
            if found.name
            else "The service lets us in; it does not tell who we are."
        )
        return ConnectionReport(True, found.name, endpoint, latency_ms, (found.detail or usual) + _skew(found.date))


def _skew(date: str | datetime) -> str:
    """What to say of a clock that is off, as signatures and tokens are refused for it."""
    if not date:
        return ""
    try:
        at = parsedate_to_datetime(date) if isinstance(date, str) else date
    except ValueError:
        return ""
    off = (datetime.now(UTC) - (at if at.tzinfo else at.replace(tzinfo=UTC))).total_seconds()
    return (
        f" The clock here is {off:+.0f} s off; signatures and tokens may be refused for it."
        if abs(off) > _SKEW_S
        else ""
    )


def _milliseconds_since(started: float) -> float:
    return round((time.monotonic() - started) * 1000, 1)
