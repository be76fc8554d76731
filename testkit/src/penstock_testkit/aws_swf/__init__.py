"""Amazon SWF, with workflows that deciders and workers of a test drive, or that end by themselves.

Shapes and errors: the Amazon SWF API Reference, by way of the model in botocore 1.44; protocol: JSON 1.0, the operation in
``X-Amz-Target``. Served by `penstock_testkit.saas.plain_http` to boto3, whose clients check what they send by the same model, so that here
only what the fake does not know is refused. No clock: a test says when something times out. Not covered: signatures and
permissions, registration of domains and types, child workflows, timers, signals, markers, Lambda tasks.
"""

import json
import threading
from typing import Any

from penstock_testkit.aws_jobs.json_errors import error
from penstock_testkit.aws_swf.executions import Execution, Refused
from penstock_testkit.aws_swf.operations import OPERATIONS, PREFIX
from penstock_testkit.saas import App, HttpAnswer, HttpRequest, NotFakedError, RouteTable

routes = RouteTable()


@routes.route("POST /", fields=None)
def answer(fake: "AwsSwf", request: HttpRequest) -> HttpAnswer:
    """Answer by the header that names the operation; raises NotFakedError for what the fake lacks."""
    target, asked = request.header("X-Amz-Target"), json.loads(request.body)
    name = target.removeprefix(PREFIX)
    if name not in OPERATIONS or not target.startswith(PREFIX):
        raise NotFakedError(target or "an operation without a name")
    operation, known = OPERATIONS[name]
    if unknown := asked.keys() - set(known):
        raise NotFakedError(f"{target} with {', '.join(sorted(unknown))}")
    try:
        found = operation(fake, asked)
    except Refused as refused:
        return error(f"com.amazonaws.swf.base.model#{refused.code}", refused.message)
    with fake.changed:
        fake.changed.notify_all()
    return HttpAnswer.json(found) if found is not None else HttpAnswer(200)


class AwsSwf(App):
    """The service, empty.

    Attributes:
        executions: All executions, in the order of their start.
        ends: How each execution that is started next ends by itself: after how many looks (``after``), and by which event
            (``event``, its type and attributes). Without it deciders say.
        page: How many events a page has.
        poll_s: For how long a poll without a task is held; the service holds it for 60 seconds.
        tasks: By token the execution and the activity or ``decision`` that was handed out.
        changed: Notified after each request.
    """

    name = "aws-swf"
    tables = (routes,)

    def __init__(self) -> None:
        super().__init__()
        self.executions: list[Execution] = []
        self.ends: dict[str, Any] = {}
        self.page, self.poll_s = 3, 0.5
        self.tasks: dict[str, tuple[Execution, str]] = {}
        self.changed = threading.Condition()

    def refusal(self, request: HttpRequest, status: int) -> HttpAnswer:  # noqa: ARG002 - the method of all fakes
        """An answer as the service gives it to a request that is throttled or fails."""
        code = {401: "ExpiredTokenException", 429: "ThrottlingException"}.get(status, "ServiceUnavailable")
        return error(code, "the fake was told to", status)

    def handle(self, request: HttpRequest) -> HttpAnswer:
        """Answer; a poll without a task waits for one, and holds up nobody meanwhile."""
        if ".PollFor" in request.header("X-Amz-Target") and not self._has_work(request):
            with self.changed:
                self.changed.wait_for(lambda: self._has_work(request), self.poll_s)
        return super().handle(request)

    def time_out_activities(self) -> None:
        """Let the heartbeat timeout of each activity be over that a worker has."""
        with self.lock:
            for execution in self.executions:
                for activity_id in execution.started_activities():
                    execution.end_activity(activity_id, "TimedOut", {"timeoutType": "HEARTBEAT"})
        with self.changed:
            self.changed.notify_all()

    def time_out_decisions(self) -> None:
        """Let the time of each decision task be over that a decider has."""
        with self.lock:
            for execution in self.executions:
                execution.time_out_decision()
        with self.changed:
            self.changed.notify_all()

    def _has_work(self, request: HttpRequest) -> bool:
        asked = json.loads(request.body)
        name, kind = asked["taskList"]["name"], request.header("X-Amz-Target").rpartition(".")[2]
        if asked.get("nextPageToken"):
            return True
        with self.lock:
            if kind == "PollForDecisionTask":
                return any(each.awaits_decider(name) for each in self.executions)
            return any(each.waiting_activity(name) for each in self.executions)
