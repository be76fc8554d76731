"""The operator that invokes a function of AWS Lambda, and no second time without a word of its author's."""

import json
from collections.abc import Sequence
from typing import Any, ClassVar, Literal

from penstock import Operator
from penstock.errors import ErrorKind, FailTask, ProviderError
from penstock_aws.hooks import LambdaHook

_INVOKED = "invoked"
_MOST_KEPT = 60_000
_NEVER_SENT = ("EndpointConnectionError", "ConnectTimeoutError", "ProxyConnectionError")
"""Failures before the request was on its way, by the names of the SDK's exceptions."""
_IN_DOUBT = (ErrorKind.TIMEOUT, ErrorKind.TRANSIENT)


class LambdaInvokeFunctionOperator(Operator):
    """Invokes a function of AWS Lambda; its answer is what the task leaves for others.

    An invocation whose answer was lost (by a timeout, a cut connection, a killed process) may have done its work. The next
    try does not repeat it but fails and says so, unless ``repeatable``; an answer that did arrive is kept, and a later try
    takes it. After the function's own failure the next try invokes it anew. A function that runs cannot be cancelled.

    Args:
        function_name: Name or ARN of the function.
        payload: Any JSON value.
        qualifier: Version or alias.
        invocation_type: ``Event`` only asks for it, and the service may run it more than once; ``DryRun`` only checks.
        log_tail: Whether the end of the function's log is written into the task's.
        timeout_s: Seconds to wait for its answer; a function has at most 900.
        repeatable: Whether it may be invoked again where nobody knows what became of it.
        aws_conn_id: The connection.
        **kwargs: What every task takes.
    """

    template_fields: ClassVar[Sequence[str]] = ("function_name", "payload", "qualifier")

    def __init__(  # noqa: PLR0913 - the arguments of a task, each by name
        self,
        *,
        function_name: str,
        payload: Any = None,  # noqa: ANN401 - any JSON value
        qualifier: str = "",
        invocation_type: Literal["RequestResponse", "Event", "DryRun"] = "RequestResponse",
        log_tail: bool = True,
        timeout_s: float = 910.0,
        repeatable: bool = False,
        aws_conn_id: str = "aws_default",
        **kwargs: Any,  # noqa: ANN401 - an operator's own
    ) -> None:
        super().__init__(**kwargs)
        self.function_name, self.payload, self.qualifier = function_name, payload, qualifier
        self.invocation_type, self.log_tail, self.timeout_s = invocation_type, log_tail, timeout_s
        self.repeatable, self.aws_conn_id = repeatable, aws_conn_id

    def execute(self, context: Any) -> Any:  # noqa: ANN401 - the spec's signature, and any JSON value
        """Invoke it; returns its answer.

        Raises:
            FailTask: An earlier try has invoked it, and nobody knows what became of that.
            ProviderError: It was refused, its answer was lost, or it failed.
        """
        checkpoints = context["checkpoints"]
        kept = checkpoints.get(_INVOKED)
        if kept and "answer" in kept:
            self.log.info("%s: an earlier try has its answer", self.function_name)
            return kept["answer"]
        if kept and not self.repeatable:
            raise FailTask(
                f"{self.function_name} was invoked by an earlier try, and its answer was lost: it may have done its work. "
                "See its log; clear the task to invoke it again, or set repeatable=True if that does no harm"
            )
        checkpoints.set(_INVOKED, {"try": True})
        try:
            answer = self._invoked()
        except ProviderError as error:
            if error.kind not in _IN_DOUBT or error.code in _NEVER_SENT:
                checkpoints.delete(_INVOKED)
            raise
        if len(json.dumps(answer)) <= _MOST_KEPT:
            checkpoints.set(_INVOKED, {"answer": answer})
        return answer

    def _invoked(self) -> Any:  # noqa: ANN401 - any JSON value
        options: dict[str, str] = {"InvocationType": self.invocation_type}
        if self.qualifier:
            options["Qualifier"] = self.qualifier
        if self.log_tail and self.invocation_type == "RequestResponse":
            options["LogType"] = "Tail"
        found = LambdaHook(self.aws_conn_id).invoke(
            self.function_name, self.payload, timeout_s=self.timeout_s, **options
        )
        for line in found.log.splitlines():
            self.log.info("%s", line)
        self.log.info("%s: %s", self.function_name, "asked for" if self.invocation_type == "Event" else "has answered")
        return found.value
