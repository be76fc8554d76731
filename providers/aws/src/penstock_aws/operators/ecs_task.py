"""The operator that runs a task of Amazon ECS, once, and says why it failed."""

from collections.abc import Sequence
from typing import Any, ClassVar

from penstock.errors import ErrorKind, ProviderError, SkipTask
from penstock.spec.external_job import ExternalJob, Failed, JobStatus, Running, Succeeded
from penstock_aws.hooks import EcsHook, LogsHook
from penstock_aws.operators.log_tail import LogTail

_UNKNOWN_LOOKS = 5
"""How often a task may be unknown: DescribeTasks is eventually consistent, and knows a new one some seconds later."""


class EcsRunTaskOperator(ExternalJob):
    """Runs a task of Amazon ECS and waits for its end, without holding a slot.

    It is started once, whatever is killed when: by the request's client token, and by ``startedBy`` a day later. Where the
    cluster has no room, the request is repeated after ``poke_interval``. The value that it leaves is the task's ARN.

    Args:
        cluster: Name or ARN of the cluster.
        task_definition: Family, ``family:revision`` or ARN.
        launch_type: ``EC2``, ``FARGATE`` or ``EXTERNAL``; the cluster's strategy decides unless given.
        capacity_provider_strategy: In place of ``launch_type``.
        overrides: Of containers and sizes, as RunTask takes them; at most 8,192 characters.
        network_configuration: As RunTask takes it; needed for ``awsvpc``, and so for Fargate.
        options: Further arguments of RunTask, such as ``{"enableExecuteCommand": True}``.
        container_name: The container whose exit code counts and whose log is read; all count unless given.
        skip_on_exit_code: Exit codes of a container that mark the task skipped.
        awslogs_group: The log group of the container; its log is then read into the task's while it runs.
        awslogs_stream_prefix: ``awslogs-stream-prefix`` of the container's log configuration.
        aws_conn_id: The connection.
        wait_for_completion: Whether the task waits for the job; if not, it ends once the job is started, with its id.
        cancel_on_kill: Whether the job is cancelled when the task is ended from outside.
        **kwargs: What every sensor takes.
    """

    service: ClassVar[str] = "Amazon ECS"
    template_fields: ClassVar[Sequence[str]] = ("cluster", "task_definition", "overrides", "options")

    def __init__(  # noqa: PLR0913 - the arguments of a task, each by name
        self,
        *,
        cluster: str,
        task_definition: str,
        launch_type: str = "",
        capacity_provider_strategy: list[dict[str, Any]] | None = None,
        overrides: dict[str, Any] | None = None,
        network_configuration: dict[str, Any] | None = None,
        options: dict[str, Any] | None = None,
        container_name: str = "",
        skip_on_exit_code: list[int] | None = None,
        awslogs_group: str = "",
        awslogs_stream_prefix: str = "",
        aws_conn_id: str = "aws_default",
        wait_for_completion: bool = True,
        cancel_on_kill: bool = True,
        **kwargs: Any,  # noqa: ANN401 - a sensor's own
    ) -> None:
        super().__init__(wait_for_completion=wait_for_completion, cancel_on_kill=cancel_on_kill, **kwargs)
        if launch_type and capacity_provider_strategy:
            raise ValueError("launch_type and capacity_provider_strategy exclude each other")
        if awslogs_group and not (awslogs_stream_prefix and container_name):
            raise ValueError(
                "a stream is named by awslogs_stream_prefix and container_name; give both with awslogs_group"
            )
        self.cluster, self.task_definition, self.launch_type = cluster, task_definition, launch_type
        self.capacity_provider_strategy, self.overrides = capacity_provider_strategy, overrides
        self.network_configuration, self.options = network_configuration, options
        self.container_name, self.skip_on_exit_code = container_name, skip_on_exit_code
        self.awslogs_group, self.awslogs_stream_prefix = awslogs_group, awslogs_stream_prefix
        self.aws_conn_id = aws_conn_id
        self._unknown = 0
        self._tail = LogTail(lambda: LogsHook(self.aws_conn_id), awslogs_group, self.log)

    def submit(self, token: str) -> str:
        """Run the task; returns its ARN."""
        given = {
            "launchType": self.launch_type,
            "capacityProviderStrategy": self.capacity_provider_strategy,
            "overrides": self.overrides,
            "networkConfiguration": self.network_configuration,
        }
        options = {name: value for name, value in given.items() if value} | (self.options or {})
        return EcsHook(self.aws_conn_id).run_task(
            token, cluster=self.cluster, taskDefinition=self.task_definition, **options
        )

    def find(self, token: str) -> str | None:
        """The ARN of the task that was started with this token."""
        return EcsHook(self.aws_conn_id).find_task(self.cluster, token)

    def look(self, job_id: str) -> JobStatus:
        """How the task is; a stopped one by its containers and its stop code.

        Raises:
            ProviderError: The service knows it no more, so that nobody can say how it ended.
            SkipTask: A container ended with a code of ``skip_on_exit_code``.
        """
        found = EcsHook(self.aws_conn_id).describe_task(self.cluster, job_id)
        if found is None:
            return self._unknown_task(job_id)
        if self.awslogs_group and found["lastStatus"] in ("RUNNING", "DEPROVISIONING", "STOPPED"):
            self._tail.follow(f"{self.awslogs_stream_prefix}/{self.container_name}/{job_id.rpartition('/')[2]}")
        if found["lastStatus"] != "STOPPED":
            return Running()
        codes = [each["exitCode"] for each in self._counting(found) if each.get("exitCode")]
        if skipping := set(codes) & set(self.skip_on_exit_code or ()):
            raise SkipTask(f"a container ended with exit code {min(skipping)}")
        cause = stop_cause(found, self._counting(found))
        return Failed(cause) if cause else Succeeded(job_id)

    def cancel(self, job_id: str) -> None:
        """Stop the task."""
        EcsHook(self.aws_conn_id).stop_task(self.cluster, job_id, "Penstock has ended its task")

    def _counting(self, found: dict[str, Any]) -> list[dict[str, Any]]:
        containers: list[dict[str, Any]] = found.get("containers", [])
        named = [each for each in containers if each.get("name") == self.container_name]
        return named if self.container_name else containers

    def _unknown_task(self, job_id: str) -> Running:
        self._unknown += 1
        if self._unknown < _UNKNOWN_LOOKS:
            return Running()
        raise ProviderError(
            f"{job_id}: the cluster does not know this task any more", service="ecs", operation="DescribeTasks",
            kind=ErrorKind.NOT_FOUND,
            hint="A task is forgotten an hour after its end; see how it ended and clear or mark this one",
        )  # fmt: skip


