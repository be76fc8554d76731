"""What the API server says no with: a Status of kind Failure.

Reasons and codes are those of `k8s.io/apimachinery/pkg/api/errors` and `meta/v1/types.go` (StatusReason).
"""

from typing import Any

from penstock_testkit.saas import HttpAnswer

_REASONS = {
    400: "BadRequest", 401: "Unauthorized", 403: "Forbidden", 404: "NotFound", 405: "MethodNotAllowed", 409: "Conflict",
    410: "Expired", 415: "UnsupportedMediaType", 422: "Invalid", 429: "TooManyRequests", 500: "InternalError",
    503: "ServiceUnavailable", 504: "Timeout",
}  # fmt: skip


class ApiRefusedError(Exception):
    """The API server refuses.

    Args:
        code: The status of HTTP.
        message: For people.
        reason: The word for programs; the usual one of the code unless given.
        details: What it is about: kind, name, causes.
    """

    def __init__(self, code: int, message: str, reason: str = "", details: dict[str, Any] | None = None) -> None:
        super().__init__(message)
        self.code, self.message = code, message
        self.reason, self.details = reason or _REASONS[code], details

    @property
    def status(self) -> dict[str, Any]:
        """The Status object."""
        found: dict[str, Any] = {
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": self.message,
            "reason": self.reason, "code": self.code,
        }  # fmt: skip
        return found | ({"details": self.details} if self.details else {})

    @property
    def answer(self) -> HttpAnswer:
        """The answer of HTTP."""
        return HttpAnswer.json(self.status, self.code)


def not_found(resource: str, name: str) -> ApiRefusedError:
    """There is no such object."""
    return ApiRefusedError(404, f'{resource} "{name}" not found', details={"name": name, "kind": resource})


def already_exists(resource: str, name: str) -> ApiRefusedError:
    """There is one of this name."""
    details = {"name": name, "kind": resource}
    return ApiRefusedError(409, f'{resource} "{name}" already exists', "AlreadyExists", details)


def forbidden(resource: str, name: str, why: str) -> ApiRefusedError:
    """It may not be done."""
    named = f'{resource} "{name}" is' if name else f"{resource} is"
    return ApiRefusedError(403, f"{named} forbidden: {why}", details={"name": name, "kind": resource})


def expired(asked: int | str, oldest: int) -> ApiRefusedError:
    """The history of that version is compacted."""
    return ApiRefusedError(410, f"too old resource version: {asked} ({oldest})")


def invalid(kind: str, name: str, problems: list[tuple[str, str]]) -> ApiRefusedError:
    """Fields have values that cannot be.

    Args:
        kind: Such as ``Pod``.
        name: The object's.
        problems: The path of each field, and what is wrong with it.
    """
    causes = [{"reason": "FieldValueInvalid", "message": text, "field": path} for path, text in problems]
    messages = [f"{path}: {text}" for path, text in problems]
    shown = messages[0] if len(messages) == 1 else f"[{', '.join(messages)}]"
    details = {"name": name, "kind": kind, "causes": causes}
    return ApiRefusedError(422, f'{kind} "{name}" is invalid: {shown}', details=details)
