"""What a workflow's history asks for: a pure function from its events to decisions.

The whole state is in the history, so that a decider that is killed loses nothing, and two that decide about the same history decide the
same. Events, decisions and their attributes are those of HistoryEvent and Decision in the Amazon SWF API Reference.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from penstock_aws.hooks.swf.hook import attributes_of, read_data, type_of, write_data
from penstock_aws.hooks.swf.steps import Step

_LONGEST_DATA, _LONGEST_REASON = 32_768, 256


@dataclass
class _Activity:
    """What has become of a step: how often it was scheduled, and how the last attempt stands."""

    attempts: int = 0
    state: str = ""
    text: str = ""
    is_cancelling: bool = False


@dataclass
class _Workflow:
    """What a history says."""

    input: str = ""
    is_cancelled: bool = False
    activities: dict[str, _Activity] = field(default_factory=dict)
    scheduled: dict[int, str] = field(default_factory=dict)

    def of(self, name: str) -> _Activity:
        return self.activities.setdefault(name, _Activity())

    def add(self, event: dict[str, Any]) -> None:
        about = attributes_of(event)
        match event["eventType"]:
            case "WorkflowExecutionStarted":
                self.input = about.get("input", "")
            case "WorkflowExecutionCancelRequested":
                self.is_cancelled = True
            case "ActivityTaskScheduled":
                self.scheduled[event["eventId"]] = about["activityId"]
                self.activities[about["activityId"]] = _Activity(self.of(about["activityId"]).attempts + 1, "open")
            case "ScheduleActivityTaskFailed":
                known = self.of(about["activityId"])
                known.attempts, known.state, known.text = known.attempts + 1, "failed", about["cause"]
            case "ActivityTaskCancelRequested":
                self.of(about["activityId"]).is_cancelling = True
            case "ActivityTaskCompleted":
                self._ended(about, "done", about.get("result", ""))
            case "ActivityTaskFailed":
                self._ended(about, "failed", about.get("reason", "no reason was given"))
            case "ActivityTaskTimedOut":
                self._ended(about, "failed", f"it timed out ({about['timeoutType']})")
            case "ActivityTaskCanceled":
                self._ended(about, "failed", "it was cancelled")

    def _ended(self, about: dict[str, Any], state: str, text: str) -> None:
        known = self.of(self.scheduled[about["scheduledEventId"]])
        known.state, known.text = state, text


def decisions(events: Iterable[dict[str, Any]], steps: Sequence[Step]) -> list[dict[str, Any]]:
    """What is to be done next in a workflow.

    A step is scheduled once those before it are done. The workflow fails with the first step that has no retry left, and is
    cancelled on request once its open steps have ended. A step's input is the workflow's own, if it comes after none; the
    result of the one before; or an object of the results of those before, by name. The workflow's result is made in the same
    way from the steps that none comes after.

    Args:
        events: Its whole history, the oldest event first.
        steps: Its table.
    """
    known = _Workflow()
    for event in events:
        known.add(event)
    open_steps = [each for each in steps if known.of(each.name).state == "open"]
    if known.is_cancelled:
        return _cancelled(known, open_steps)
    for each in steps:
        found = known.of(each.name)
        if found.state == "failed" and found.attempts > each.retries:
            return [_failed(f"{each.name}: {found.text}")]
    done = {each.name for each in steps if known.of(each.name).state == "done"}
    if len(done) == len(steps):
        before = {name for each in steps for name in each.after}
        result = _joined(known, [each.name for each in steps if each.name not in before])
        if len(result) > _LONGEST_DATA:
            return [_failed(f"the results have {len(result)} characters; at most {_LONGEST_DATA} are taken")]
        return [_decision("CompleteWorkflowExecution", {"result": result})]
    wanted = [
        each for each in steps if each.name not in done and each not in open_steps and done.issuperset(each.after)
    ]
    return _scheduled(known, wanted)


def _cancelled(known: _Workflow, open_steps: Sequence[Step]) -> list[dict[str, Any]]:
    if not open_steps:
        return [_decision("CancelWorkflowExecution", {"details": "it was asked for"})]
    return [
        _decision("RequestCancelActivityTask", {"activityId": each.name})
        for each in open_steps
        if not known.of(each.name).is_cancelling
    ]


def _scheduled(known: _Workflow, wanted: Sequence[Step]) -> list[dict[str, Any]]:
    found = []
    for each in wanted:
        given = _joined(known, each.after) if each.after else known.input
        if len(given) > _LONGEST_DATA:
            return [_failed(f"{each.name}: its input has {len(given)} characters; at most {_LONGEST_DATA} are taken")]
        found.append(_decision("ScheduleActivityTask", _activity(each, given)))
    return found


def _activity(step: Step, given: str) -> dict[str, Any]:
    times = {
        "heartbeatTimeout": step.heartbeat_s,
        "startToCloseTimeout": step.start_to_close_s,
        "scheduleToStartTimeout": step.schedule_to_start_s,
        "scheduleToCloseTimeout": step.schedule_to_close_s,
    }
    asked: dict[str, Any] = {"activityId": step.name, "activityType": type_of(step.activity)}
    asked |= {"input": given} if given else {}
    asked |= {"taskList": {"name": step.task_list}} if step.task_list else {}
    return asked | {name: str(value) for name, value in times.items() if value}


def _joined(known: _Workflow, names: Sequence[str]) -> str:
    """The result of one step as it is, those of several as an object."""
    if len(names) == 1:
        return known.of(names[0]).text
    return write_data({name: read_data(known.of(name).text) for name in names})


def _failed(reason: str) -> dict[str, Any]:
    return _decision("FailWorkflowExecution", {"reason": reason[:_LONGEST_REASON], "details": reason[:_LONGEST_DATA]})


def _decision(kind: str, attributes: dict[str, Any]) -> dict[str, Any]:
    return {"decisionType": kind, f"{kind[0].lower()}{kind[1:]}DecisionAttributes": attributes}