def stop_cause(task: dict[str, Any], containers: list[dict[str, Any]]) -> str:
    """Why a stopped task counts as failed, as a sentence without its full stop; "" if it does not.

    Stop codes and reasons are those of "Stopped task error codes" in the Amazon ECS developer guide; 137 is 128 and
    SIGKILL's number.

    Args:
        task: As DescribeTasks tells it.
        containers: Those of its containers that count.
    """
    code, reason = task.get("stopCode", ""), str(task.get("stoppedReason", "")).rstrip(".")
    reasons = [str(each["reason"]).rstrip(".") for each in containers if each.get("reason")]
    if code == "TaskFailedToStart":
        return f"the task never started: {'; '.join(dict.fromkeys([reason, *reasons]))}"
    if code in ("SpotInterruption", "TerminationNotice"):
        return f"its capacity was taken back: {reason or code}"
    if code == "UserInitiated":
        return f"somebody stopped it: {reason or 'without a reason'}"
    if code == "ServiceSchedulerInitiated":
        return f"its service stopped it: {reason}"
    if not containers:
        return "the task has no container of this name"
    return "; ".join(filter(None, map(_container_cause, containers)))


def _container_cause(container: dict[str, Any]) -> str:
    name, code, reason = container.get("name"), container.get("exitCode"), str(container.get("reason", ""))
    if code == 0:
        return ""
    if reason.startswith("OutOfMemoryError"):
        return f"container {name!r} was killed for its memory (exit code {code}): {reason}"
    if code is None:
        return f"container {name!r} has no exit code: {reason or 'no reason was given'}"
    killed = " (SIGKILL)" if code == 137 else " (SIGTERM)" if code == 143 else ""
    return f"container {name!r} ended with exit code {code}{killed}{f': {reason}' if reason else ''}"
