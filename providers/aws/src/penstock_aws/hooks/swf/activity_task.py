"""An activity task that a worker holds: what it is about, its heartbeats, and how it ends.

Lengths are those of the Amazon SWF API Reference: 32,768 characters of a result, 256 of a reason, 2,048 of a heartbeat's details.
"""

import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from penstock.errors import ErrorKind, ProviderError
from penstock_aws.hooks.swf.hook import SwfHook, read_data, write_data

_LONGEST_DATA, _LONGEST_REASON, _LONGEST_DETAILS = 32_768, 256, 2048


class ActivityStoppedError(Exception):
    """The workflow wants an activity no more: it is to be cancelled, or its time is over."""


class Outcome(NamedTuple):
    """How the work on an activity task has ended.

    Attributes:
        state: ``completed``, ``failed`` or ``canceled``.
        text: Its result, or why it has failed.
        details: More of that.
    """

    state: str
    text: str = ""
    details: str = ""


class ActivityTask:
    """What the function of an activity is called with.

    Args:
        hook: The hook that has polled it.
        polled: As PollForActivityTask answers.

    Attributes:
        activity: The activity type, as ``name:version``.
        activity_id: The activity's id in its execution; of those that are open only one has it.
        workflow_id: The id of the workflow.
        run_id: The service's id of this execution.
        input: What was put in: the value if it is JSON, else the text.
        cancel_requested: Whether the workflow wants it to be cancelled.
        is_over: Whether the service knows the task no more, as its time is over: whatever it answers counts for nobody.
    """

    def __init__(self, hook: SwfHook, polled: dict[str, Any]) -> None:
        kind, execution = polled["activityType"], polled["workflowExecution"]
        self.activity = f"{kind['name']}:{kind['version']}"
        self.activity_id = str(polled["activityId"])
        self.workflow_id, self.run_id = str(execution["workflowId"]), str(execution["runId"])
        self.input = read_data(polled.get("input", ""))
        self.cancel_requested = self.is_over = False
        self._hook, self._token, self._details = hook, str(polled["taskToken"]), ""

    def __repr__(self) -> str:
        return f"activity {self.activity_id} ({self.activity}) of {self.workflow_id}"

    def heartbeat(self, details: str = "") -> None:
        """Tell how far the work is, with the next heartbeat, and end it here if nobody wants it any more.

        Args:
            details: A short text, which the history shows if the task times out.

        Raises:
            ActivityStoppedError: It is to be cancelled, or its time is over; clean up and let it pass.
        """
        self._details = details[:_LONGEST_DETAILS]
        if self.is_over or self.cancel_requested:
            raise ActivityStoppedError(f"{self} {'is over' if self.is_over else 'is to be cancelled'}")

    def beat(self) -> None:
        """Send a heartbeat, and learn whether the work is still wanted."""
        try:
            if self._hook.beat(self._token, self._details):
                self.cancel_requested = True
        except ProviderError as error:
            if error.kind is not ErrorKind.NOT_FOUND:
                raise
            self.is_over = True

    @contextmanager
    def beating(self, every_s: float, report: Callable[[str, bool], None]) -> Iterator[None]:
        """Send heartbeats during the block; each is reported, none after the task is over.

        Args:
            every_s: Seconds between two.
            report: Takes a sentence, and whether all is well.
        """
        done = threading.Event()

        def run() -> None:
            while not self.is_over and not done.wait(every_s):
                try:
                    self.beat()
                except ProviderError as error:
                    report(str(error), False)
                else:
                    report(f"works on {self}", not self.is_over)

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()

    def respond(self, outcome: Outcome) -> bool:
        """Tell the service how it has ended; False if that counts for nobody, as the task is closed.

        It is closed, too, where an earlier answer got through whose receipt was lost.
        """
        try:
            match outcome.state:
                case "completed":
                    self._hook.complete_activity(self._token, outcome.text)
                case "canceled":
                    self._hook.cancel_activity(self._token, outcome.text)
                case _:
                    self._hook.fail_activity(self._token, outcome.text, outcome.details)
        except ProviderError as error:
            if error.kind is not ErrorKind.NOT_FOUND:
                raise
            return False
        return True


def outcome_of(task: ActivityTask, function: Callable[[ActivityTask], Any]) -> Outcome:
    """Do the work of an activity task; a failure's traceback is printed."""
    try:
        result = write_data(function(task))
    except Exception as error:  # noqa: BLE001 - whatever it raises is the activity's failure
        if isinstance(error, ActivityStoppedError) and (task.cancel_requested or task.is_over):
            return Outcome("canceled", str(error))
        traceback.print_exc()
        return Outcome("failed", f"{type(error).__name__}: {error}"[:_LONGEST_REASON], str(error)[:_LONGEST_DATA])
    if len(result) > _LONGEST_DATA:
        reason = (
            f"the result has {len(result)} characters; at most {_LONGEST_DATA} are taken: store it, and return where"
        )
        return Outcome("failed", reason)
    return Outcome("completed", result)
