"""The executor of Amazon ECS: a task for each ticket."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from penstock.errors import ConfigError
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
from penstock_aws.executors.task_guard import TaskGuard, task_guard
from penstock_aws.hooks import EcsHook

_FARGATE = "FARGATE"


@dataclass(frozen=True, kw_only=True)
class EcsOptions(AwsOptions):
    """The options.

    Attributes:
        cluster: Name or ARN of the cluster.
        task_definition: The task definition; `executor_config={"ecs": {"task_definition": ...}}` of a task names another.
        container: The container in it that runs tries.
        launch_type: ``FARGATE``, ``EC2`` or ``EXTERNAL``; the cluster's own strategy unless given.
        subnets, security_groups, assign_public_ip: The network of tasks in the mode ``awsvpc``.
    """

    cluster: str
    task_definition: str
    container: str = "penstock"
    launch_type: str = ""
    subnets: Sequence[str] = ()
    security_groups: Sequence[str] = ()
    assign_public_ip: bool = False


class EcsExecutor(ContainerJobs):
    """Runs each try in a task of Amazon ECS.

    Args:
        context: What the scheduler makes it with.

    Raises:
        ConfigError: The options are wrong.
    """

    kind: ClassVar[str] = "ecs"

    def __init__(self, context: RemoteContext) -> None:
        self._options = read_options(context, EcsOptions)
        if self._options.launch_type not in ("", _FARGATE, "EC2", "EXTERNAL"):
            raise ConfigError(f"[executors.{context.name}]: launch_type is FARGATE, EC2 or EXTERNAL.")
        super().__init__(context)
        self._hook = EcsHook(connection=own_connection(self._options, context))

    @classmethod
    def guard(cls, environ: Mapping[str, str]) -> TaskGuard | None:
        """What protects the task of a pool's worker, in a container of ECS."""
        return task_guard(environ)

    def start_job(self, ticket: Ticket, attempt: int) -> str:
        """Run a task; the service starts one for each attempt, however often it is asked."""
        options, config = self._options, self.config_of(ticket)
        token = f"{ticket.name}-{attempt}" if attempt else ticket.name
        tags = [{"key": key, "value": value} for key, value in self.tags(ticket).items()]
        more: dict[str, Any] = {"launchType": options.launch_type} if options.launch_type else {}
        if options.subnets:
            network = {
                "subnets": list(options.subnets),
                "assignPublicIp": "ENABLED" if options.assign_public_ip else "DISABLED",
            }
            if options.security_groups:
                network["securityGroups"] = list(options.security_groups)
            more["networkConfiguration"] = {"awsvpcConfiguration": network}
        return self._hook.run_task(
            token, started_by=ticket.name, cluster=options.cluster, tags=tags, overrides=self._overrides(ticket),
            taskDefinition=config.get("task_definition", options.task_definition), **more,
        )  # fmt: skip

    def states(self, job_ids: Sequence[str]) -> dict[str, JobState]:
        """What ECS says of tasks, a hundred at once."""
        return {
            str(each["taskArn"]): _state(each) for each in self._hook.describe_tasks(self._options.cluster, job_ids)
        }

    def find(self, ticket: Ticket) -> str:
        """The task that was started for a ticket."""
        return self._hook.find_task(self._options.cluster, ticket.name) or ""

    def end_job(self, job_id: str, reason: str) -> None:
        """Stop a task."""
        self._hook.stop_task(self._options.cluster, job_id, reason[:255])

    def problem(self, config: Mapping[str, Any]) -> str:
        """Say what is wrong with what a task tells this executor; "" if nothing is."""
        wrong = [name for name, value in config.items() if name != "task_definition" or not isinstance(value, str)]
        return f"ecs takes task_definition, a text; it has {wrong[0]!r} as {config[wrong[0]]!r:.100}." if wrong else ""

    def _overrides(self, ticket: Ticket) -> dict[str, Any]:
        options = self._options
        container: dict[str, Any] = {
            "name": options.container, "command": list(options.command), "environment": self.environ(ticket),
        }  # fmt: skip
        overrides: dict[str, Any] = {"containerOverrides": [container]}
        if options.launch_type == _FARGATE:
            size = fargate_size(ticket.cpu, ticket.memory_bytes) if ticket.cpu or ticket.memory_bytes else None
            if size is not None:
                overrides |= {"cpu": str(size[0]), "memory": str(size[1])}
        if ticket.cpu and options.launch_type != _FARGATE:
            container["cpu"] = max(2, round(ticket.cpu * 1024))
        if ticket.memory_bytes:
            container["memory"] = mebibytes(ticket.memory_bytes)
        return overrides


def _state(task: Mapping[str, Any]) -> JobState:
    status = str(task.get("lastStatus", ""))
    if status != "STOPPED":
        begins = status in ("PROVISIONING", "PENDING", "ACTIVATING")
        return JobState(ended=False, note=f"its ECS task is {status.lower()}" if begins else "")
    containers = task.get("containers", [])
    code = next((each["exitCode"] for each in containers if each.get("exitCode") is not None), None)
    reasons = [str(task.get("stoppedReason", "")), *(str(each.get("reason", "")) for each in containers)]
    message = "; ".join(dict.fromkeys(filter(None, reasons))) or "no reason was given"
    exited = "" if code is None else f", with exit code {code}"
    began = task.get("stopCode") != "TaskFailedToStart"
    exhausted = any(str(each.get("reason", "")).startswith(OUT_OF_MEMORY) for each in containers)
    note = f"its ECS task has stopped{exited}: {message}"
    return JobState(ended=True, note=note, began=began, exit_code=code, exhausted=exhausted)
