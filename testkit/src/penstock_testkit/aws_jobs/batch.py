"""The fake of AWS Batch.

Shapes: SubmitJob, DescribeJobs, ListJobs and TerminateJob in the AWS Batch API Reference, by way of the model in botocore
1.44. As the service, it submits a job as often as it is asked to, whatever its name. A job runs for as many looks as its end
says. Not covered: queues, definitions, arrays, dependencies.
"""

from typing import Any

from penstock_testkit.saas import HttpAnswer, HttpRequest, NotFakedError, RouteTable

routes = RouteTable()

_SUBMITTED = (
    "jobName",
    "jobQueue",
    "jobDefinition",
    "containerOverrides",
    "parameters",
    "retryStrategy",
    "arrayProperties",
)


@routes.route("POST /v1/submitjob", fields=_SUBMITTED)
def submit(fake: Any, request: HttpRequest) -> HttpAnswer:  # noqa: ANN401 - the fake, whose module imports this one
    """Another job."""
    job_id = f"job-{next(fake.numbers)}"
    asked = request.fields
    fake.jobs[job_id] = {
        "jobId": job_id, "jobName": asked["jobName"], "jobQueue": asked["jobQueue"], "status": "SUBMITTED",
        "jobDefinition": asked["jobDefinition"], "startedAt": 1, "asked": asked, "end": {"after": 1, **fake.ends},
    }  # fmt: skip
    return HttpAnswer.json({"jobId": job_id, "jobName": asked["jobName"], "jobArn": f"arn:aws:batch:::job/{job_id}"})


@routes.route("POST /v1/describejobs", fields=("jobs",))
def describe(fake: Any, request: HttpRequest) -> HttpAnswer:  # noqa: ANN401
    """A job, some looks older."""
    (job_id,) = request.fields["jobs"]
    fake.looks[job_id] = fake.looks.get(job_id, 0) + 1
    job = fake.jobs.get(job_id)
    if job is None:
        return HttpAnswer.json({"jobs": []})
    if job["status"] not in ("SUCCEEDED", "FAILED"):
        job.update({"status": "RUNNING", "container": {"logStreamName": f"stream/{job_id}"}})
        if fake.looks[job_id] > job["end"]["after"]:
            end = {"status": "SUCCEEDED", "container": {"exitCode": 0}} | job["end"].get("job", {})
            job.update(end, container={**job["container"], **end["container"]})
    return HttpAnswer.json({"jobs": [{name: value for name, value in job.items() if name not in ("end", "asked")}]})


@routes.route("POST /v1/listjobs", fields=("jobQueue", "filters"))
def listed(fake: Any, request: HttpRequest) -> HttpAnswer:  # noqa: ANN401
    """The jobs of a queue whose names begin so, in any status; raises NotFakedError for another filter."""
    ((kind, values),) = ((each["name"], each["values"]) for each in request.fields["filters"])
    if kind != "JOB_NAME" or len(values) != 1 or not values[0].endswith("*"):
        raise NotFakedError(f"a filter {kind} of {values}")
    found = [
        {"jobId": job_id, "jobName": job["jobName"]}
        for job_id, job in fake.jobs.items()
        if job["jobQueue"] == request.fields["jobQueue"] and job["jobName"].lower().startswith(values[0][:-1].lower())
    ]
    return HttpAnswer.json({"jobSummaryList": found})


@routes.route("POST /v1/terminatejob", fields=("jobId", "reason"))
def terminate(fake: Any, request: HttpRequest) -> HttpAnswer:  # noqa: ANN401
    """End a job that has not."""
    job = fake.jobs.get(request.fields["jobId"])
    if job is not None and job["status"] not in ("SUCCEEDED", "FAILED"):
        job.update(status="FAILED", statusReason=request.fields["reason"])
    return HttpAnswer.json({})
