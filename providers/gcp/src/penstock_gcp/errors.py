"""Errors of Google Cloud as kinds: what a failure means for a retry.

Statuses and reasons are those of https://cloud.google.com/storage/docs/json_api/v1/status-codes, permissions those of
https://cloud.google.com/storage/docs/access-control/iam-json. The SDK's exceptions are told by
their class names, so that this room imports nothing of it.
"""

import json
from collections.abc import Mapping
from typing import Any

from penstock.errors import ErrorKind, ProviderError
from penstock.spec.hooks.error_kinds import kind_of_exception, kind_of_status, kinds_by_name, retry_after_s

_KIND_OF_REASON = kinds_by_name(
    {
        ErrorKind.THROTTLED: ("rateLimitExceeded", "userRateLimitExceeded"),
        ErrorKind.QUOTA_EXHAUSTED: ("quotaExceeded", "dailyLimitExceeded"),
        ErrorKind.AUTH: ("authError", "expired", "required"),
        ErrorKind.INVALID: ("objectUnderActiveHold", "retentionPolicyNotMet"),
    }
)
_OF_401_ALONE = ("required",)  # the same word is a 400's for a parameter that is missing

_KIND_OF_EXCEPTION = kinds_by_name(
    {
        # a token that is refused says whether that passes: see _is_passing
        ErrorKind.AUTH: (
            "DefaultCredentialsError",
            "RefreshError",
            "MalformedError",
            "InvalidValue",
            "GoogleAuthError",
        ),
        ErrorKind.TRANSIENT: ("TransportError", "ResponseError"),
    }
)

_PERMISSIONS = {
    "GetObject": "storage.objects.get (and storage.objects.list, without which a missing object reads as forbidden)",
    "ListObjects": "storage.objects.list",
    "InsertObject": "storage.objects.create, and storage.objects.delete where an object is replaced",
    "DeleteObject": "storage.objects.delete",
    "RewriteObject": "storage.objects.get on the source, storage.objects.create and storage.objects.delete on the copy",
    "ComposeObject": "storage.objects.get, storage.objects.create and storage.objects.delete",
    "InsertBucket": "storage.buckets.create",
    "GetBucket": "storage.buckets.get",
    "DeleteBucket": "storage.buckets.delete",
    "AccessSecretVersion": "secretmanager.versions.access",
    "ListSecrets": "secretmanager.secrets.list",
    "Pull": "pubsub.subscriptions.consume",
    "Acknowledge": "pubsub.subscriptions.consume",
    "ListSubscriptions": "pubsub.subscriptions.list",
}

_HINTS = {
    ErrorKind.AUTH: "Check the credentials of {whose}: its key, or the Application Default Credentials",
    ErrorKind.PERMISSION: "Allow {permission} to the identity of {whose}",
    ErrorKind.THROTTLED: "Write one object no more than once a second, and spread the load; it is retried",
}
_NOT_JSON = "Check endpoint_url of {whose}, and what stands between here and there"
_MOST_WORDS = 500


def answer_error(
    status: int,
    headers: Mapping[str, str],
    body: bytes,
    *,
    service: str = "gcs",
    operation: str,
    what: str = "",
    conn_id: str = "",
) -> ProviderError:
    """The error of an answer that is no success.

    Args:
        status: Of HTTP.
        headers: Of the answer, whatever the case of their names.
        body: JSON of the API, or plain words where content was asked for.
        service: Who has answered, as the error names it.
        operation: What was attempted, such as ``GetObject``.
        what: What it was about, such as ``gs://bucket/name``.
        conn_id: The connection, for the hint; "" if nobody has made one.
    """
    message, reason = _read(body)
    kind = _KIND_OF_REASON.get(reason) if reason not in _OF_401_ALONE or status == 401 else None
    kind = kind or kind_of_status(status)
    message = message or f"the answer is {status}, without words of the service"
    hint = _NOT_JSON if "<html" in message.lower() else _HINTS.get(kind, "")
    lower = {name.lower(): value for name, value in headers.items()}
    return ProviderError(
        f"{what}: {message}" if what else message,
        service=service,
        operation=operation,
        kind=kind,
        code=reason,
        http_status=status,
        request_id=lower.get("x-guploader-uploadid", ""),
        hint=_filled(hint, operation, conn_id),
        retry_after_s=retry_after_s(lower.get("retry-after"), lower.get("date")),
    )


def provider_error(
    error: Exception, *, service: str = "gcs", operation: str, what: str = "", conn_id: str = ""
) -> ProviderError:
    """The error of the SDK as Penstock's.

    Args:
        error: Anything that google-cloud-storage, google-auth or requests raised.
        service: Who was asked, as the error names it.
        operation: What was attempted, such as ``GetObject``.
        what: What it was about, such as ``gs://bucket/name``.
        conn_id: The connection, for the hint; "" if nobody has made one.
    """
    if isinstance(error, ProviderError):
        return error
    answer: Any = getattr(error, "response", None)
    if answer is not None and hasattr(answer, "status_code"):
        body = bytes(answer.content or b"")
        return answer_error(
            answer.status_code, answer.headers, body, service=service, operation=operation, what=what, conn_id=conn_id
        )
    kind = kind_of_exception(error, _KIND_OF_EXCEPTION)
    if kind is ErrorKind.AUTH and getattr(error, "retryable", False):
        kind = ErrorKind.TRANSIENT  # google-auth says so of a token endpoint that failed
    return ProviderError(
        f"{what}: {_first_words(error)}" if what else _first_words(error),
        service=service,
        operation=operation,
        kind=kind,
        code=type(error).__name__,
        hint=_filled(_HINTS.get(kind, ""), operation, conn_id),
    )


def is_missing_object(error: ProviderError) -> bool:
    """Whether a 404 is about the object; of a bucket that is missing the service says other words."""
    return error.kind is ErrorKind.NOT_FOUND and "bucket does not exist" not in error.detail


def _read(body: bytes) -> tuple[str, str]:
    """What the service says, and its name of the cause."""
    text = body.decode("utf-8", "replace").strip()
    try:
        found = json.loads(text)["error"]
        reason = str(found.get("errors", [{}])[0].get("reason", "") or found.get("status", ""))
        return str(found.get("message", "")), reason
    except (ValueError, KeyError, TypeError, AttributeError, IndexError):
        return text[:_MOST_WORDS], ""


def _first_words(error: Exception) -> str:
    """The message, and the service's own words of the answer that google-auth raises beside it."""
    first = error.args[0] if error.args else ""
    words = str(first if isinstance(first, str) and first else error)[:_MOST_WORDS] or type(error).__name__
    answer = _read(error.args[1].encode())[0] if len(error.args) > 1 and isinstance(error.args[1], str) else ""
    return f"{words}: {answer}" if answer else words


def _filled(hint: str, operation: str, conn_id: str) -> str:
    whose = f"the connection {conn_id!r}" if conn_id else "this process"
    return hint.format(permission=_PERMISSIONS.get(operation, operation), whose=whose)
