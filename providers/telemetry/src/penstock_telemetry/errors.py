"""Failures of collectors as kinds, by the section "OTLP/HTTP Response" of the OpenTelemetry Protocol Specification."""

from urllib.error import HTTPError

from penstock.errors import ProviderError
from penstock.spec.hooks.error_kinds import kind_of_exception, kind_of_status, retry_after_s


def otlp_error(endpoint: str, error: Exception) -> ProviderError:
    """Say what a failed post to a collector means."""
    answer = error if isinstance(error, HTTPError) else None
    return ProviderError(
        f"{endpoint}: {error}",
        service="otlp",
        operation="Export",
        kind=kind_of_status(answer.code) if answer else kind_of_exception(error),
        http_status=answer.code if answer else None,
        retry_after_s=retry_after_s(answer.headers["Retry-After"], answer.headers["Date"]) if answer else None,
    )
