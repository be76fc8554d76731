"""The service's errors as kinds; a kind decides whether the task is tried again."""

from penstock.errors import ErrorKind, ProviderError

_KINDS = {
    401: ErrorKind.AUTH,
    403: ErrorKind.PERMISSION,
    404: ErrorKind.NOT_FOUND,
    409: ErrorKind.CONFLICT,
    429: ErrorKind.THROTTLED,
}


def refused(operation: str, status: int, detail: str) -> ProviderError:
    """The error of an answer with a status that is no success."""
    kind = _KINDS.get(status, ErrorKind.TRANSIENT if status >= 500 else ErrorKind.INVALID)
    return ProviderError(
        detail,
        service="sample",
        operation=operation,
        kind=kind,
        http_status=status,
    )


def unreachable(operation: str, where: str, error: Exception) -> ProviderError:
    """The error of a service that does not answer."""
    kind = ErrorKind.TIMEOUT if isinstance(error, TimeoutError) else ErrorKind.TRANSIENT
    return ProviderError(
        f"{where} does not answer: {str(error) or type(error).__name__}",
        service="sample",
        operation=operation,
        kind=kind,
    )
