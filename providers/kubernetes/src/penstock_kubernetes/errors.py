"""The API server's refusals as kinds: what they mean for a retry.

Reasons are those of `k8s.io/apimachinery/pkg/apis/meta/v1/types.go` (StatusReason); a quota that is used up is a 403 whose message
says ``exceeded quota`` (`plugin/pkg/admission/resourcequota`), and is waited for as a limit of calls is.
"""

import json
from collections.abc import Mapping

from penstock.errors import ErrorKind, ProviderError
from penstock.spec.hooks.error_kinds import kind_of_exception, kind_of_status, kinds_by_name, retry_after_s

QUOTA = "ExceededQuota"
"""The code of a refusal because of a quota; the API server has none of its own for it."""

EXPIRED = "Expired"
"""The code of a version of which the history is gone: a list begins anew."""

_KIND_OF_REASON = kinds_by_name({
    ErrorKind.AUTH: ("Unauthorized",),
    ErrorKind.PERMISSION: ("Forbidden",),
    ErrorKind.NOT_FOUND: ("NotFound",),
    ErrorKind.CONFLICT: ("AlreadyExists", "Conflict"),
    ErrorKind.INVALID: (
        "Invalid", "BadRequest", "MethodNotAllowed", "NotAcceptable", "UnsupportedMediaType", "RequestEntityTooLarge",
    ),
    ErrorKind.TRANSIENT: ("Gone", EXPIRED, "InternalError", "ServiceUnavailable"),
    ErrorKind.THROTTLED: ("TooManyRequests", QUOTA),
    ErrorKind.TIMEOUT: ("Timeout", "ServerTimeout"),
})  # fmt: skip
_KIND_OF_CLASS = kinds_by_name(
    {ErrorKind.INVALID: ("LocationParseError", "SSLCertVerificationError"), ErrorKind.TRANSIENT: ("SSLError",)}
)
_HINTS = {
    ErrorKind.AUTH: "Check the token of the connection {conn!r}",
    ErrorKind.PERMISSION: "Give the account a Role that allows it",
}


def provider_error(error: Exception, *, operation: str, what: str = "", conn_id: str = "") -> ProviderError:
    """A failure to reach the API server as Penstock's error.

    Args:
        error: Anything that the SDK, or the HTTP client below it, raised.
        operation: What was attempted, such as ``create pods``.
        what: What it was about.
        conn_id: The connection, for the hint.
    """
    if isinstance(error, ProviderError):
        return error
    kind = kind_of_exception(error, _KIND_OF_CLASS)
    return _made(str(error), operation, what, conn_id, kind, type(error).__name__)


def refusal(
    status: int, headers: Mapping[str, str], body: bytes, *, operation: str, what: str = "", conn_id: str = ""
) -> ProviderError:
    """A refusal of the API server as Penstock's error.

    Args:
        status: That of HTTP.
        headers: Those of the answer, with Retry-After where the server names a time.
        body: A Status object, or whatever a proxy before the server said.
        operation: What was attempted.
        what: What it was about.
        conn_id: The connection, for the hint.
    """
    try:
        found_status = json.loads(body)
    except ValueError:
        found_status = None
    found_status = found_status if isinstance(found_status, dict) and found_status.get("kind") == "Status" else {}
    reason, message = (
        str(found_status.get("reason", "")),
        str(found_status.get("message", "")) or f"an answer with status {status}",
    )
    if reason == "Forbidden" and "exceeded quota" in message:
        reason = QUOTA
    kind = _KIND_OF_REASON.get(reason) or kind_of_status(status)
    found = {str(name).lower(): value for name, value in headers.items()}
    asked = retry_after_s(found.get("retry-after"), found.get("date"))
    return _made(message, operation, what, conn_id, kind, reason, status=status, asked=asked)


def of_event(status: Mapping[str, object], *, what: str, conn_id: str = "") -> ProviderError:
    """The error that an event ERROR of a watch carries."""
    code = status.get("code")
    number = code if isinstance(code, int) else 500
    return refusal(number, {}, json.dumps(status).encode(), operation="watch", what=what, conn_id=conn_id)


def _made(  # noqa: PLR0913
    detail: str, operation: str, what: str, conn_id: str, kind: ErrorKind, code: str,
    *, status: int | None = None, asked: float | None = None,
) -> ProviderError:  # fmt: skip
    hint = _HINTS.get(kind, "").format(conn=conn_id) if status is not None else ""
    return ProviderError(
        f"{what}: {detail}" if what else detail,
        service="kubernetes",
        operation=operation,
        kind=kind,
        code=code,
        http_status=status,
        hint=hint,
        retry_after_s=asked,
    )
