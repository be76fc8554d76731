"""Salesforce's errors as kinds: what an answer means for a retry.

Codes are those of "Status Codes and Error Responses" of the REST API Developer Guide, "Core Data Types" (ExceptionCode) of the SOAP
API Developer Guide, and "OAuth 2.0 Error Codes" of Salesforce Help. Limits of requests hold for a window of 24 hours that moves
along ("API Request Limits and Allocations"), so there is no moment at which they are reset.
"""

import re
from urllib.parse import urlsplit

from penstock.errors import ErrorKind, ProviderError
from penstock.spec.hooks.error_kinds import kind_of_exception, kind_of_status, kinds_by_name

QUOTA_PAUSE_S = 3600.0
"""Until requests are tried again after a quota was used up: a 24th of the window that moves along."""

_KIND_OF_CODE = kinds_by_name(
    {
        ErrorKind.AUTH: (
            "INVALID_SESSION_ID", "INVALID_LOGIN", "INVALID_AUTH_HEADER", "LOGIN_MUST_USE_SECURITY_TOKEN", "invalid_grant",
            "invalid_client", "invalid_client_id", "inactive_user", "inactive_org", "Bad_OAuth_Token",
        ),
        ErrorKind.PERMISSION: (
            "INSUFFICIENT_ACCESS", "INSUFFICIENT_ACCESS_OR_READONLY", "API_DISABLED_FOR_ORG", "API_CURRENTLY_DISABLED",
            "FUNCTIONALITY_NOT_ENABLED", "FORBIDDEN",
        ),
        ErrorKind.NOT_FOUND: ("NOT_FOUND", "ENTITY_IS_DELETED", "INVALID_QUERY_LOCATOR"),
        ErrorKind.QUOTA_EXHAUSTED: ("REQUEST_LIMIT_EXCEEDED", "EXCEEDED_QUOTA", "TXN_SECURITY_METERING_ERROR"),
        ErrorKind.CONFLICT: ("UNABLE_TO_LOCK_ROW", "INVALIDJOBSTATE"),
        ErrorKind.TIMEOUT: ("QUERY_TIMEOUT", "OPERATION_TIMEOUT"),
        ErrorKind.TRANSIENT: ("SERVER_UNAVAILABLE", "API_TEMPORARILY_UNAVAILABLE", "UNKNOWN_EXCEPTION"),
        ErrorKind.INVALID: (
            "MALFORMED_QUERY", "INVALID_FIELD", "INVALID_TYPE", "INVALIDJOB", "INVALIDENTITY", "API_ERROR", "URI_TOO_LONG",
            "OPERATION_TOO_LARGE", "unsupported_grant_type",
        ),
    }
)  # fmt: skip

_HINTS = {
    "INVALID_FIELD": "The field is misspelt, deleted, or hidden from the user by field-level security",
    "INVALID_TYPE": "Check the object's API name; custom ones end with __c",
    "NOT_FOUND": "The name or id is misspelt (custom names end with __c), deleted, or hidden from the connection's user",
    "MALFORMED_QUERY": "Try the query in the developer console",
    "QUERY_TIMEOUT": "Narrow the query by an indexed field, such as a window of SystemModstamp",
    "OPERATION_TOO_LARGE": "Narrow the query, or give the user the permission 'View All Data'",
    "REQUEST_LIMIT_EXCEEDED": "The organisation's requests of 24 hours are used up; the task waits before it tries again",
    "API_DISABLED_FOR_ORG": "Give the user the permission 'API Enabled', in an edition that has the API",
    "INVALID_LOGIN": "Check user, password and security token of the connection {conn!r}; better, use OAuth",
    "invalid_grant": "Check user, key and pre-authorisation of the connected app of the connection {conn!r}",
    "invalid_client": "Check client_id and client_secret of the connection {conn!r}",
    "URI_TOO_LONG": "Select fewer fields, or use method='bulk', which sends the query as a body",
}

_TOO_MUCH = ("QUERY_TIMEOUT", "OPERATION_TOO_LARGE")
_TOO_MUCH_WORDS = re.compile("QUERY_TIMEOUT|retried more than|failed to write query result", re.IGNORECASE)


class AnswerError(Exception):
    """An answer of Salesforce that is no success.

    Args:
        status: Of HTTP.
        code: Salesforce's code; "" if it gave none.
        message: Its words.
        retry_after_s: Seconds that it asks to wait.
    """

    def __init__(self, status: int, code: str, message: str, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.status, self.code, self.retry_after_s = status, code, retry_after_s


def provider_error(error: Exception, *, operation: str, what: str = "", conn_id: str = "") -> ProviderError:
    """The error of an answer or of the HTTP client as Penstock's.

    Args:
        error: What was raised.
        operation: What was attempted.
        what: What it was about.
        conn_id: The connection, for the hint.
    """
    # The HTTP client's own words may hold the URL that was asked for, with the query in it: told by the class alone.
    status, code, wait = None, type(error).__name__, None
    message = str(error) if isinstance(error, ValueError | AnswerError) else f"no answer came{_asked(error)}"
    if isinstance(error, AnswerError):
        status, code, wait = error.status, error.code, error.retry_after_s
    kind = kind_of_exception(error) if status is None else _KIND_OF_CODE.get(code) or kind_of_status(status)
    if code == "REQUEST_LIMIT_EXCEEDED" and "concurrent" in message.lower():
        kind = ErrorKind.THROTTLED  # 25 long requests at once, which is over in seconds
    if kind is ErrorKind.QUOTA_EXHAUSTED:
        wait = wait or QUOTA_PAUSE_S
    hint = "" if kind is ErrorKind.THROTTLED else _HINTS.get(code, "")
    return ProviderError(
        f"{what}: {message}" if what else message,
        service="salesforce",
        operation=operation,
        kind=kind,
        code=code,
        http_status=status,
        hint=hint.format(conn=conn_id),
        retry_after_s=wait,
    )


def _asked(error: Exception) -> str:
    url = getattr(getattr(error, "request", None), "url", None)
    return f" from {urlsplit(url).netloc}" if url else ""


def invalid(detail: str, operation: str, hint: str = "") -> ProviderError:
    """An error of what was asked for, found before it was sent."""
    return ProviderError(detail, service="salesforce", operation=operation, kind=ErrorKind.INVALID, hint=hint)


def is_too_much(error: ProviderError) -> bool:
    """Whether a query might do if it asked for less.

    Codes are those of "Core Data Types" (ExceptionCode) of the SOAP API Developer Guide. A job tells it in words alone: of "Understanding
    Bulk API 2.0 Query" of the Bulk API 2.0 and Bulk API Developer Guide, and those at which tap-salesforce divides its query.
    """
    job_failed = error.kind is ErrorKind.JOB_FAILED
    return error.code in _TOO_MUCH or (job_failed and _TOO_MUCH_WORDS.search(error.detail) is not None)
