"""The operator that has a workflow of Amazon SWF run, once, and says why it failed."""

from collections.abc import Sequence
from typing import Any, ClassVar

from penstock.errors import ErrorKind, ProviderError
from penstock.spec.external_job import ExternalJob, Failed, JobStatus, Running, Succeeded
from penstock_aws.hooks.swf import SwfHook, WorkflowEnd, WorkflowRun, attributes_of, read_data, write_data

_CANCEL_ATTEMPTS = 3
_UNKNOWN_LOOKS = 5
_LONGEST_TEXT = 2000


class SwfWorkflowOperator(ExternalJob):
    """Starts an execution of a workflow of Amazon SWF and waits for its end, without holding a slot.

    Of the open executions only one has a workflow id, and each has a tag of its own, by which one is found whose answer was lost. One that
    continues as a new one is followed. The value that it leaves is the workflow's result.

    Args:
        domain: The domain.
        workflow: The workflow type, as ``name:version``.
        workflow_id: The id of the execution, without ``:``, ``/`` and ``|``; the task fails if another one with it is open. A new one
            is made unless given.
        workflow_input: What is put in: text as it is, any other value as JSON.
        task_list: The list of its decision tasks; what the workflow type says unless given.
        tags: At most 4; a fifth is added.
        options: Further arguments of StartWorkflowExecution, such as ``{"childPolicy": "TERMINATE"}``.
        aws_conn_id: The connection.
        wait_for_completion: Whether the task waits for the workflow; if not, it ends once that is started, with its ids.
        cancel_on_kill: Whether the workflow is terminated when the task is ended from outside.
        **kwargs: What every sensor takes.

    Raises:
        ValueError: There are too many tags.
    """

    service: ClassVar[str] = "Amazon SWF"
    template_fields: ClassVar[Sequence[str]] = (
        "domain", "workflow", "workflow_id", "workflow_input", "task_list", "tags", "options",
    )  # fmt: skip

    def __init__(  # noqa: PLR0913 - the arguments of a task, each by name
        self,
        *,
        domain: str,
        workflow: str,
        workflow_id: str = "",
        workflow_input: Any = None,  # noqa: ANN401 - any JSON value
        task_list: str = "",
        tags: list[str] | None = None,
        options: dict[str, Any] | None = None,
        aws_conn_id: str = "aws_default",
        wait_for_completion: bool = True,
        cancel_on_kill: bool = True,
        **kwargs: Any,  # noqa: ANN401 - a sensor's own
    ) -> None:
        super().__init__(wait_for_completion=wait_for_completion, cancel_on_kill=cancel_on_kill, **kwargs)
        if tags and len(tags) > 4:
            raise ValueError(f"there are {len(tags)} tags; an execution has at most 5, and one is the operator's own")
        self.domain, self.workflow, self.workflow_id, self.workflow_input = (
            domain,
            workflow,
            workflow_id,
            workflow_input,
        )
        self.task_list, self.tags, self.options, self.aws_conn_id = task_list, tags or [], options, aws_conn_id
        self._unknown = 0
        self._latest: dict[str, WorkflowRun] = {}

    def submit(self, token: str) -> str:
        """Start the execution; returns its workflow id and run id, with a slash between them."""
        options: dict[str, Any] = {"tagList": [*self.tags, token]}
        if self.workflow_input is not None:
            options["input"] = write_data(self.workflow_input)
        if self.task_list:
            options["taskList"] = {"name": self.task_list}
        options |= self.options or {}
        hook, workflow_id = SwfHook(self.aws_conn_id), self.workflow_id or token
        try:
            run = hook.start_workflow(self.domain, workflow_id, self.workflow, **options)
        except ProviderError as error:
            found = self.find(token) if error.kind is ErrorKind.CONFLICT else None
            if not found:
                raise
            return found
        return "/".join(run)

    def find(self, token: str) -> str | None:
        """The ids of the execution with this tag."""
        run = SwfHook(self.aws_conn_id).find_tagged(self.domain, token)
        return "/".join(run) if run else None

    def look(self, job_id: str) -> JobStatus:
        """How the workflow is.

        Raises:
            ProviderError: The service knows it no more, so that nobody can say how it ended.
        """
        try:
            end = self._end(SwfHook(self.aws_conn_id), job_id)
        except ProviderError as error:
            self._unknown += 1
            if error.kind is not ErrorKind.NOT_FOUND or self._unknown >= _UNKNOWN_LOOKS:
                raise
            return Running()  # descriptions are eventually consistent
        if end is None:
            return Running()
        if end.status == "COMPLETED":
            return Succeeded(read_data(end.attributes.get("result", "")))
        return Failed(fail_cause(end))

    def cancel(self, job_id: str) -> None:
        """Terminate the execution that the workflow has come to."""
        hook = SwfHook(self.aws_conn_id)
        for _ in range(_CANCEL_ATTEMPTS):
            try:
                hook.terminate_workflow(self.domain, self._run(job_id), "Penstock has ended its task")
            except ProviderError as error:
                if error.kind is not ErrorKind.NOT_FOUND:
                    raise
            else:
                return
            if self._end(hook, job_id) is not None:
                return  # it is not open because it has ended, and was not continued

    def _end(self, hook: SwfHook, job_id: str) -> WorkflowEnd | None:
        while (end := hook.find_end(self.domain, self._run(job_id))) and end.status == "CONTINUED_AS_NEW":
            following = str(end.attributes["newExecutionRunId"])
            self._latest[job_id] = self._run(job_id)._replace(run_id=following)
            self.log.info("The workflow continues as the run %s.", following)
        return end

    def _run(self, job_id: str) -> WorkflowRun:
        workflow_id, _, run_id = job_id.partition("/")
        return self._latest.get(job_id) or WorkflowRun(workflow_id, run_id)


def fail_cause(end: WorkflowEnd) -> str:
    """Why a workflow has not ended well, as a sentence without its full stop.

    Args:
        end: How it has ended.
    """
    attributes = end.attributes
    words = ": ".join(str(attributes[name]) for name in ("reason", "details") if attributes.get(name))[:_LONGEST_TEXT]
    match end.status:
        case "TIMED_OUT":
            cause = f"it timed out ({attributes['timeoutType']})"
        case "TERMINATED":
            by = {"CHILD_POLICY_APPLIED": "with its parent", "EVENT_LIMIT_EXCEEDED": "for the length of its history"}
            cause = (
                f"it was terminated {by.get(attributes.get('cause', ''), 'by somebody')}{f': {words}' if words else ''}"
            )
        case "CANCELED":
            cause = f"it was cancelled{f': {words}' if words else ''}"
        case _:
            cause = f"the workflow failed: {words or 'no reason was given'}"
    return cause + _last_failure(end.events)


def _last_failure(newest_first: Sequence[dict[str, Any]]) -> str:
    """The failure of an activity that stands last in the history, if its newest events have one."""
    names = {
        each["eventId"]: attributes_of(each)["activityId"]
        for each in newest_first
        if each["eventType"] == "ActivityTaskScheduled"
    }
    for each in newest_first:
        if each["eventType"] in ("ActivityTaskFailed", "ActivityTaskTimedOut"):
            about = attributes_of(each)
            why = about.get("reason") or about.get("timeoutType") or "no reason was given"
            return f"; its last failed activity was {names.get(about['scheduledEventId'], 'an early one')}: {why}"
    return ""
