"""Errors of the depot as kinds."""

from penstock.errors import ErrorKind, ProviderError

_KINDS = {
    FileNotFoundError: ErrorKind.NOT_FOUND,
    PermissionError: ErrorKind.PERMISSION,
    IsADirectoryError: ErrorKind.INVALID,
}


def provider_error(error: OSError, operation: str) -> ProviderError:
    """The error of a file as Penstock's."""
    kind = _KINDS.get(type(error), ErrorKind.TRANSIENT)
    return ProviderError(f"{error.filename}: {error.strerror}", service="depot", operation=operation, kind=kind)
