"""The API server's refusals as kinds: what they mean for a retry.

Reasons are those of `k8s.io/apimachinery/pkg/apis/meta/v1/types.go` (StatusReason); a quota that is used up is a 403 whose message
says ``exceeded quota`` (`plugin/pkg/admission/resourcequota`), and is waited for as a limit of calls is.
"""

import json
import re
from collections.abc import Mapping

from penstock.errors import ErrorKind, ProviderError
from penstock.spec.hooks.error_kinds import kind_of_exception, kind_of_status, kinds_by_name, retry_after_s

QUOTA = "ExceededQuota"
"""The code of a refusal because of a quota; the API server has none of its own for it."""

ODD = "OddAnswer"
"""The code of an answer that is none of an API server's."""

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
_ODD_STATUSES = frozenset({404, 405, 409, 410})
"""Statuses that decide much where the API server gives them with a reason, and say nothing where a proxy does."""
_LONGEST, _SHOWN = 1000, 200

# What an admission plugin or a webhook says of a pod that it will not take later either: `plugin/pkg/admission/limitranger` and
# `resourcequota`, `pod-security-admission`, `apiserver/pkg/admission/plugin/webhook/errors`.
_POLICY = re.compile(
    r" denied the request\b|violates PodSecurity|failed quota: |(?:maximum|minimum) \S+ usage per |limit to request ratio per "
)
_ROLE = re.compile(r' cannot \S+ resource "')  # `apiserver/pkg/endpoints/handlers/responsewriters/errors.go`
_HINTS = (
    (_POLICY, "Change what the pod asks for, or have the policy allow it"),
    (_ROLE, "Give the account a Role that allows it"),
    (
        re.compile("is being terminated"),
        "The namespace is being deleted: create it anew once it is gone, or name another",
    ),
    (re.compile(r'^namespaces "[^"]*" not found'), "Create the namespace, or name another"),
)
_NO_SERVER = "Check that what answers there is the API server, and no proxy or login page before it"


def provider_error(error: Exception, *, operation: str, what: str = "") -> ProviderError:
    """A failure to reach the API server as Penstock's error.

    Args:
        error: Anything that the SDK, or the HTTP client below it, raised.
        operation: What was attempted, such as ``create pods``.
        what: What it was about.
    """
    if isinstance(error, ProviderError):
        return error
    kind = kind_of_exception(error, _KIND_OF_CLASS)
    return _made(str(error), operation, what, kind, type(error).__name__)


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
    found = {str(name).lower(): value for name, value in headers.items()}
    asked = retry_after_s(found.get("retry-after"), found.get("date"))
    status_object = _status_of(body)
    if status_object is None:
        detail, hint = _of_proxy(status, found.get("location", ""), body), _NO_SERVER
        kind = ErrorKind.TRANSIENT if status < 400 or status in _ODD_STATUSES else kind_of_status(status)
        return _made(detail, operation, what, kind, "", hint, status=status, asked=asked)
    reason, message = status_object
    message = message or f"an answer with status {status}"
    kind = _kind_of(status, reason, message, operation)
    if reason == "Forbidden" and "exceeded quota" in message:
        reason, kind = QUOTA, _KIND_OF_REASON[QUOTA]
    usual = f"Check the token of the connection {conn_id!r}" if kind is ErrorKind.AUTH else ""
    hint = next((words for pattern, words in _HINTS if pattern.search(message)), usual)
    return _made(message, operation, what, kind, reason, hint, status=status, asked=asked)


def odd_answer(detail: str, *, operation: str, what: str = "") -> ProviderError:
    """What answered is no API server, or its answer was spoilt on its way: nothing is known of what was asked.

    Args:
        detail: What it is.
        operation: What was attempted.
        what: What it was about.
    """
    return _made(detail, operation, what, ErrorKind.TRANSIENT, ODD, _NO_SERVER)


def shown(body: bytes) -> str:
    """The beginning of an answer, for a person."""
    text = " ".join(body[: 4 * _SHOWN].decode(errors="replace").split())
    return repr(text if len(text) <= _SHOWN else f"{text[:_SHOWN]}...")


def of_event(status: object, *, what: str, conn_id: str = "") -> ProviderError:
    """The error that an event ERROR of a watch carries."""
    code = status.get("code") if isinstance(status, Mapping) else None
    number = code if isinstance(code, int) else 500
    return refusal(number, {}, json.dumps(status).encode(), operation="watch", what=what, conn_id=conn_id)


def _status_of(body: bytes) -> tuple[str, str] | None:
    """Reason and message of a Status object; None of anything else."""
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, dict) or found.get("kind") != "Status":
        return None
    reason, message = found.get("reason") or "", found.get("message") or ""
    return (reason, message) if isinstance(reason, str) and isinstance(message, str) else None


def _kind_of(status: int, reason: str, message: str, operation: str) -> ErrorKind:
    if _POLICY.search(message) and status < 500:
        return ErrorKind.INVALID
    if reason == "Conflict" and operation.startswith("create"):
        return ErrorKind.TRANSIENT  # two requests counted on one quota at once
    if known := _KIND_OF_REASON.get(reason):
        return known
    return ErrorKind.TRANSIENT if status in _ODD_STATUSES else kind_of_status(status)


def _of_proxy(status: int, location: str, body: bytes) -> str:
    place = location.partition("?")[0].rpartition("@")
    leads = f", which leads to {place[2]}" if location else ""
    return f"an answer with status {status} that is none of an API server's{leads}: {shown(body)}"


def _made(  # noqa: PLR0913 - each fact of an error
    detail: str, operation: str, what: str, kind: ErrorKind, code: str, hint: str = "",
    *, status: int | None = None, asked: float | None = None,
) -> ProviderError:  # fmt: skip
    line = " ".join(detail[: 4 * _LONGEST].split())
    line = line if len(line) <= _LONGEST else f"{line[:_LONGEST]}..."
    return ProviderError(
        f"{what}: {line}" if what else line,
        service="kubernetes",
        operation=operation,
        kind=kind,
        code=code[:_SHOWN],
        http_status=status,
        hint=hint,
        retry_after_s=asked,
    )
