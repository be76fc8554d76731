"""The hook of Amazon SWF.

Facts are those of the Amazon SWF API Reference: a poll is answered within 60 seconds, and wants a client that waits for 70; one
without a task has an empty ``taskToken``; the pages of a decision task's history are asked for by further polls; lists are
eventually consistent. From its quotas: an execution is open for at most a year, and known for at most 90 days after.
"""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, NamedTuple

from penstock.errors import ErrorKind, ProviderError
from penstock_aws.hooks.clients import client
from penstock_aws.hooks.service import AwsHook

_POLL_S = 75.0
_KNOWN_FOR = timedelta(days=460)
_NEWEST_EVENTS = 100


class WorkflowRun(NamedTuple):
    """An execution of a workflow: the id that whoever started it gave, and the service's own."""

    workflow_id: str
    run_id: str

    @property
    def execution(self) -> dict[str, str]:
        """As the API names it."""
        return {"workflowId": self.workflow_id, "runId": self.run_id}


class WorkflowEnd(NamedTuple):
    """How an execution has ended.

    Attributes:
        status: ``COMPLETED``, ``FAILED``, ``CANCELED``, ``TERMINATED``, ``CONTINUED_AS_NEW`` or ``TIMED_OUT``.
        attributes: What the event of its end says.
        events: Its newest events, the newest first.
    """

    status: str
    attributes: dict[str, Any]
    events: list[dict[str, Any]]


