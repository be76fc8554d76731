"""The fake of AWS Lambda's Invoke.

Shapes: Invoke in the AWS Lambda API Reference, by way of the model in botocore 1.44: a function's own error is an answer of
200 with the header X-Amz-Function-Error. Not covered: versions, streams, the function's context.
"""

import base64
import json
from collections.abc import Callable
from typing import Any

from penstock_testkit.aws_jobs.json_errors import error
from penstock_testkit.saas import HttpAnswer, HttpRequest, RouteTable

Function = Callable[[Any], tuple[Any, str]]
"""From a payload, what is answered, and the kind of its error: ``Handled``, ``Unhandled`` or "" for none."""

routes = RouteTable()


@routes.route("POST /2015-03-31/functions/{name}/invocations", query=("Qualifier",), fields=None)
def invoke(fake: Any, request: HttpRequest, name: str) -> HttpAnswer:  # noqa: ANN401 - the fake, whose module imports this one
    """Call it."""
    function = fake.functions.get(name)
    if function is None:
        return error("ResourceNotFoundException", f"Function not found: {name}", 404)
    payload = json.loads(request.body or b"null")
    kind = request.header("X-Amz-Invocation-Type")
    if kind == "DryRun":
        return HttpAnswer(204)
    fake.invoked.append((name, payload))
    if kind == "Event":
        return HttpAnswer(202)
    answered, failed = function(payload)
    answer = HttpAnswer.json(answered)
    answer.headers["X-Amz-Executed-Version"] = request.query.get("Qualifier", "$LATEST")
    if failed:
        answer.headers["X-Amz-Function-Error"] = failed
    if request.header("X-Amz-Log-Type") == "Tail":
        answer.headers["X-Amz-Log-Result"] = base64.b64encode(b"START\nthe function's own line\nEND\n").decode()
    return answer
