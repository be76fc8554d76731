"""The fake of Amazon ECS, and of the one operation of CloudWatch Logs that its readers need.

Shapes and errors: RunTask, DescribeTasks, ListTasks and StopTask in the Amazon ECS API Reference, "Ensuring idempotency" in
the same, and GetLogEvents in the Amazon CloudWatch Logs API Reference, by way of the models in botocore 1.44. A task runs for
as many looks as its end says, so that a test needs no clock. Not covered: several tasks a request, services, clusters.
"""

import json
from typing import Any

from penstock_testkit.aws_jobs.json_errors import error
from penstock_testkit.saas import HttpAnswer, HttpRequest, NotFakedError, RouteTable

routes = RouteTable()
_MOST_DESCRIBED = 100

_ECS, _LOGS = "AmazonEC2ContainerServiceV20141113", "Logs_20140328"
_KNOWN = {
    f"{_ECS}.RunTask": {
        "clientToken", "startedBy", "count", "cluster", "taskDefinition", "launchType", "overrides",
        "networkConfiguration", "capacityProviderStrategy", "enableExecuteCommand", "tags",
    },
    f"{_ECS}.DescribeTasks": {"cluster", "tasks"},
    f"{_ECS}.ListTasks": {"cluster", "startedBy", "desiredStatus"},
    f"{_ECS}.StopTask": {"cluster", "task", "reason"},
    f"{_LOGS}.GetLogEvents": {"logGroupName", "logStreamName", "startFromHead", "nextToken"},
}  # fmt: skip


@routes.route("POST /", fields=None)
def answer(fake: Any, request: HttpRequest) -> HttpAnswer:  # noqa: ANN401 - the fake, whose module imports this one
    """Answer by the header that names the operation; raises NotFakedError for what the fake lacks."""
    target, asked = request.header("X-Amz-Target"), json.loads(request.body)
    if unknown := asked.keys() - _KNOWN.get(target, set()):
        raise NotFakedError(f"{target or 'an operation without a name'} with {', '.join(sorted(unknown))}")
    if target not in _KNOWN:
        raise NotFakedError(target)
    return _OPERATIONS[target.partition(".")[2]](fake, asked)


def _run(fake: Any, asked: dict[str, Any]) -> HttpAnswer:  # noqa: ANN401
    name = (asked["cluster"], asked["clientToken"])
    if name in fake.tokens:
        first, given = fake.tokens[name]
        if first != asked:
            return error("ConflictException", "the clientToken was used with other parameters")
        return HttpAnswer.json(given)
    if fake.refuses:
        return HttpAnswer.json({"tasks": [], "failures": fake.refuses.pop(0)})
    arn = f"arn:aws:ecs:us-east-1:123456789012:task/{asked['cluster']}/{next(fake.numbers):032x}"
    task = {"taskArn": arn, "lastStatus": "PROVISIONING", "desiredStatus": "RUNNING", "startedBy": asked["startedBy"]}
    fake.tasks[arn] = {**task, "containers": [{"name": "main", "lastStatus": "PENDING"}], "asked": asked}
    fake.tasks[arn]["end"] = {"after": 1, **fake.ends}
    for each in asked.get("overrides", {}).get("containerOverrides", []):
        fake.containers.start(arn, each.get("environment", []))
    given = {"tasks": [task], "failures": []}
    fake.tokens[name] = (asked, given)
    return HttpAnswer.json(given)


def _describe(fake: Any, asked: dict[str, Any]) -> HttpAnswer:  # noqa: ANN401
    if len(asked["tasks"]) > _MOST_DESCRIBED:
        return error("InvalidParameterException", "tasks: at most 100")
    known = [_looked(fake, arn) for arn in asked["tasks"] if arn in fake.tasks]
    missing = [{"arn": arn, "reason": "MISSING"} for arn in asked["tasks"] if arn not in fake.tasks]
    return HttpAnswer.json({"tasks": known, "failures": missing})


def _looked(fake: Any, arn: str) -> dict[str, Any]:  # noqa: ANN401
    fake.looks[arn] = fake.looks.get(arn, 0) + 1
    task = fake.tasks[arn]
    if fake.containers.runs(arn):
        code = fake.containers.exit_code(arn)
        task["lastStatus"] = "RUNNING" if code is None else "STOPPED"
        if code is not None:
            task["containers"] = [{"name": "main", "exitCode": code}]
            task |= {
                "stopCode": "EssentialContainerExited",
                "stoppedReason": "Essential container in task exited",
            } | task
    elif task["lastStatus"] != "STOPPED":
        task["lastStatus"] = "RUNNING"
        if fake.looks[arn] > task["end"]["after"]:
            containers = task["end"].get("containers", [{"name": "main", "exitCode": 0}])
            stop = {"stopCode": "EssentialContainerExited", "stoppedReason": "Essential container in task exited"}
            task.update(stop | task["end"].get("task", {}), lastStatus="STOPPED", containers=containers)
    return {name: value for name, value in task.items() if name not in ("end", "asked")}


def _list(fake: Any, asked: dict[str, Any]) -> HttpAnswer:  # noqa: ANN401
    stopped = asked.get("desiredStatus", "RUNNING") == "STOPPED"
    found = [
        arn
        for arn, task in fake.tasks.items()
        if task["startedBy"] == asked["startedBy"] and (_status(fake, arn) == "STOPPED") is stopped
    ]
    return HttpAnswer.json({"taskArns": found})


def _status(fake: Any, arn: str) -> str:  # noqa: ANN401
    """Its status without a look at one that ends by looks."""
    task = _looked(fake, arn) if fake.containers.runs(arn) else fake.tasks[arn]
    return str(task["lastStatus"])


def _stop(fake: Any, asked: dict[str, Any]) -> HttpAnswer:  # noqa: ANN401
    task = fake.tasks.get(asked["task"])
    if task is None:
        return error("InvalidParameterException", "The referenced task was not found.")
    fake.containers.stop(asked["task"])
    if task["lastStatus"] != "STOPPED":
        ended = [{"name": "main", "exitCode": 143}]
        task.update(lastStatus="STOPPED", stopCode="UserInitiated", stoppedReason=asked["reason"], containers=ended)
    return HttpAnswer.json({"task": {"taskArn": asked["task"], "lastStatus": "STOPPED"}})


def _events(fake: Any, asked: dict[str, Any]) -> HttpAnswer:  # noqa: ANN401
    lines = fake.streams.get((asked["logGroupName"], asked["logStreamName"]))
    if lines is None:
        return error("ResourceNotFoundException", "The specified log stream does not exist.")
    at = int(asked.get("nextToken", "f/0").partition("/")[2])
    page = lines[at : at + 2]  # pages are short, and the end is the token that was sent
    events = [{"timestamp": 1767225600000 + number, "message": text} for number, text in enumerate(page)]
    return HttpAnswer.json(
        {"events": events, "nextForwardToken": f"f/{at + len(page)}", "nextBackwardToken": f"b/{at}"}
    )


_OPERATIONS = {
    "RunTask": _run,
    "DescribeTasks": _describe,
    "ListTasks": _list,
    "StopTask": _stop,
    "GetLogEvents": _events,
}
