"""Protection of the ECS task in which this process runs from being ended by a scale-in or a deployment.

The container agent takes it at ``$ECS_AGENT_URI/task-protection/v1/state`` and answers with ``protection``, ``failure`` or
``error``: page "Amazon ECS task scale-in protection endpoint" of the Amazon ECS Developer Guide. Only tasks of a service can be
protected, for 1 to 2,880 minutes, and each request begins that time anew (UpdateTaskProtection in the API Reference).
"""

import http.client
import json
import urllib.error
import urllib.request
from typing import Any

from penstock.errors import ErrorKind, ProviderError
from penstock.spec.hooks.error_kinds import kinds_by_name

_TIMEOUT_S = 10.0
_KINDS = kinds_by_name({
    ErrorKind.PERMISSION: ("AccessDeniedException",),
    ErrorKind.INVALID: ("TASK_NOT_VALID", "InvalidParameterException"),
    ErrorKind.THROTTLED: ("ThrottlingException",),
    ErrorKind.TRANSIENT: ("RequestCanceled", "RequestError", "RequestTimeout", "ServerException"),
})  # fmt: skip
_HINTS = {
    "AccessDeniedException": "Allow ecs:UpdateTaskProtection to the role of the task",
    "TASK_NOT_VALID": "Only tasks that a service of ECS has started can be protected",
    "DEPLOYMENT_BLOCKED": "A deployment waits too long for protected tasks; it is asked again",
}


class TaskProtection:
    """The protection of this container's task.

    Args:
        agent_uri: The agent's URI; the environment's ``ECS_AGENT_URI`` unless given.

    Raises:
        ProviderError: There is none: this is no container of ECS.
    """

    def __init__(self, agent_uri: str = "") -> None:
        uri = agent_uri or _agent_uri()
        if not uri.startswith(("http://", "https://")):
            raise _error(
                "ECS_AGENT_URI is not set" if not uri else f"ECS_AGENT_URI is {uri!r}", ErrorKind.INVALID,
                hint="The container agent sets it; run this service in a container of Amazon ECS alone",
            )  # fmt: skip
        self._url = f"{uri.rstrip('/')}/task-protection/v1/state"

    def protect(self, minutes: int) -> None:
        """Protect the task for so many minutes from now on.

        Raises:
            ProviderError: It was refused, or the agent did not answer.
        """
        self._put({"ProtectionEnabled": True, "ExpiresInMinutes": minutes})

    def release(self) -> None:
        """Let the task be ended; raises ProviderError as `protect` does."""
        self._put({"ProtectionEnabled": False})

    def _put(self, wanted: dict[str, Any]) -> None:
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(self._url, json.dumps(wanted).encode(), headers, method="PUT")  # noqa: S310 - checked above
        try:
            with _OPENER.open(request, timeout=_TIMEOUT_S) as response:
                body = response.read()
        except urllib.error.HTTPError as error:
            with error:
                body = error.read()
        except (OSError, http.client.HTTPException) as error:
            raise _error(f"the agent does not answer: {error}", ErrorKind.TRANSIENT) from error
        try:
            found = json.loads(body)
            protected = found["protection"]["ProtectionEnabled"] if "protection" in found else None
            refused = found.get("failure") or found.get("error") or {}
        except (ValueError, AttributeError, KeyError, TypeError):
            raise _error(f"the agent answers {body[:200]!r}", ErrorKind.TRANSIENT) from None
        if protected is not wanted["ProtectionEnabled"]:
            code = str(refused.get("Reason") or refused.get("Code") or "")
            message = str(refused.get("Detail") or refused.get("Message") or "the agent refuses it")
            raise _error(message, _KINDS.get(code, ErrorKind.CONFLICT), code, _HINTS.get(code, ""))


_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))
"""Never by way of a proxy: the agent is this machine's own."""


def _agent_uri() -> str:
    """What the environment says, by way of the SDK's own settings; "" if it says nothing."""
    import botocore.session  # type: ignore[import-untyped]  # noqa: PLC0415 - on first use; it ships no types

    settings = botocore.session.Session(session_vars={"agent": (None, "ECS_AGENT_URI", "", None)})
    return str(settings.get_config_variable("agent"))


def _error(message: str, kind: ErrorKind, code: str = "", hint: str = "") -> ProviderError:
    return ProviderError(message, service="ecs", operation="UpdateTaskProtection", kind=kind, code=code, hint=hint)
