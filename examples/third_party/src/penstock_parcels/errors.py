"""Errors of the depot as kinds."""

from penstock.errors import ErrorKind, ProviderError

_KINDS: dict[type[Exception], ErrorKind] = {
    FileNotFoundError: ErrorKind.NOT_FOUND,
    PermissionError: ErrorKind.PERMISSION,
    IsADirectoryError: ErrorKind.INVALID,
}


def provider_error(error: Exception, operation: str, parcel: str = "") -> ProviderError:
    """The error of a file as Penstock's."""
    kind = _KINDS.get(type(error), ErrorKind.TRANSIENT if isinstance(error, OSError) else ErrorKind.INVALID)
    return ProviderError(f"{parcel or 'depot'}: {error}", service="depot", operation=operation, kind=kind)
