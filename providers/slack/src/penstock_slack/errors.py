"""Slack's errors as kinds: what a refusal means for a retry.

Codes are those of the section "Errors" of the pages of the Web API's methods, and of the page "Sending messages using
incoming webhooks" (docs.slack.dev). Slack refuses with status 200 and ``ok: false``; a limit of calls is status 429 with
Retry-After. The SDK's own exceptions are told by their class names, so that this room imports nothing of it.
"""

from typing import Any
from urllib.error import HTTPError

from penstock.errors import ErrorKind, ProviderError
from penstock.spec.hooks.error_kinds import kind_of_exception, kind_of_status, kinds_by_name, retry_after_s

_KIND_OF_CODE = kinds_by_name({
    ErrorKind.AUTH: (
        "invalid_auth", "not_authed", "account_inactive", "token_revoked", "token_expired", "invalid_token",
        "two_factor_setup_required", "team_disabled",
    ),
    ErrorKind.PERMISSION: (
        "missing_scope", "not_in_channel", "no_permission", "restricted_action", "not_allowed_token_type",
        "ekm_access_denied", "access_denied", "action_prohibited", "posting_to_general_channel_denied",
        "restricted_action_read_only_channel", "restricted_action_thread_only_channel", "cant_update_message",
        "cant_delete_message", "edit_window_closed", "org_login_required", "team_access_not_granted",
    ),
    ErrorKind.NOT_FOUND: (
        "channel_not_found", "message_not_found", "thread_not_found", "users_not_found", "user_not_found",
        "file_not_found", "no_service", "no_service_id", "no_team", "is_archived", "channel_is_archived",
    ),
    ErrorKind.THROTTLED: ("ratelimited", "rate_limited", "message_limit_exceeded"),
    ErrorKind.TRANSIENT: (
        "internal_error", "fatal_error", "service_unavailable", "team_added_to_org", "request_timeout", "rollup_error",
    ),
})  # fmt: skip
_KIND_OF_CLASS = kinds_by_name({ErrorKind.INVALID: ("SlackRequestError",)})

_SCOPES = {
    "chat.postMessage": "chat:write", "chat.update": "chat:write", "chat.delete": "chat:write",
    "conversations.list": "channels:read (and groups:read for private channels)",
    "conversations.history": "channels:history (and groups:history for private channels)",
    "conversations.replies": "channels:history (and groups:history for private channels)",
    "files.getUploadURLExternal": "files:write", "files.completeUploadExternal": "files:write",
    "users.lookupByEmail": "users:read.email",
}  # fmt: skip
_HINTS = {
    "missing_scope": "Give the app the scope {scope}, and install it again",
    "not_in_channel": "Invite the app into the channel: /invite @app",
    "channel_not_found": "Check the channel, and invite the app into it if it is private",
    "is_archived": "Unarchive the channel, or name another one",
    "channel_is_archived": "Unarchive the channel, or make a webhook for another one",
    "no_service": "The webhook was taken back; make a new one, and set it in the connection {conn!r}",
}
_OF_KIND = {ErrorKind.AUTH: "Check the token of the connection {conn!r}"}


def provider_error(error: Exception, *, operation: str, what: str = "", conn_id: str = "") -> ProviderError:
    """A failure of the SDK as Penstock's error.

    Args:
        error: Anything that slack-sdk or the standard library's HTTP client raised.
        operation: The method of the Web API, such as ``chat.postMessage``.
        what: What it was about, such as a channel.
        conn_id: The connection, for the hint.
    """
    if isinstance(error, ProviderError):
        return error
    if isinstance(error, HTTPError):
        return refusal("", error.code, error.headers, operation=operation, what=what, conn_id=conn_id)
    response: Any = getattr(error, "response", None)
    if response is None:
        reason = getattr(error, "reason", None)
        cause = reason if isinstance(reason, Exception) else error  # urllib wraps what the socket said
        kind = kind_of_exception(cause, _KIND_OF_CLASS)
        return _made(str(cause), operation, what, conn_id, kind, type(cause).__name__)
    data = response.data if isinstance(response.data, dict) else {}
    code = str(data.get("error", ""))
    if not code.replace("_", "").isalnum():  # a page of HTML, which the SDK puts where the code is
        code = ""
    notes = "; ".join(map(str, (data.get("response_metadata") or {}).get("messages", ())))
    return refusal(
        code, response.status_code, response.headers, operation=operation, what=what, conn_id=conn_id, notes=notes
    )


def refusal(
    code: str, status: int, headers: Any, *, operation: str, what: str = "", conn_id: str = "", notes: str = ""  # noqa: ANN401
) -> ProviderError:  # fmt: skip
    """A refusal by its code and status, for answers that the SDK returns and does not raise.

    Args:
        code: Slack's word for it; "" if the answer has none.
        status: That of HTTP.
        headers: Those of the answer, with Retry-After where Slack names a time.
        operation: What was attempted.
        what: What it was about.
        conn_id: The connection, for the hint.
        notes: What else Slack says.
    """
    found = {str(name).lower(): value for name, value in dict(headers or {}).items()}
    kind = _KIND_OF_CODE.get(code)
    if kind is None:
        kind = kind_of_status(status) if status != 200 else ErrorKind.INVALID if code else ErrorKind.TRANSIENT
    detail = code or f"an answer that is none of Slack's, with status {status}"
    asked = retry_after_s(found.get("retry-after"), found.get("date"))
    return _made(
        f"{detail}: {notes}" if notes else detail, operation, what, conn_id, kind, code, status=status, asked=asked
    )


def _made(  # noqa: PLR0913
    detail: str, operation: str, what: str, conn_id: str, kind: ErrorKind, code: str,
    *, status: int | None = None, asked: float | None = None,
) -> ProviderError:  # fmt: skip
    hint = _HINTS.get(code, _OF_KIND.get(kind, "")).format(scope=_SCOPES.get(operation, "of it"), conn=conn_id)
    return ProviderError(
        f"{what}: {detail}" if what else detail,
        service="slack",
        operation=operation,
        kind=kind,
        code=code,
        http_status=status,
        hint=hint,
        retry_after_s=asked,
    )
