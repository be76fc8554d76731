"""The executor of AWS Batch: a job for each ticket."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from penstock.spec.remote import RemoteContext, Ticket
from penstock_aws.executors.container_jobs import (
    OUT_OF_MEMORY,
    AwsOptions,
    ContainerJobs,
    JobState,
    fargate_size,
    mebibytes,
    own_connection,
    read_options,
)
from penstock_aws.hooks import BatchHook

_ENDED = ("SUCCEEDED", "FAILED")
_CONFIG = ("job_definition", "job_queue")


@dataclass(frozen=True, kw_only=True)
class BatchOptions(AwsOptions):
    """The options.

    Attributes:
        job_queue: The job queue; ``executor_config={"batch": {"job_queue": ...}}`` of a task names another.
        job_definition: The job definition; a task may name another alike.
        fargate: Whether its compute environment is AWS Fargate, which has only some sizes.
    """

    job_queue: str
    job_definition: str
    fargate: bool = False


class BatchExecutor(ContainerJobs):
    """Runs each try in a job of AWS Batch.

    Args:
        context: What the scheduler makes it with.

    Raises:
        ConfigError: The options are wrong.
    """

    kind: ClassVar[str] = "batch"

    def __init__(self, context: RemoteContext) -> None:
        self._options = read_options(context, BatchOptions)
        super().__init__(context)
        self._hook = BatchHook(connection=own_connection(self._options, context))

    def start_job(self, ticket: Ticket, attempt: int) -> str:
        """Submit a job, unless one of that name is under way: the service takes a repeated request for another one."""
        del attempt  # a job that has ended keeps its name, and the next one may have the same
        queue = self._queue(ticket)
        for each in self._hook.find_jobs(queue, ticket.name):
            if each["jobName"] == ticket.name and each["status"] not in _ENDED:
                return str(each["jobId"])
        overrides: dict[str, Any] = {"command": list(self._options.command), "environment": self.environ(ticket)}
        if needs := self._needs(ticket):
            overrides["resourceRequirements"] = needs
        definition = self.config_of(ticket).get("job_definition", self._options.job_definition)
        return self._hook.submit_job(
            ticket.name, queue, definition, containerOverrides=overrides, tags=self.tags(ticket), retryStrategy={"attempts": 1},
        )  # fmt: skip

    def states(self, job_ids: Sequence[str]) -> dict[str, JobState]:
        """What Batch says of jobs, a hundred at once."""
        return {str(each["jobId"]): _state(each) for each in self._hook.describe_jobs(job_ids)}

    def find(self, ticket: Ticket) -> str:
        """The newest job of a ticket's name, one under way first."""
        found = [
            each for each in self._hook.find_jobs(self._queue(ticket), ticket.name) if each["jobName"] == ticket.name
        ]
        found.sort(key=lambda each: (each["status"] in _ENDED, -int(each.get("createdAt", 0))))
        return str(found[0]["jobId"]) if found else ""

    def end_job(self, job_id: str, reason: str) -> None:
        """Terminate a job."""
        self._hook.terminate_job(job_id, reason[:255])

    def problem(self, config: Mapping[str, Any]) -> str:
        """Say what is wrong with what a task tells this executor; "" if nothing is."""
        wrong = [name for name, value in config.items() if name not in _CONFIG or not isinstance(value, str)]
        if wrong:
            return f"batch takes {' and '.join(_CONFIG)}, texts; it has {wrong[0]!r} as {config[wrong[0]]!r:.100}."
        return ""

    def _queue(self, ticket: Ticket) -> str:
        return str(self.config_of(ticket).get("job_queue", self._options.job_queue))

    def _needs(self, ticket: Ticket) -> list[dict[str, str]]:
        cpu, memory = ticket.cpu, mebibytes(ticket.memory_bytes)
        if self._options.fargate and (cpu or memory):
            size = fargate_size(cpu, ticket.memory_bytes)
            if size is not None:
                cpu, memory = size[0] / 1024, size[1]
        elif cpu:
            cpu = max(1, round(cpu))  # whole ones alone, but for Fargate
        needs = {"VCPU": f"{cpu:g}" if cpu else "", "MEMORY": str(memory) if memory else ""}
        return [{"type": name, "value": value} for name, value in needs.items() if value]


def _state(job: Mapping[str, Any]) -> JobState:
    status = str(job["status"])
    container = job.get("container", {})
    reasons = [str(job.get("statusReason", "")), str(container.get("reason", ""))]
    message = "; ".join(dict.fromkeys(filter(None, reasons)))
    if status not in _ENDED:
        waits = status in ("SUBMITTED", "PENDING", "RUNNABLE", "STARTING")
        return JobState(
            ended=False, note=f"its Batch job is {status.lower()}{f': {message}' if message else ''}" if waits else ""
        )
    code = container.get("exitCode")
    exhausted = str(container.get("reason", "")).startswith(OUT_OF_MEMORY)
    exited = "" if code is None else f", with exit code {code}"
    note = f"its Batch job has ended as {status}{exited}{f': {message}' if message else ''}"
    began = code is not None or status == "SUCCEEDED" or not message
    return JobState(ended=True, note=note, began=began, exit_code=code, exhausted=exhausted)
