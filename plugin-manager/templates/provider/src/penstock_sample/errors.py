"""The service's errors as kinds; a kind decides whether the task is tried again."""

from penstock.errors import ProviderError
from penstock.spec.hooks.error_kinds import kind_of_exception, kind_of_status


def refused(operation: str, status: int, detail: str) -> ProviderError:
    """The error of an answer with a status that is no success."""
    return ProviderError(
        detail,
        service="sample",
        operation=operation,
        kind=kind_of_status(status),
        http_status=status,
    )


def unreachable(operation: str, where: str, error: Exception) -> ProviderError:
    """The error of a service that does not answer."""
    return ProviderError(
        f"{where} does not answer: {str(error) or type(error).__name__}",
        service="sample",
        operation=operation,
        kind=kind_of_exception(error),
    )
