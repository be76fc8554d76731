"""Refusals in the words of Cloud Storage and of its neighbours, and preconditions.

Sources: https://cloud.google.com/storage/docs/json_api/v1/status-codes and
https://cloud.google.com/storage/docs/request-preconditions.
"""

from collections.abc import Iterable, Mapping

from penstock_testkit.gcs.state import StoredObject
from penstock_testkit.saas import HttpAnswer

CONDITIONS = ("ifGenerationMatch", "ifMetagenerationMatch")  # those with "Not" are not covered
SOURCE_CONDITIONS = tuple(f"ifSource{each.removeprefix('if')}" for each in CONDITIONS)

_REASONS = {
    400: "invalid", 401: "authError", 403: "forbidden", 404: "notFound", 409: "conflict", 410: "gone",
    412: "conditionNotMet", 429: "rateLimitExceeded", 500: "internalError", 502: "backendError", 503: "backendError",
}  # fmt: skip

_STATUSES = {400: "FAILED_PRECONDITION", 401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED", 404: "NOT_FOUND"}


class RefusedError(Exception):
    """The service refuses what was asked.

    Args:
        status: Of HTTP.
        message: What it says.
        reason: Its own name of the cause; the usual one of the status unless given.
    """

    def __init__(self, status: int, message: str, reason: str = "") -> None:
        super().__init__(message)
        self.answer = refusal(status, message, reason)


def refusal(status: int, message: str, reason: str = "") -> HttpAnswer:
    """The answer that says no."""
    each = {"message": message, "domain": "global", "reason": reason or _REASONS.get(status, "invalid")}
    return HttpAnswer.json({"error": {"code": status, "message": message, "errors": [each]}}, status)


def status_refusal(status: int, message: str) -> HttpAnswer:
    """The answer that says no of services whose errors are a google.rpc.Status."""
    error = {"code": status, "message": message, "status": _STATUSES.get(status, "UNAVAILABLE")}
    return HttpAnswer.json({"error": error}, status)


def check_conditions(query: Mapping[str, str], found: StoredObject | None, names: Iterable[str] = CONDITIONS) -> None:
    """Hold the preconditions of a request against the object; generation 0 is that of no object.

    Raises:
        RefusedError: One does not hold: 412.
    """
    for name in names:
        if name not in query:
            continue
        now = 0 if found is None else found.metageneration if "Metageneration" in name else found.generation
        if int(query[name]) != now:
            raise RefusedError(412, "At least one of the pre-conditions you specified did not hold.")


def check_generation(asked: str | int | None, found: StoredObject) -> None:
    """Find another content of an object missing; the fake keeps the last one alone.

    Raises:
        RefusedError: It is another that is asked for: 404.
    """
    if asked is not None and int(asked) != found.generation:
        raise RefusedError(404, f"No such object: {found.bucket}/{found.name}")
