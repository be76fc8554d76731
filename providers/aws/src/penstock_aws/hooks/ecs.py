"""The hook of Amazon ECS: tasks that are run once, looked at and stopped."""

from collections.abc import Sequence
from typing import Any, ClassVar

from penstock.errors import ErrorKind, ProviderError
from penstock_aws.hooks.service import AwsHook

# Reasons of RunTask's failures that may pass; see "API failure reasons" of the Amazon ECS developer guide. A service
# without room answers with 200.
_PASSING = ("RESOURCE:", "AGENT", "CAPACITY")
_MOST_DESCRIBED = 100


class EcsHook(AwsHook):
    """A client of Amazon ECS.

    Args:
        aws_conn_id: The connection, of type ``aws``.
        connection: The connection itself, in place of its name.
    """

    service: ClassVar[str] = "ecs"

    def run_task(self, token: str, *, started_by: str = "", **options: Any) -> str:  # noqa: ANN401 - the API's own
        """Run a task once, however often this is asked for with the same token within a day.

        Args:
            token: The request's ``clientToken``, and the task's ``startedBy`` (at most 64 and 128 characters).
            started_by: Another ``startedBy``, for tasks of several tokens that are found together.
            **options: Further arguments of RunTask.

        Returns:
            The task's ARN.

        Raises:
            penstock.errors.ProviderError: It was refused; ``throttled`` where there is no room for it now.
        """
        what = str(options.get("taskDefinition", ""))
        with self.errors("RunTask", what):
            answer = self.client.run_task(clientToken=token, startedBy=started_by or token, count=1, **options)
        if answer.get("tasks"):
            return str(answer["tasks"][0]["taskArn"])
        reasons = [f"{each.get('reason', '')} {each.get('detail', '')}".strip() for each in answer.get("failures", [])]
        passing = any(each.upper().startswith(_PASSING) for each in reasons)
        raise ProviderError(
            f"{what}: no task was started: {'; '.join(reasons) or 'no reason was given'}",
            service="ecs", operation="RunTask", kind=ErrorKind.THROTTLED if passing else ErrorKind.INVALID,
            code=reasons[0].split()[0] if reasons else "",
            hint="There is no room for it now" if passing else "Check the cluster, the task definition and its placement",
        )  # fmt: skip

    def find_task(self, cluster: str, token: str) -> str | None:
        """The ARN of the task that was started with a token; None if none is known, running or stopped in the last hour."""
        for status in ("RUNNING", "STOPPED"):
            with self.errors("ListTasks", cluster):
                answer = self.client.list_tasks(cluster=cluster, startedBy=token, desiredStatus=status)
            if answer["taskArns"]:
                return str(answer["taskArns"][0])
        return None

    def describe_task(self, cluster: str, arn: str) -> dict[str, Any] | None:
        """A task as DescribeTasks tells it; None of one that is not known yet, or has stopped more than an hour ago."""
        with self.errors("DescribeTasks", arn):
            answer = self.client.describe_tasks(cluster=cluster, tasks=[arn])
        return dict(answer["tasks"][0]) if answer["tasks"] else None

    def describe_tasks(self, cluster: str, arns: Sequence[str]) -> list[dict[str, Any]]:
        """Tasks as DescribeTasks tells them, those that it knows."""
        found: list[dict[str, Any]] = []
        for at in range(0, len(arns), _MOST_DESCRIBED):
            part = list(arns[at : at + _MOST_DESCRIBED])
            with self.errors("DescribeTasks", cluster):
                found += self.client.describe_tasks(cluster=cluster, tasks=part)["tasks"]
        return found

    def stop_task(self, cluster: str, arn: str, reason: str) -> None:
        """Have a task stop: SIGTERM, and SIGKILL half a minute later; nothing happens to one that has stopped."""
        try:
            with self.errors("StopTask", arn):
                self.client.stop_task(cluster=cluster, task=arn, reason=reason)
        except ProviderError as error:
            if "not found" not in str(error) or error.code != "InvalidParameterException":
                raise
