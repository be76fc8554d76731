"""The operations of Amazon SWF, each with the parameters that the fake knows."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from penstock_testkit.aws_swf.executions import Attributes, Execution, Refused
from penstock_testkit.saas import NotFakedError

if TYPE_CHECKING:
    from penstock_testkit.aws_swf import AwsSwf

PREFIX = "SimpleWorkflowService."


def _start(fake: "AwsSwf", asked: Attributes) -> Attributes:
    if any(each.status == "OPEN" and each.asked["workflowId"] == asked["workflowId"] for each in fake.executions):
        raise Refused("WorkflowExecutionAlreadyStartedFault", "Already Started")
    if "taskList" not in asked:
        raise Refused("DefaultUndefinedFault", "Default taskList undefined")
    fake.executions.append(Execution(asked, fake.ends))
    return {"runId": fake.executions[-1].run_id}


def _describe(fake: "AwsSwf", asked: Attributes) -> Attributes:
    found = _known(fake, asked["execution"])
    found.look()
    counts = {"openTimers": 0, "openChildWorkflowExecutions": 0, "openLambdaFunctions": 0, "openDecisionTasks": 0}
    configuration = {
        "taskStartToCloseTimeout": "60", "executionStartToCloseTimeout": "3600", "childPolicy": "TERMINATE",
        "taskList": found.asked["taskList"],
    }  # fmt: skip
    return {
        "executionInfo": _info(found),
        "openCounts": {"openActivityTasks": len(found.activities), **counts},
        "executionConfiguration": configuration,
    }


def _list(fake: "AwsSwf", asked: Attributes, *, is_open: bool) -> Attributes:
    tag = asked["tagFilter"]["tag"]
    found = [
        _info(each)
        for each in reversed(fake.executions)
        if tag in each.asked.get("tagList", ()) and (each.status == "OPEN") is is_open
    ]
    return {"executionInfos": found}


def _history(fake: "AwsSwf", asked: Attributes) -> Attributes:
    events = _known(fake, asked["execution"]).history
    events = events[::-1] if asked.get("reverseOrder") else events
    return {"events": events[: asked.get("maximumPageSize", 1000)]}


def _terminate(fake: "AwsSwf", asked: Attributes) -> None:
    found = _known(fake, asked)
    if found.status != "OPEN":
        raise Refused("UnknownResourceFault", "Unknown execution")
    attributes = {"childPolicy": "TERMINATE", "cause": "OPERATOR_INITIATED"}
    found.close("TERMINATED", {**attributes, "reason": asked.get("reason", "")})


def _request_cancel(fake: "AwsSwf", asked: Attributes) -> None:
    open_one = [
        each for each in fake.executions if each.asked["workflowId"] == asked["workflowId"] and each.status == "OPEN"
    ]
    if not open_one:
        raise Refused("UnknownResourceFault", "Unknown execution")
    open_one[0].add("WorkflowExecutionCancelRequested", {})
    open_one[0].want_decision()


def _poll_activity(fake: "AwsSwf", asked: Attributes) -> Attributes:
    for each in fake.executions:
        if name := each.waiting_activity(asked["taskList"]["name"]):
            found = each.activities[name]
            about = {"scheduledEventId": found["scheduled"], "identity": asked["identity"]}
            found["started"] = each.add("ActivityTaskStarted", about)
            found["token"] = f"activity-{each.run_id}-{found['started']}"
            fake.tasks[found["token"]] = (each, name)
            given = {"taskToken": found["token"], "activityId": name, "startedEventId": found["started"]}
            given |= {"workflowExecution": each.execution, "activityType": found["asked"]["activityType"]}
            return given | ({"input": found["asked"]["input"]} if "input" in found["asked"] else {})
    return {"startedEventId": 0, "taskToken": ""}


def _poll_decision(fake: "AwsSwf", asked: Attributes) -> Attributes:
    if page := asked.get("nextPageToken"):
        token, _, start = page.rpartition("/")
        return _decision(fake, token, fake.tasks[token][0], int(start))
    for each in fake.executions:
        if each.awaits_decider(asked["taskList"]["name"]):
            token = f"decision-{each.run_id}-{each.start_decision()}"
            fake.tasks[token] = (each, "decision")
            return _decision(fake, token, each, 0)
    return {"startedEventId": 0, "previousStartedEventId": 0, "taskToken": "", "events": []}


def _decision(fake: "AwsSwf", token: str, of: Execution, start: int) -> Attributes:
    """A page of a decision task; its history ends with the task's own start."""
    started = int(token.rpartition("-")[2])
    end = min(start + fake.page, started)
    given = {
        "taskToken": token,
        "startedEventId": started,
        "previousStartedEventId": 0,
        "events": of.history[start:end],
    }
    given |= {"workflowExecution": of.execution, "workflowType": of.asked["workflowType"]}
    return given | ({"nextPageToken": f"{token}/{end}"} if end < started else {})


def _decide(fake: "AwsSwf", asked: Attributes) -> None:
    token = asked["taskToken"]
    if token not in fake.tasks:
        raise Refused("UnknownResourceFault", "Unknown decision task")
    found = fake.tasks[token][0]
    completed = found.decided(int(token.rpartition("-")[2]))
    is_dirty = found.take_dirty()
    for each in asked["decisions"]:
        kind = each["decisionType"]
        attributes = each.get(f"{kind[0].lower()}{kind[1:]}DecisionAttributes", {})
        number = {"decisionTaskCompletedEventId": completed}
        if kind in _CLOSING and is_dirty:
            found.add(f"{kind}Failed", {"cause": "UNHANDLED_DECISION", **number})
        elif kind in _CLOSING:
            found.close(_CLOSING[kind], {**attributes, **number})
        elif kind == "ContinueAsNewWorkflowExecution":
            fake.executions.append(_continued(found, attributes, fake.ends, number))
        elif kind == "ScheduleActivityTask":
            _schedule(found, attributes, number)
        elif kind == "RequestCancelActivityTask":
            _cancel(found, attributes["activityId"], number)
        else:
            raise NotFakedError(f"a decision {kind}")
    if is_dirty:
        found.want_decision()


