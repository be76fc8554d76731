"""The hook of AWS Lambda: functions that are invoked once."""

import base64
import json
from dataclasses import replace
from typing import Any, ClassVar, NamedTuple

from penstock.errors import ErrorKind, ProviderError
from penstock_aws.hooks.clients import client
from penstock_aws.hooks.service import AwsHook


class Invocation(NamedTuple):
    """What a function has answered.

    Attributes:
        value: Its answer from JSON; None of one that was only asked for.
        log: The last 4 KiB of its log, if they were asked for.
    """

    value: Any
    log: str = ""


class LambdaHook(AwsHook):
    """A client of AWS Lambda.

    Args:
        aws_conn_id: The connection, of type ``aws``.
        connection: The connection itself, in place of its name.
    """

    service: ClassVar[str] = "lambda"

    def invoke(self, name: str, payload: Any = None, *, timeout_s: float = 910.0, **options: Any) -> Invocation:  # noqa: ANN401
        """Invoke a function; the request is made once and waits as long as the function may run.

        Args:
            name: Name or ARN of the function.
            payload: Any JSON value; at most 6 MB, 1 MB if it is only asked for (``InvocationType="Event"``).
            timeout_s: Seconds to wait for its answer; a function has at most 900.
            **options: Further arguments of Invoke.

        Raises:
            penstock.errors.ProviderError: It was refused, its answer was lost, or the function itself failed (kind
                ``job_failed``, with the name of its error as code).
        """
        once = replace(self.fields, max_attempts=1, read_timeout_s=timeout_s, deadline_s=timeout_s)
        body = json.dumps(payload).encode()
        with self.errors("Invoke", name):
            answer = client(self.service, once).invoke(FunctionName=name, Payload=body, **options)
            text = answer["Payload"].read().decode()
        log = base64.b64decode(answer.get("LogResult", "")).decode(errors="replace")
        if answer.get("FunctionError"):
            raise _function_error(name, text, str(answer["FunctionError"]))
        return Invocation(_value(text), log)


def _value(text: str) -> Any:  # noqa: ANN401 - any JSON value
    try:
        return json.loads(text) if text else None
    except ValueError:
        return text


def _function_error(name: str, text: str, kind: str) -> ProviderError:
    """The function's own error; its stack trace is in its log."""
    found = _value(text)
    detail: dict[str, Any] = found if isinstance(found, dict) else {"errorMessage": text}
    return ProviderError(
        f"{name}: the function failed ({kind.lower()}): {str(detail.get('errorMessage', ''))[:2000]}",
        service="lambda", operation="Invoke", kind=ErrorKind.JOB_FAILED, code=str(detail.get("errorType", "")),
    )  # fmt: skip
