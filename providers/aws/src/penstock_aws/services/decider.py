"""The service that decides about workflows of Amazon SWF."""

from typing import Any

from penstock.errors import ErrorKind, ProviderError
from penstock.spec.service import ServiceContext
from penstock_aws.hooks.swf import SwfHook, decisions, read_steps, type_of
from penstock_aws.services.activity_worker import worker_identity
from penstock_aws.services.long_poll import polled_tasks


class SwfDeciderService:
    """Decides about the workflows of one type of Amazon SWF, by a table of steps; see `penstock_aws.hooks.swf.decisions`.

    It keeps nothing: the history of a workflow is its state, so that it may be killed, and run several times.

    Args:
        domain: The domain.
        task_list: The list of decision tasks.
        workflow: The workflow type, as ``name:version``; tasks of another type are not answered.
        steps: Tables, each with the fields of `penstock_aws.hooks.swf.Step`.
        aws_conn_id: The connection.

    Raises:
        ValueError: An option cannot be right.
        penstock.errors.ProviderError: The workflow is not ``name:version``.
    """

    def __init__(
        self,
        *,
        domain: str,
        task_list: str,
        workflow: str,
        steps: list[dict[str, Any]],
        aws_conn_id: str = "aws_default",
    ) -> None:
        if not domain or not task_list:
            raise ValueError("give domain and task_list")
        self.domain, self.task_list, self.type = domain, task_list, type_of(workflow)
        self.steps, self.aws_conn_id = read_steps(steps), aws_conn_id

    def run(self, context: ServiceContext) -> None:
        """Decide until told to stop; what is refused is reported, and the service asks again after its timeout."""
        hook = SwfHook(self.aws_conn_id)
        _ = hook.fields  # connections are asked for in this thread alone, and polls have their own

        def poll() -> dict[str, Any] | None:
            return hook.poll_decision(self.domain, self.task_list, worker_identity())

        for polled in polled_tasks(context, poll, f"waits for decisions of {self.task_list}"):
            self._decide(context, hook, polled)

    def _decide(self, context: ServiceContext, hook: SwfHook, polled: dict[str, Any]) -> None:
        workflow_id = polled["workflowExecution"]["workflowId"]
        if polled["workflowType"] != self.type:
            message = f"{workflow_id} is a workflow of type {polled['workflowType']}; give those another task list"
            context.report(message, healthy=False)
            return
        try:
            hook.complete_decision(polled["taskToken"], decisions(polled["events"], self.steps))
        except ProviderError as error:
            # Unknown is a task whose time is over, or that an attempt has answered whose receipt was lost.
            context.report(str(error), healthy=error.kind is ErrorKind.NOT_FOUND)
        else:
            context.report(f"decided about {workflow_id}")
