"""The fake of AWS Batch.

Shapes: SubmitJob, DescribeJobs, ListJobs and TerminateJob in the AWS Batch API Reference, by way of the model in botocore
1.44. As the service, it submits a job as often as it is asked to, whatever its name. A job runs for as many looks as its end
says. Not covered: queues, definitions, arrays, dependencies.
"""

from typing import Any

from penstock_testkit.aws_jobs.json_errors import error
from penstock_testkit.saas import HttpAnswer, HttpRequest, NotFakedError, RouteTable

routes = RouteTable()
_MOST_DESCRIBED = 100

_SUBMITTED = (
    "jobName",
    "jobQueue",
    "jobDefinition",
    "containerOverrides",
    "parameters",
    "retryStrategy",
    "arrayProperties",
    "tags",
)


@routes.route("POST /v1/submitjob", fields=_SUBMITTED)
def submit(fake: Any, request: HttpRequest) -> HttpAnswer:  # noqa: ANN401 - the fake, whose module imports this one
    """Another job."""
    job_id = f"job-{next(fake.numbers)}"
    asked = request.fields
    fake.jobs[job_id] = {
        "jobId": job_id, "jobName": asked["jobName"], "jobQueue": asked["jobQueue"], "status": "SUBMITTED",
        "jobDefinition": asked["jobDefinition"], "startedAt": 1, "asked": asked, "end": {"after": 1, **fake.ends},
        "createdAt": len(fake.jobs) + 1,
    }  # fmt: skip
    fake.containers.start(job_id, asked.get("containerOverrides", {}).get("environment", []))
    return HttpAnswer.json({"jobId": job_id, "jobName": asked["jobName"], "jobArn": f"arn:aws:batch:::job/{job_id}"})


@routes.route("POST /v1/describejobs", fields=("jobs",))
def describe(fake: Any, request: HttpRequest) -> HttpAnswer:  # noqa: ANN401
    """Jobs, some looks older; at most a hundred."""
    if len(request.fields["jobs"]) > _MOST_DESCRIBED:
        return error("ClientException", "jobs: at most 100")
    return HttpAnswer.json({"jobs": [_looked(fake, each) for each in request.fields["jobs"] if each in fake.jobs]})


def _looked(fake: Any, job_id: str) -> dict[str, Any]:  # noqa: ANN401
    fake.looks[job_id] = fake.looks.get(job_id, 0) + 1
    job = fake.jobs[job_id]
    if fake.containers.runs(job_id):
        code = fake.containers.exit_code(job_id)
        job["status"] = "RUNNING" if code is None else "FAILED" if code else "SUCCEEDED"
        job["container"] = {"logStreamName": f"stream/{job_id}"} | ({} if code is None else {"exitCode": code})
        if code:
            job.setdefault("statusReason", "Essential container in task exited")
    elif job["status"] not in ("SUCCEEDED", "FAILED"):
        job.update({"status": "RUNNING", "container": {"logStreamName": f"stream/{job_id}"}})
        if fake.looks[job_id] > job["end"]["after"]:
            end = {"status": "SUCCEEDED", "container": {"exitCode": 0}} | job["end"].get("job", {})
            job.update(end, container={**job["container"], **end["container"]})
    return {name: value for name, value in job.items() if name not in ("end", "asked")}


@routes.route("POST /v1/listjobs", fields=("jobQueue", "filters"))
def listed(fake: Any, request: HttpRequest) -> HttpAnswer:  # noqa: ANN401
    """The jobs of a queue whose names begin so, in any status; raises NotFakedError for another filter."""
    ((kind, values),) = ((each["name"], each["values"]) for each in request.fields["filters"])
    if kind != "JOB_NAME" or len(values) != 1 or not values[0].endswith("*"):
        raise NotFakedError(f"a filter {kind} of {values}")
    found = [
        {"jobId": job_id, "jobName": job["jobName"], "status": _status(fake, job_id), "createdAt": job["createdAt"]}
        for job_id, job in fake.jobs.items()
        if job["jobQueue"] == request.fields["jobQueue"] and job["jobName"].lower().startswith(values[0][:-1].lower())
    ]
    return HttpAnswer.json({"jobSummaryList": found})


def _status(fake: Any, job_id: str) -> str:  # noqa: ANN401
    """Its status without a look at one that ends by looks."""
    job = _looked(fake, job_id) if fake.containers.runs(job_id) else fake.jobs[job_id]
    return str(job["status"])


@routes.route("POST /v1/terminatejob", fields=("jobId", "reason"))
def terminate(fake: Any, request: HttpRequest) -> HttpAnswer:  # noqa: ANN401
    """End a job that has not."""
    job = fake.jobs.get(request.fields["jobId"])
    fake.containers.stop(request.fields["jobId"])
    if job is not None and job["status"] not in ("SUCCEEDED", "FAILED"):
        job.update(status="FAILED", statusReason=request.fields["reason"])
    return HttpAnswer.json({})