class SwfHook(AwsHook):
    """A client of Amazon SWF.

    Args:
        aws_conn_id: The connection, of type ``aws``.
        connection: The connection itself, in place of its name.
    """

    service: ClassVar[str] = "swf"

    def start_workflow(self, domain: str, workflow_id: str, workflow: str, **options: Any) -> WorkflowRun:  # noqa: ANN401
        """Start an execution; the request is made once, as a repeated one is refused for the first.

        Args:
            domain: The domain.
            workflow_id: Of the open executions only one has it.
            workflow: The workflow type, as ``name:version``.
            **options: Further arguments of StartWorkflowExecution.

        Raises:
            penstock.errors.ProviderError: Of kind ``conflict``: an execution with this id is open.
        """
        with self.errors("StartWorkflowExecution", f"{domain}/{workflow_id}"):
            answer = self.single_attempt_client.start_workflow_execution(
                domain=domain, workflowId=workflow_id, workflowType=type_of(workflow), **options
            )
        return WorkflowRun(workflow_id, str(answer["runId"]))

    def find_tagged(self, domain: str, tag: str) -> WorkflowRun | None:
        """The newest execution with this tag, open or closed; None if the service shows none, or not yet."""
        given = {
            "domain": domain,
            "tagFilter": {"tag": tag},
            "startTimeFilter": {"oldestDate": datetime.now(UTC) - _KNOWN_FOR},
        }
        for operation in ("list_open_workflow_executions", "list_closed_workflow_executions"):
            name = "".join(word.capitalize() for word in operation.split("_"))
            with self.errors(name, domain):
                for page in self.client.get_paginator(operation).paginate(**given):
                    for each in page["executionInfos"]:
                        found = each["execution"]
                        return WorkflowRun(found["workflowId"], found["runId"])
        return None

    def find_end(self, domain: str, run: WorkflowRun) -> WorkflowEnd | None:
        """How an execution has ended; None as long as it is open, or its history does not show the end yet."""
        with self.errors("DescribeWorkflowExecution", f"{domain}/{run.workflow_id}"):
            info = self.client.describe_workflow_execution(domain=domain, execution=run.execution)["executionInfo"]
        if info["executionStatus"] == "OPEN":
            return None
        with self.errors("GetWorkflowExecutionHistory", f"{domain}/{run.workflow_id}"):
            events = self.client.get_workflow_execution_history(
                domain=domain, execution=run.execution, reverseOrder=True, maximumPageSize=_NEWEST_EVENTS
            )["events"]
        status = str(info["closeStatus"])
        if not events or events[0]["eventType"] != f"WorkflowExecution{status.title().replace('_', '')}":
            return None
        return WorkflowEnd(status, attributes_of(events[0]), events)

    def terminate_workflow(self, domain: str, run: WorkflowRun, reason: str) -> None:
        """End an execution at once; of kind ``not_found`` is the error for one that is not open."""
        with self.errors("TerminateWorkflowExecution", f"{domain}/{run.workflow_id}"):
            self.client.terminate_workflow_execution(domain=domain, **run.execution, reason=reason)

    def poll_activity(self, domain: str, task_list: str, identity: str) -> dict[str, Any] | None:
        """Wait for an activity task for up to a minute.

        Args:
            domain: The domain.
            task_list: The list of tasks.
            identity: What the history says of who has taken it.
        """
        with self.errors("PollForActivityTask", f"{domain}/{task_list}"):
            answer = self._patient.poll_for_activity_task(
                domain=domain, taskList={"name": task_list}, identity=identity
            )
        return dict(answer) if answer.get("taskToken") else None

    def poll_decision(self, domain: str, task_list: str, identity: str) -> dict[str, Any] | None:
        """Wait for a decision task for up to a minute; it comes with its whole history.

        Args:
            domain: The domain.
            task_list: The list of tasks.
            identity: What the history says of who has taken it.
        """
        given = {"domain": domain, "taskList": {"name": task_list}, "identity": identity}
        with self.errors("PollForDecisionTask", f"{domain}/{task_list}"):
            answer = self._patient.poll_for_decision_task(**given)
            if not answer.get("taskToken"):
                return None
            return {**answer, "events": list(self._events(answer, given))}

    def beat(self, token: str, details: str) -> bool:
        """Say that the work on an activity task goes on; returns whether it is to be cancelled."""
        with self.errors("RecordActivityTaskHeartbeat"):
            answer = self.client.record_activity_task_heartbeat(taskToken=token, details=details)
        return bool(answer["cancelRequested"])

    def complete_activity(self, token: str, result: str) -> None:
        """End an activity task well, with its result."""
        with self.errors("RespondActivityTaskCompleted"):
            self.client.respond_activity_task_completed(taskToken=token, result=result)

    def fail_activity(self, token: str, reason: str, details: str = "") -> None:
        """End an activity task that has failed, with at most 256 characters of a reason, and 32,768 of details."""
        with self.errors("RespondActivityTaskFailed"):
            self.client.respond_activity_task_failed(taskToken=token, reason=reason, details=details)

    def cancel_activity(self, token: str, details: str = "") -> None:
        """End an activity task that was to be cancelled."""
        with self.errors("RespondActivityTaskCanceled"):
            self.client.respond_activity_task_canceled(taskToken=token, details=details)

    def complete_decision(self, token: str, decided: list[dict[str, Any]]) -> None:
        """Answer a decision task."""
        with self.errors("RespondDecisionTaskCompleted"):
            self.client.respond_decision_task_completed(taskToken=token, decisions=decided)

    @property
    def _patient(self) -> Any:  # noqa: ANN401 - boto3 makes its classes at run time
        """A client for polls, whose repetition is a poll of its own."""
        return client(self.service, replace(self.fields, max_attempts=1, read_timeout_s=_POLL_S))

    def _events(self, answer: dict[str, Any], given: dict[str, Any]) -> Iterator[dict[str, Any]]:
        yield from answer["events"]
        while page := answer.get("nextPageToken"):
            answer = self.client.poll_for_decision_task(**given, nextPageToken=page)
            yield from answer["events"]


def type_of(named: str) -> dict[str, str]:
    """The type of a workflow or an activity as the API names it, from ``name:version``.

    Raises:
        penstock.errors.ProviderError: Of kind ``invalid``: it has no name or no version.
    """
    name, _, version = named.partition(":")
    if not name or not version or ":" in version:
        raise ProviderError(
            f"{named!r} is no type; write name:version", service="swf", operation="ReadType", kind=ErrorKind.INVALID
        )
    return {"name": name, "version": version}


def attributes_of(event: dict[str, Any]) -> dict[str, Any]:
    """What an event of a history says, beside its type, time and number."""
    kind = str(event["eventType"])
    return dict(event.get(f"{kind[0].lower()}{kind[1:]}EventAttributes", {}))


def read_data(text: str) -> Any:  # noqa: ANN401 - any JSON value
    """An input or a result: the value if it is JSON, else the text."""
    try:
        return json.loads(text) if text else None
    except ValueError:
        return text


def write_data(value: Any) -> str:  # noqa: ANN401 - any JSON value
    """An input or a result: text as it is, anything else as JSON."""
    return value if isinstance(value, str) else json.dumps(value)