_CLOSING = {
    "CompleteWorkflowExecution": "COMPLETED",
    "FailWorkflowExecution": "FAILED",
    "CancelWorkflowExecution": "CANCELED",
}


def _continued(found: Execution, attributes: Attributes, ends: Attributes, number: dict[str, int]) -> Execution:
    """The execution that follows one with the same workflow id."""
    following = Execution({**found.asked, **attributes}, ends)
    kept = {name: following.asked[name] for name in ("taskList", "workflowType")}
    found.close(
        "CONTINUED_AS_NEW", {"newExecutionRunId": following.run_id, "childPolicy": "TERMINATE", **kept, **number}
    )
    return following


def _schedule(found: Execution, attributes: Attributes, number: dict[str, int]) -> None:
    name = attributes["activityId"]
    if name in found.activities:
        cause = {"activityType": attributes["activityType"], "activityId": name, "cause": "ACTIVITY_ID_ALREADY_IN_USE"}
        found.add("ScheduleActivityTaskFailed", {**cause, **number})
        found.want_decision()
        return
    asked = {"taskList": {"name": "default"}, **attributes}
    scheduled = found.add("ActivityTaskScheduled", {**asked, **number})
    found.activities[name] = {"asked": asked, "scheduled": scheduled, "started": 0}


def _cancel(found: Execution, activity_id: str, number: dict[str, int]) -> None:
    if activity_id not in found.activities:
        about = {"activityId": activity_id, "cause": "ACTIVITY_ID_UNKNOWN"}
        found.add("RequestCancelActivityTaskFailed", {**about, **number})
        found.want_decision()
        return
    found.add("ActivityTaskCancelRequested", {"activityId": activity_id, **number})
    if found.activities[activity_id]["started"]:
        found.cancelling.add(activity_id)
    else:
        found.end_activity(activity_id, "Canceled", {})


def _beat(fake: "AwsSwf", asked: Attributes) -> Attributes:
    found, name = _held(fake, asked["taskToken"])
    found.activities[name]["details"] = asked.get("details", "")
    return {"cancelRequested": name in found.cancelling}


def _end(how: str, *kept: str) -> Callable[["AwsSwf", Attributes], None]:
    def end(fake: "AwsSwf", asked: Attributes) -> None:
        found, name = _held(fake, asked["taskToken"])
        if how == "Canceled" and name not in found.cancelling:
            raise NotFakedError("the end of an activity as cancelled that nobody wants to be")
        found.end_activity(name, how, {each: asked[each] for each in kept if each in asked})

    return end


def _held(fake: "AwsSwf", token: str) -> tuple[Execution, str]:
    found, name = fake.tasks.get(token, (None, ""))
    if found is None or found.activities.get(name, {}).get("token") != token:
        raise Refused("UnknownResourceFault", "Unknown activity")
    return found, name


def _known(fake: "AwsSwf", execution: Attributes) -> Execution:
    for each in fake.executions:
        if each.execution == {name: execution[name] for name in ("workflowId", "runId")}:
            return each
    raise Refused("UnknownResourceFault", "Unknown execution")


def _info(found: Execution) -> dict[str, Any]:
    closed = {} if found.status == "OPEN" else {"closeStatus": found.status, "closeTimestamp": 1767229200}
    return {
        "execution": found.execution, "workflowType": found.asked["workflowType"], "startTimestamp": 1767225600,
        "executionStatus": "OPEN" if found.status == "OPEN" else "CLOSED", "cancelRequested": False,
        "tagList": found.asked.get("tagList", []), **closed,
    }  # fmt: skip


Operation = Callable[["AwsSwf", Attributes], Attributes | None]
OPERATIONS: dict[str, tuple[Operation, tuple[str, ...]]] = {
    "StartWorkflowExecution": (
        _start,
        ("domain", "workflowId", "workflowType", "taskList", "input", "tagList", "childPolicy", "executionStartToCloseTimeout"),
    ),
    "DescribeWorkflowExecution": (_describe, ("domain", "execution")),
    "ListOpenWorkflowExecutions": (
        lambda fake, asked: _list(fake, asked, is_open=True), ("domain", "tagFilter", "startTimeFilter"),
    ),
    "ListClosedWorkflowExecutions": (
        lambda fake, asked: _list(fake, asked, is_open=False), ("domain", "tagFilter", "startTimeFilter"),
    ),
    "GetWorkflowExecutionHistory": (_history, ("domain", "execution", "reverseOrder", "maximumPageSize")),
    "TerminateWorkflowExecution": (_terminate, ("domain", "workflowId", "runId", "reason")),
    "RequestCancelWorkflowExecution": (_request_cancel, ("domain", "workflowId")),
    "PollForActivityTask": (_poll_activity, ("domain", "taskList", "identity")),
    "PollForDecisionTask": (_poll_decision, ("domain", "taskList", "identity", "nextPageToken")),
    "RespondDecisionTaskCompleted": (_decide, ("taskToken", "decisions")),
    "RecordActivityTaskHeartbeat": (_beat, ("taskToken", "details")),
    "RespondActivityTaskCompleted": (_end("Completed", "result"), ("taskToken", "result")),
    "RespondActivityTaskFailed": (_end("Failed", "reason", "details"), ("taskToken", "reason", "details")),
    "RespondActivityTaskCanceled": (_end("Canceled", "details"), ("taskToken", "details")),
}  # fmt: skip
