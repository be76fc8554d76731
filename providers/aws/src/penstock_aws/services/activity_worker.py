"""The service that works on activity tasks of Amazon SWF."""

import os
import socket
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

from penstock.errors import ProviderError
from penstock.spec.service import ServiceContext
from penstock_aws.hooks.swf import ActivityTask, Outcome, SwfHook, outcome_of, type_of
from penstock_aws.services.long_poll import PAUSE_S, polled_tasks

Activity = Callable[[ActivityTask], Any]


class SwfActivityService:
    """Works on the activity tasks of a list of Amazon SWF, one after the other, each by a Python function.

    A function is called with a `penstock_aws.hooks.swf.ActivityTask`. What it returns is the activity's result, what it raises
    its failure. Heartbeats are sent meanwhile; `ActivityTask.heartbeat` ends a function whose work nobody wants any more. A worker
    that is killed is missed by the service once the heartbeat timeout of the activity is over, and the decider says what follows: so a
    function may be called again for work that was done, and tells that by run and activity.

    Args:
        domain: The domain.
        task_list: The list of tasks.
        activities: For each activity type, as ``name:version``, its function, as ``module:function``.
        folder: The folder in which the modules of the functions lie, such as that of the project; those that are installed need none.
        heartbeat_s: Seconds between two heartbeats; give less than half of the shortest heartbeat timeout.
        aws_conn_id: The connection.

    Raises:
        ValueError: An option cannot be right, or a function is not there.
        penstock.errors.ProviderError: A type is not ``name:version``.
    """

    def __init__(
        self,
        *,
        domain: str,
        task_list: str,
        activities: dict[str, str],
        folder: str = "",
        heartbeat_s: float = 10.0,
        aws_conn_id: str = "aws_default",
    ) -> None:
        if not domain or not task_list or not activities or not 0 < heartbeat_s <= 30:
            raise ValueError("give domain, task_list, activities, and a heartbeat_s above 0 and up to 30")
        for each in activities:
            type_of(each)
        if folder:
            sys.path.append(str(Path(folder).absolute()))
        self.domain, self.task_list, self.heartbeat_s = domain, task_list, heartbeat_s
        self.activities = {name: _function(path) for name, path in activities.items()}
        self.aws_conn_id = aws_conn_id

    def run(self, context: ServiceContext) -> None:
        """Work until told to stop; an activity that is being done is done to its end."""
        hook = SwfHook(self.aws_conn_id)
        _ = hook.fields  # connections are asked for in this thread alone, and polls have their own

        def poll() -> dict[str, Any] | None:
            return hook.poll_activity(self.domain, self.task_list, worker_identity())

        for polled in polled_tasks(context, poll, f"waits for activities of {self.task_list}"):
            self._work(context, ActivityTask(hook, polled))

    def _work(self, context: ServiceContext, task: ActivityTask) -> None:
        context.report(f"works on {task}")

        def report(detail: str, healthy: bool) -> None:  # noqa: FBT001 - its only caller's
            context.report(detail, healthy=healthy)

        with task.beating(self.heartbeat_s, report):
            function = self.activities.get(task.activity)
            if function is None:
                outcome = Outcome("failed", f"this worker has no function for {task.activity}")
            else:
                outcome = outcome_of(task, function)
            _respond(context, task, outcome)


def worker_identity() -> str:
    """What histories say of who has taken a task: the machine and the process."""
    return f"{socket.gethostname()}:{os.getpid()}"[:256]


def _respond(context: ServiceContext, task: ActivityTask, outcome: Outcome) -> None:
    """Tell how it has ended, again and again while that cannot be told: the work is done, and must not be lost."""
    while True:
        try:
            counted = task.respond(outcome)
        except ProviderError as error:
            context.report(str(error), healthy=False)
            if not error.retryable or context.wait(PAUSE_S):
                return
        else:
            context.report(f"{task} {outcome.state}" if counted else f"{task} was closed before", healthy=True)
            return


def _function(path: str) -> Activity:
    module, _, name = path.partition(":")
    try:
        found: Activity = getattr(import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise ValueError(f"there is no function {path!r} ({error}); write module:function") from error
    return found
