"""Failures of collectors as kinds, by the section "OTLP/HTTP Response" of the OpenTelemetry Protocol Specification."""

from urllib.error import HTTPError

from penstock.errors import ErrorKind, ProviderError

_KINDS = {
    401: ErrorKind.AUTH,
    403: ErrorKind.PERMISSION,
    404: ErrorKind.NOT_FOUND,
    408: ErrorKind.TIMEOUT,
    429: ErrorKind.THROTTLED,
    502: ErrorKind.TRANSIENT,
    503: ErrorKind.TRANSIENT,
    504: ErrorKind.TRANSIENT,
}


def otlp_error(endpoint: str, error: Exception) -> ProviderError:
    """Say what a failed post to a collector means."""
    status = error.code if isinstance(error, HTTPError) else None
    if status is not None:
        kind = _KINDS.get(status, ErrorKind.INVALID)
    else:
        kind = ErrorKind.TIMEOUT if isinstance(error, TimeoutError) else ErrorKind.TRANSIENT
    return ProviderError(f"{endpoint}: {error}", service="otlp", operation="Export", kind=kind, http_status=status)
