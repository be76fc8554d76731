"""Dask's errors as kinds: what a failure of its client means for a retry.

Exceptions are those of `distributed` 2024.12 and newer, told by their class names, so that this room imports nothing of it.
"""

from penstock.errors import ErrorKind, ProviderError
from penstock.spec.hooks.error_kinds import kind_of_exception, kinds_by_name

_KIND_OF_CLASS = kinds_by_name({
    ErrorKind.TRANSIENT: (
        "CommClosedError", "StreamClosedError", "FutureCancelledError", "CancelledError", "KilledWorker", "ClosedClientError",
        "SchedulerClosedError",
    ),
    ErrorKind.AUTH: ("CertificateError", "FatalCommClosedError", "SSLError", "SSLCertVerificationError"),
    ErrorKind.INVALID: ("TypeError", "ValueError", "VersionMismatchError"),
})  # fmt: skip


class CertificateError(ConnectionError):
    """A cluster cannot be reached with the certificates that are given."""


def provider_error(error: Exception, *, operation: str, what: str = "", conn_id: str = "") -> ProviderError:
    """A failure of Dask's client as Penstock's error.

    Args:
        error: Anything that the client or the standard library raised.
        operation: What was attempted, such as ``connect``.
        what: What it was about, such as the scheduler's address.
        conn_id: The connection, for the hint.
    """
    if isinstance(error, ProviderError):
        return error
    cause: BaseException = error
    while cause.__cause__ is not None and type(cause).__name__ not in _KIND_OF_CLASS:
        cause = cause.__cause__
    kind = kind_of_exception(cause, _KIND_OF_CLASS)
    text = str(error) or type(error).__name__
    hint = (
        f"Check host, port and certificates of the connection {conn_id!r}" if operation == "connect" and conn_id else ""
    )
    return ProviderError(
        text if not what or what in text else f"{what}: {text}",
        service="dask", operation=operation, kind=kind, code=type(cause).__name__, hint=hint,
    )  # fmt: skip
