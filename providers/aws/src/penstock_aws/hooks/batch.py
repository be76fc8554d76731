"""The hook of AWS Batch: jobs that are submitted, found by their names, looked at and terminated."""

from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

from penstock_aws.hooks.service import AwsHook

_MOST_DESCRIBED = 100


class BatchHook(AwsHook):
    """A client of AWS Batch.

    Args:
        aws_conn_id: The connection, of type ``aws``.
        connection: The connection itself, in place of its name.
    """

    service: ClassVar[str] = "batch"

    def submit_job(self, name: str, queue: str, definition: str, **options: Any) -> str:  # noqa: ANN401 - the API's own
        """Submit a job; the request is made once, as the service cannot tell a repeated one.

        Args:
            name: The job's name, at most 128 letters, digits, hyphens and underscores.
            queue: The job queue.
            definition: The job definition.
            **options: Further arguments of SubmitJob.

        Returns:
            The job's id.
        """
        with self.errors("SubmitJob", name):
            answer = self.single_attempt_client.submit_job(
                jobName=name, jobQueue=queue, jobDefinition=definition, **options
            )
        return str(answer["jobId"])

    def find_job(self, queue: str, beginning: str) -> str | None:
        """The id of the job whose name begins so, in any status; None if the queue has none."""
        return next((str(each["jobId"]) for each in self.find_jobs(queue, beginning)), None)

    def find_jobs(self, queue: str, beginning: str) -> Iterator[dict[str, Any]]:
        """The jobs whose names begin so, in any status, as ListJobs tells them."""
        filters = [{"name": "JOB_NAME", "values": [f"{beginning}*"]}]
        with self.errors("ListJobs", queue):
            for page in self.client.get_paginator("list_jobs").paginate(jobQueue=queue, filters=filters):
                yield from page["jobSummaryList"]

    def describe_job(self, job_id: str) -> dict[str, Any] | None:
        """A job as DescribeJobs tells it; None of one that is not known yet, or has ended more than a week ago."""
        with self.errors("DescribeJobs", job_id):
            answer = self.client.describe_jobs(jobs=[job_id])
        return dict(answer["jobs"][0]) if answer["jobs"] else None

    def describe_jobs(self, job_ids: Sequence[str]) -> list[dict[str, Any]]:
        """Jobs as DescribeJobs tells them, those that it knows."""
        found: list[dict[str, Any]] = []
        for at in range(0, len(job_ids), _MOST_DESCRIBED):
            part = list(job_ids[at : at + _MOST_DESCRIBED])
            with self.errors("DescribeJobs"):
                found += self.client.describe_jobs(jobs=part)["jobs"]
        return found

    def terminate_job(self, job_id: str, reason: str) -> None:
        """Have a job end, whether it waits or runs; nothing happens to one that has ended."""
        with self.errors("TerminateJob", job_id):
            self.client.terminate_job(jobId=job_id, reason=reason)
