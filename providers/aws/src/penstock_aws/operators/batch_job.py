"""The operator that runs a job of AWS Batch, once, and says why it failed."""

from collections.abc import Sequence
from typing import Any, ClassVar

from penstock.errors import ErrorKind, ProviderError
from penstock.spec.external_job import ExternalJob, Failed, JobStatus, Running, Succeeded
from penstock_aws.hooks import BatchHook, LogsHook
from penstock_aws.operators.log_tail import LogTail

_LOG_GROUP = "/aws/batch/job"
_UNKNOWN_LOOKS = 5
_NAME_LENGTH = 128


class BatchOperator(ExternalJob):
    """Runs a job of AWS Batch and waits for its end, without holding a slot.

    SubmitJob knows no idempotency token, so the job's name begins with one, and a job that may have been started is looked
    for by it before another is. The value that it leaves is the job's id.

    Args:
        job_name: The rest of the job's name: letters, digits, hyphens and underscores.
        job_queue: Name or ARN of the queue.
        job_definition: Name, ``name:revision`` or ARN.
        container_overrides: As SubmitJob takes them.
        array_properties: Makes it an array of jobs, such as ``{"size": 10}``; it has failed if one of them has.
        parameters: What placeholders of the job definition are replaced by.
        options: Further arguments of SubmitJob, such as ``{"retryStrategy": {"attempts": 2}}``.
        awslogs_enabled: Whether the job's log is read into the task's while it runs.
        awslogs_group: Its log group.
        aws_conn_id: The connection.
        wait_for_completion: Whether the task waits for the job; if not, it ends once the job is started, with its id.
        cancel_on_kill: Whether the job is cancelled when the task is ended from outside.
        **kwargs: What every sensor takes.
    """

    service: ClassVar[str] = "AWS Batch"
    template_fields: ClassVar[Sequence[str]] = (
        "job_name", "job_queue", "job_definition", "container_overrides", "parameters", "options",
    )  # fmt: skip

    def __init__(  # noqa: PLR0913 - the arguments of a task, each by name
        self,
        *,
        job_name: str,
        job_queue: str,
        job_definition: str,
        container_overrides: dict[str, Any] | None = None,
        array_properties: dict[str, Any] | None = None,
        parameters: dict[str, str] | None = None,
        options: dict[str, Any] | None = None,
        awslogs_enabled: bool = False,
        awslogs_group: str = _LOG_GROUP,
        aws_conn_id: str = "aws_default",
        wait_for_completion: bool = True,
        cancel_on_kill: bool = True,
        **kwargs: Any,  # noqa: ANN401 - a sensor's own
    ) -> None:
        super().__init__(wait_for_completion=wait_for_completion, cancel_on_kill=cancel_on_kill, **kwargs)
        self.job_name, self.job_queue, self.job_definition = job_name, job_queue, job_definition
        self.container_overrides, self.array_properties = container_overrides, array_properties
        self.parameters, self.options = parameters, options
        self.awslogs_enabled, self.awslogs_group, self.aws_conn_id = awslogs_enabled, awslogs_group, aws_conn_id
        self._unknown = 0
        self._tail = LogTail(lambda: LogsHook(self.aws_conn_id), awslogs_group, self.log)

    def submit(self, token: str) -> str:
        """Submit the job; returns its id."""
        given = {
            "containerOverrides": self.container_overrides,
            "arrayProperties": self.array_properties,
            "parameters": self.parameters,
        }
        options = {name: value for name, value in given.items() if value} | (self.options or {})
        name = f"{token}-{self.job_name}"[:_NAME_LENGTH]
        return BatchHook(self.aws_conn_id).submit_job(name, self.job_queue, self.job_definition, **options)

    def find(self, token: str) -> str | None:
        """The id of the job whose name begins with this token."""
        return BatchHook(self.aws_conn_id).find_job(self.job_queue, token)

    def look(self, job_id: str) -> JobStatus:
        """How the job is.

        Raises:
            ProviderError: The service knows it no more, so that nobody can say how it ended.
        """
        found = BatchHook(self.aws_conn_id).describe_job(job_id)
        if found is None:
            return self._unknown_job(job_id)
        stream = found.get("container", {}).get("logStreamName", "")
        if self.awslogs_enabled and stream:
            self._tail.follow(stream)
        if found["status"] == "FAILED":
            return Failed(fail_cause(found))
        return Succeeded(job_id) if found["status"] == "SUCCEEDED" else Running()

    def cancel(self, job_id: str) -> None:
        """Terminate the job."""
        BatchHook(self.aws_conn_id).terminate_job(job_id, "Penstock has ended its task")

    def _unknown_job(self, job_id: str) -> Running:
        self._unknown += 1
        if self._unknown < _UNKNOWN_LOOKS:
            return Running()
        raise ProviderError(
            f"{job_id}: the service does not know this job any more", service="batch", operation="DescribeJobs",
            kind=ErrorKind.NOT_FOUND,
            hint="A job is forgotten a week after its end; see how it ended and clear or mark this one",
        )  # fmt: skip


def fail_cause(job: dict[str, Any]) -> str:
    """Why a job has failed, as a sentence without its full stop.

    Fields and words are those of JobDetail and ContainerDetail in the AWS Batch API Reference and of "Troubleshooting" in
    its user guide.

    Args:
        job: As DescribeJobs tells it.
    """
    container = job.get("container", {})
    declared = str(job.get("statusReason", "")).rstrip(".")
    reason, code = str(container.get("reason", "")), container.get("exitCode")
    tries = len(job.get("attempts", []))
    after = f", after {tries} attempts" if tries > 1 else ""
    if reason.startswith("OutOfMemoryError"):
        return f"its container was killed for its memory (exit code {code}){after}: {reason}"
    if declared.startswith("Host EC2"):
        return f"its machine was taken away{after}: {declared}"
    if code:
        killed = " (SIGKILL)" if code == 137 else ""
        reasons = "; ".join(each for each in (reason, declared) if each)
        return f"its container ended with exit code {code}{killed}{after}{f': {reasons}' if reasons else ''}"
    return f"it did not run to its end{after}: {'; '.join(filter(None, (declared, reason))) or 'no reason was given'}"
