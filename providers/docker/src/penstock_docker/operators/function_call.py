"""The operator that calls a function of Python in a container: text and JSON go in, JSON comes out, and nothing is pickled."""

import inspect
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from penstock import get_current_context
from penstock.errors import AuthoringError, ErrorKind, FailTask, ProviderError, as_sentence
from penstock_docker.hooks import DockerHook
from penstock_docker.operators.container_end import ContainerEnd
from penstock_docker.operators.container_run import DockerOperator
from penstock_docker.operators.function_text import function_text, text_problems

_PROGRAM = Path(__file__).with_name("in_container.py")
_FOLDER = "penstock"
_LARGEST_ANSWER = 1024 * 1024
_DATED = ("ds", "ds_nodash", "ts", "ts_nodash")
_NAMES = (*_DATED, "run_id", "params", "map_index", "try_number")
"""Names of the context whose values are JSON: what a function in a container can be given."""
_SKIPS, _FAILS = frozenset({"SkipTask", "AirflowSkipException"}), frozenset({"FailTask", "AirflowFailException"})


class DockerFunctionOperator(DockerOperator):
    """Calls a function in a container; `docker_task` makes one of a function.

    The function is taken there as source: it must be a ``def``, and import what it uses. Its arguments and what it returns are
    values of JSON. Names of the context that are such (``ds``, ``params``, ``run_id``, ...) are passed to it. The image needs a
    Python of 3.8 or newer, and nothing else.

    Args:
        python_callable: The function.
        op_args: Its positional arguments; templates.
        op_kwargs: Its named arguments; templates.
        python: The image's Python.
        **kwargs: What `DockerOperator` takes, but ``command``, ``entrypoint`` and ``result_file``.
    """

    template_fields: ClassVar[Sequence[str]] = ("op_args", "op_kwargs", *DockerOperator.template_fields)

    def __init__(
        self,
        *,
        python_callable: Callable[..., Any],
        op_args: Sequence[Any] | None = None,
        op_kwargs: Mapping[str, Any] | None = None,
        python: str = "python3",
        **kwargs: Any,  # noqa: ANN401 - passed on
    ) -> None:
        super().__init__(**kwargs)
        self.python_callable, self.op_args, self.op_kwargs, self.python = python_callable, op_args, op_kwargs, python
        given = [name for name in ("command", "entrypoint", "result_file") if getattr(self, name)]
        problems = [f"{name} is the function's own here; leave it out." for name in given]
        if problems := [*problems, *text_problems(python_callable), *_context_problems(python_callable)]:
            raise AuthoringError(problems)
        self.entrypoint = [python, "-u"]
        self.command = [f"/{_FOLDER}/{name}" for name in ("call.py", "request.json", "answer.json")]

    def _prepare(self, hook: DockerHook, container_id: str) -> None:
        request = {
            "name": inspect.unwrap(self.python_callable).__name__,
            "text": function_text(self.python_callable),
            "file": inspect.unwrap(self.python_callable).__code__.co_filename,
            "args": list(self.op_args or ()),
            "kwargs": self._named_arguments(),
        }
        try:
            content = json.dumps(request, allow_nan=False).encode()
        except (TypeError, ValueError, RecursionError) as error:
            raise FailTask(
                f"{self}: an argument cannot be passed to a container: {as_sentence(error)} Pass values of JSON."
            ) from None
        hook.put_files(container_id, _FOLDER, {"call.py": _PROGRAM.read_bytes(), "request.json": content})

    def _result(self, hook: DockerHook, found: dict[str, Any]) -> Any:  # noqa: ANN401 - any JSON value
        answer = self._answer(hook, found)
        if "value" not in answer:
            raise ProviderError(
                "the function's container ended well and left no answer", service="docker", operation="result",
                kind=ErrorKind.INVALID,
            )  # fmt: skip
        return answer["value"]

    def _failure(self, hook: DockerHook, found: dict[str, Any], cause: str) -> ContainerEnd:
        answer, container_id = self._answer(hook, found), str(found["Id"])
        if "unfit" in answer:
            reason = f"what the function returned cannot be taken back: {answer['unfit'].rstrip('.')}"
            return ContainerEnd(container_id, "failed", reason, kind=ErrorKind.INVALID)
        if "error" not in answer:
            return ContainerEnd(container_id, "failed", cause)
        kinds = {*answer["kinds"]}
        if kinds & _SKIPS:
            return ContainerEnd(container_id, "skipped", answer["error"])
        kind = ErrorKind.INVALID if kinds & _FAILS else ErrorKind.JOB_FAILED
        return ContainerEnd(container_id, "failed", f"{answer['kinds'][0]}: {answer['error']}", kind=kind)

    def _answer(self, hook: DockerHook, found: dict[str, Any]) -> dict[str, Any]:
        content = hook.file(found["Id"], self.command[-1], _LARGEST_ANSWER) if self.command else None
        try:
            answer = json.loads(content or b"{}")
        except ValueError:
            return {}
        return answer if isinstance(answer, dict) else {}

    def _named_arguments(self) -> dict[str, Any]:
        """The named arguments: those given, and what the function wants of the context."""
        context, given = get_current_context(), dict(self.op_kwargs or {})
        parameters = inspect.signature(self.python_callable).parameters
        taken = {*list(parameters)[: len(self.op_args or ())], *given}
        wanted = [
            name
            for name, each in parameters.items()
            if name in _NAMES and name not in taken and (name in context.available() or each.default is each.empty)
        ]
        return {name: context[name] for name in wanted} | given


def _context_problems(function: Callable[..., Any]) -> Iterator[str]:
    for name, parameter in inspect.signature(function).parameters.items():
        if name in ("ti", "task_instance", "dag_run", "checkpoints") and parameter.default is parameter.empty:
            yield f"the function takes {name!r} of the context, which no container can be given. It may have: {', '.join(_NAMES)}."
