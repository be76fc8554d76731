"""An execution of a workflow: its history, its decision task, and its activities."""

import itertools
from typing import Any

Attributes = dict[str, Any]
_runs = itertools.count(1)


class Refused(Exception):  # noqa: N818 - an answer, not a failure of the fake
    """The service refuses a request.

    Args:
        code: The name of its error.
        message: What it says.
    """

    def __init__(self, code: str, message: str = "") -> None:
        super().__init__(code)
        self.code, self.message = code, message


class Execution:
    """An execution, from its start.

    Args:
        asked: What StartWorkflowExecution was given.
        ends: How it ends by itself, if it does.

    Attributes:
        run_id: The service's id.
        history: Its events.
        status: ``OPEN``, or how it was closed.
        looks: How often it was described.
        activities: By id what is known of its open activities: ``scheduled`` and ``started`` event, what was ``asked``.
    """

    def __init__(self, asked: Attributes, ends: dict[str, Any]) -> None:
        self.asked, self.ends = asked, ends
        self.run_id = f"run-{next(_runs)}="
        self.history: list[dict[str, Any]] = []
        self.status, self.looks = "OPEN", 0
        self.activities: dict[str, dict[str, Any]] = {}
        self.cancelling: set[str] = set()
        self._decision, self._dirty, self._decision_events = "", False, (0, 0)
        kept = ("input", "tagList", "executionStartToCloseTimeout", "taskStartToCloseTimeout")
        self.add(
            "WorkflowExecutionStarted",
            {
                "workflowType": asked["workflowType"], "taskList": asked["taskList"],
                "childPolicy": asked.get("childPolicy", "TERMINATE"),
                **{name: asked[name] for name in kept if name in asked},
            },
        )  # fmt: skip
        if not ends:
            self.want_decision()

    @property
    def execution(self) -> dict[str, str]:
        """As the API names it."""
        return {"workflowId": self.asked["workflowId"], "runId": self.run_id}

    def events(self, kind: str) -> list[Attributes]:
        """What the events of a type say, in order."""
        return [each[_attributes(kind)] for each in self.history if each["eventType"] == kind]

    def add(self, kind: str, attributes: Attributes) -> int:
        """Add an event; returns its number."""
        number = len(self.history) + 1
        event = {"eventId": number, "eventType": kind, "eventTimestamp": 1767225600 + number}
        self.history.append({**event, _attributes(kind): attributes})
        return number

    def close(self, status: str, attributes: Attributes) -> None:
        """End it; every task that was handed out is unknown from now on."""
        self.status = status
        self.activities.clear()
        self._decision = ""
        self.add(f"WorkflowExecution{status.title().replace('_', '')}", attributes)

    def look(self) -> None:
        """Grow older by a look, and end if it ends by itself."""
        self.looks += 1
        if self.status == "OPEN" and self.ends and self.looks > self.ends.get("after", 1):
            status, attributes = self.ends.get("event", ("COMPLETED", {"decisionTaskCompletedEventId": 1}))
            for kind, earlier in self.ends.get("before", ()):
                self.add(kind, earlier)
            self.close(status, attributes)

    # Its decision task.

    def awaits_decider(self, task_list: str) -> bool:
        """Whether there is a decision task for a poll of this list."""
        return self.status == "OPEN" and self._decision == "scheduled" and self.asked["taskList"]["name"] == task_list

    def want_decision(self) -> None:
        """Schedule a decision task, or note that one is wanted after that which a decider has."""
        if self.status != "OPEN" or self.ends:
            return
        if self._decision:
            self._dirty = self._dirty or self._decision == "started"
            return
        self._decision = "scheduled"
        scheduled = self.add("DecisionTaskScheduled", {"taskList": self.asked["taskList"]})
        self._decision_events = (scheduled, 0)

    def start_decision(self) -> int:
        """Hand the decision task out; returns the number of the event."""
        self._decision = "started"
        scheduled = self._decision_events[0]
        self._decision_events = (scheduled, self.add("DecisionTaskStarted", {"scheduledEventId": scheduled}))
        return self._decision_events[1]

    def time_out_decision(self) -> None:
        """End the decision task that a decider has, and schedule another."""
        if self._decision == "started":
            scheduled, started = self._decision_events
            attributes = {"timeoutType": "START_TO_CLOSE", "scheduledEventId": scheduled, "startedEventId": started}
            self.add("DecisionTaskTimedOut", attributes)
            self._decision, self._dirty = "", False
            self.want_decision()

    def decided(self, started: int) -> int:
        """End the decision task that began with this event; returns the number of the event.

        Raises:
            Refused: It is not the one that is open.
        """
        if self._decision != "started" or self._decision_events[1] != started:
            raise Refused("UnknownResourceFault", "Unknown decision task")
        scheduled, _ = self._decision_events
        self._decision = ""
        return self.add("DecisionTaskCompleted", {"scheduledEventId": scheduled, "startedEventId": started})

    def take_dirty(self) -> bool:
        """Whether something has happened since the decision task was handed out; it is asked once."""
        found, self._dirty = self._dirty, False
        return found

    # Its activities.

    def waiting_activity(self, task_list: str) -> str:
        """The id of an activity that waits for a worker of this list; "" if there is none."""
        return next(
            (
                name
                for name, each in self.activities.items()
                if not each["started"] and each["asked"]["taskList"]["name"] == task_list
            ),
            "",
        )

    def started_activities(self) -> list[str]:
        """The ids of those that workers have."""
        return [name for name, each in self.activities.items() if each["started"]]

    def end_activity(self, activity_id: str, how: str, attributes: Attributes) -> None:
        """Close an activity, and have that decided about."""
        found = self.activities.pop(activity_id)
        self.cancelling.discard(activity_id)
        numbers = {"scheduledEventId": found["scheduled"], "startedEventId": found["started"]}
        self.add(f"ActivityTask{how}", {**attributes, **numbers})
        self.want_decision()


def _attributes(kind: str) -> str:
    return f"{kind[0].lower()}{kind[1:]}EventAttributes"
