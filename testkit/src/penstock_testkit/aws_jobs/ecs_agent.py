"""The endpoint of the ECS container agent by which a container protects its task from being scaled in.

Shapes: the page "Amazon ECS task scale-in protection endpoint" of the Amazon ECS Developer Guide (awsdocs/amazon-ecs-developer-guide
at 021abe8): answers have ``protection``, ``failure`` or ``error``. The page names no status for the latter two; here they have
that of a refused request, 400, and a client must not rely on it. Not covered: GET.
"""

import time
from typing import Any

from penstock_testkit.saas import App, HttpAnswer, HttpRequest, NotFakedError, RouteTable

_ROUTES = RouteTable()
_LONGEST_MIN = 2880
_ARN = "arn:aws:ecs:us-east-1:123456789012:task/shop/1"


class EcsAgent(App):
    """The agent of one container, whose task is not protected yet.

    Attributes:
        minutes: What it was asked for: minutes of protection, and 0 for its end.
        refuses: What it answers in place of protecting the task, as long as it is something: ``{"failure": {...}}`` or
            ``{"error": {...}}``.
    """

    name = "ecs-agent"
    tables = (_ROUTES,)

    def __init__(self) -> None:
        super().__init__()
        self.minutes: list[int] = []
        self._until_s = 0.0
        self.refuses: dict[str, Any] = {}

    def protected(self, in_s: float = 0.0) -> bool:
        """Whether the task will be protected in so many seconds if nothing more is asked."""
        return time.monotonic() + in_s < self._until_s


@_ROUTES.route("PUT /api/{container}/task-protection/v1/state", fields=("ProtectionEnabled", "ExpiresInMinutes"))
def protect(fake: EcsAgent, request: HttpRequest, container: str) -> HttpAnswer:  # noqa: ARG001 - there is one
    """Protect the task, or end that; raises NotFakedError for what the endpoint does not take."""
    enabled, minutes = request.fields["ProtectionEnabled"], request.fields.get("ExpiresInMinutes", 120)
    if not isinstance(enabled, bool) or not isinstance(minutes, int) or not 1 <= minutes <= _LONGEST_MIN:
        raise NotFakedError(f"ProtectionEnabled {enabled!r} with ExpiresInMinutes {minutes!r}")
    fake.minutes.append(minutes if enabled else 0)
    if enabled and fake.refuses:
        return HttpAnswer.json(fake.refuses, 400)
    fake._until_s = time.monotonic() + minutes * 60.0 if enabled else 0.0  # noqa: SLF001 - its own
    found = {
        "ExpirationDate": "2026-01-01T00:00:00Z" if enabled else None,
        "ProtectionEnabled": enabled,
        "TaskArn": _ARN,
    }
    return HttpAnswer.json({"protection": found})
