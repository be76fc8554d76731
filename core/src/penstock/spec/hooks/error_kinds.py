"""What failures mean for a retry, as far as it is the same for every service: statuses of HTTP and classes of exceptions.

Statuses are those of RFC 9110, section 15, and of RFC 6585 (429); Retry-After is RFC 9110, section 10.2.3.
"""

import math
from collections.abc import Iterable, Mapping
from email.utils import parsedate_to_datetime

from penstock.errors import ErrorKind

Names = Mapping[ErrorKind, Iterable[str]]

_OF_STATUS = {
    401: ErrorKind.AUTH,
    403: ErrorKind.PERMISSION,
    404: ErrorKind.NOT_FOUND,
    407: ErrorKind.AUTH,
    408: ErrorKind.TIMEOUT,
    409: ErrorKind.CONFLICT,
    410: ErrorKind.NOT_FOUND,
    412: ErrorKind.CONFLICT,
    421: ErrorKind.TRANSIENT,
    423: ErrorKind.CONFLICT,
    425: ErrorKind.TRANSIENT,
    429: ErrorKind.THROTTLED,
    501: ErrorKind.INVALID,
    504: ErrorKind.TIMEOUT,
    505: ErrorKind.INVALID,
}
# Exceptions of the standard library and of the HTTP clients that SDKs build on, told by their names, so that nothing is
# imported for it. All but the last are of urllib3, requests and http.client.
_KIND_OF_CLASS = {
    **dict.fromkeys(
        ("ConnectTimeout", "ReadTimeout", "ConnectTimeoutError", "ReadTimeoutError", "Timeout", "TimeoutError"),
        ErrorKind.TIMEOUT,
    ),
    **dict.fromkeys(
        (
            "ProtocolError", "IncompleteRead", "ChunkedEncodingError", "ContentDecodingError", "RemoteDisconnected",
            "BadStatusLine", "HTTPException", "NewConnectionError", "MaxRetryError", "ProxyError", "ConnectionError",
            "URLError", "HTTPError", "OSError",
        ),
        ErrorKind.TRANSIENT,
    ),
}  # fmt: skip


def kinds_by_name(names: Names) -> dict[str, ErrorKind]:
    """The kind of each name of a table that lists them by kind."""
    return {name: kind for kind, each in names.items() for name in each}


def kind_of_status(status: int) -> ErrorKind:
    """The kind of an answer with a status of HTTP that is no success."""
    return _OF_STATUS.get(status, ErrorKind.TRANSIENT if status >= 500 else ErrorKind.INVALID)


def kind_of_exception(error: BaseException, known: Mapping[str, ErrorKind] | None = None) -> ErrorKind:
    """The kind of an exception that carries no answer of the service, by the nearest of its classes that is known.

    Args:
        error: What was raised.
        known: Names of classes, as `kinds_by_name` makes them; they count before those of the standard library.
    """
    if is_of_certificate(error):
        return ErrorKind.INVALID  # a lost connection otherwise, by its class; no repetition makes it valid
    table = {**_KIND_OF_CLASS, **(known or {})}
    return next((table[cls.__name__] for cls in type(error).__mro__ if cls.__name__ in table), ErrorKind.INVALID)


def retry_after_s(value: str | None, date: str | None = None) -> float | None:
    """Seconds that a Retry-After header asks to wait; None if there is none or nobody can read it.

    Args:
        value: The header: whole seconds, or a date.
        date: The Date header of the same answer, as a date counts from the service's clock and not from ours.
    """
    text = (value or "").strip()
    try:
        seconds = float(text)
    except ValueError:
        try:
            seconds = (parsedate_to_datetime(text) - parsedate_to_datetime(date or "")).total_seconds()
        except (TypeError, ValueError):  # no date, or one of them without a zone
            return None
    return max(0.0, seconds) if math.isfinite(seconds) else None


def is_of_certificate(error: BaseException) -> bool:
    """Whether a server's certificate was not accepted."""
    text = str(error)
    return "CERTIFICATE_VERIFY_FAILED" in text or "certificate verify failed" in text
