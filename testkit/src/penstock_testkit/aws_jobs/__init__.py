"""Jobs of AWS that tests end as they like: Amazon ECS, AWS Batch, AWS Lambda and the logs of all three.

Served by `penstock_testkit.saas.plain_http` to boto3, which takes an endpoint's URL. Its clients check what they send by the
service's own model, so that here only what the fake does not know is refused. Not covered: signatures and permissions.
"""

import itertools
from typing import Any

from penstock_testkit.aws_jobs import batch, ecs, functions
from penstock_testkit.aws_jobs.job_processes import JobProcesses
from penstock_testkit.aws_jobs.json_errors import error
from penstock_testkit.saas import App, HttpAnswer, HttpRequest


class AwsJobs(App):
    """The services, empty.

    Attributes:
        ends: How each job that is started next ends; see `ecs` and `batch`.
        refuses: Answers to the next requests for a task of ECS in place of one: lists of ``failures``.
        tasks: Tasks of ECS by ARN, as DescribeTasks tells them.
        jobs: Jobs of Batch by id, as DescribeJobs tells them.
        functions: Functions of Lambda by name: from a payload, what is answered and the name of its error.
        invoked: The payloads with which functions were called, by their names, in order.
        streams: Log streams by group and name: the messages.
        looks: How often each job was asked for, by its id.
        containers: Processes of this machine that jobs are, if they are to be some.
    """

    name = "aws-jobs"
    tables = (ecs.routes, batch.routes, functions.routes)

    def __init__(self) -> None:
        super().__init__()
        self.ends: dict[str, Any] = {}
        self.refuses: list[list[dict[str, str]]] = []
        self.tasks: dict[str, dict[str, Any]] = {}
        self.tokens: dict[tuple[str, str], tuple[dict[str, Any], dict[str, Any]]] = {}
        self.jobs: dict[str, dict[str, Any]] = {}
        self.functions: dict[str, functions.Function] = {}
        self.invoked: list[tuple[str, Any]] = []
        self.streams: dict[tuple[str, str], list[str]] = {}
        self.looks: dict[str, int] = {}
        self.containers = JobProcesses()
        self.numbers = itertools.count(1)

    def refusal(self, request: HttpRequest, status: int) -> HttpAnswer:  # noqa: ARG002 - the method of all fakes
        """An answer as the services give it to a request that is throttled or fails."""
        code = {401: "ExpiredTokenException", 429: "ThrottlingException"}.get(status, "ServerException")
        return error(code, "the fake was told to", status)
