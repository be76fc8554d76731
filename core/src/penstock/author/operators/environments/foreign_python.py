"""Operators around a Python function that runs in another Python than the task's own."""

import json
import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from penstock.author.construct.signature import TAKES_KEYWORDS, parameters_of, unwrapped
from penstock.author.operators.child_process import ChildProcess
from penstock.author.operators.environments.function_source import function_problems, source_of
from penstock.author.operators.environments.kept_environment import (
    EnvironmentSpec,
    kept,
    requirements_text,
    usual_folder,
)
from penstock.author.operators.python import PythonOperator
from penstock.author.run.context import DATED, NAMES
from penstock.errors import AuthoringError, FailTask, PenstockError, SkipTask

if TYPE_CHECKING:
    from penstock.author.run.context import Context

_INSIDE = str(Path(__file__).with_name("inside.py"))
PLAIN_NAMES = frozenset({*DATED, "conf", "map_index", "params", "run_id", "task_instance_key_str", "try_number"})
"""Names of the context whose values are data: what a function in another Python can be given."""
_OURS = frozenset({"PYTHONHOME", "PYTHONPATH", "VIRTUAL_ENV"})
"""What tells Python and uv where our own packages are."""


class ForeignPythonError(PenstockError):
    """A function that ran in another Python raised; the log and this error hold what it was."""


class ForeignPythonOperator(PythonOperator):
    """Calls a function in another Python; `ExternalPythonOperator` and `PythonVirtualenvOperator` say in which.

    The function is taken there as source: it must be a ``def``, and import what it uses. Its arguments and what it returns are plain
    values (numbers, text, bytes, dates, lists, dicts, sets, Decimal, UUID), and nothing is pickled. Names of the context that are data
    (``ds``, ``params``, ``run_id``, ...) are passed to it. That Python needs no packages, and is 3.8 or newer.

    Args:
        skip_on_exit_code: Codes of ``sys.exit`` in the function that mark the task skipped; it may raise `SkipTask`, too.
        env_vars: Environment variables of that process; a template.
        inherit_env: Whether ``env_vars`` are added to this process's environment instead of replacing it.
        **kwargs: What `PythonOperator` takes.
    """

    template_fields: ClassVar[Sequence[str]] = (*PythonOperator.template_fields, "env_vars")
    lazy_fields: ClassVar[Sequence[str]] = ()

    def __init__(
        self,
        *,
        python_callable: Callable[..., Any],
        skip_on_exit_code: int | Sequence[int] | None = None,
        env_vars: Mapping[str, str] | None = None,
        inherit_env: bool = True,
        **kwargs: Any,  # noqa: ANN401 - passed on
    ) -> None:
        super().__init__(python_callable=python_callable, **kwargs)
        self.env_vars, self.inherit_env = env_vars, inherit_env
        self.skip_on_exit_code = skip_on_exit_code
        self._child = ChildProcess()
        if problems := [*function_problems(python_callable), *_context_problems(python_callable)]:
            raise AuthoringError(problems)

    def interpreter(self) -> AbstractContextManager[str]:
        """Hold the Python in which the function runs; its path."""
        raise NotImplementedError

    def execute(self, context: "Context") -> Any:  # noqa: ANN401 - any value
        """Call the function there and return its value.

        Raises:
            ForeignPythonError: It raised, or its process was killed.
            FailTask: It cannot be called, or its value cannot be taken back.
            SkipTask: It ended with an exit code that means: skip.
        """
        self._child = ChildProcess()
        request = self._request(context)
        with self.interpreter() as python, tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as left:
            given.write(request)
            given.seek(0)
            fds = given.fileno(), left.fileno()
            try:
                code, _ = self._child.run(
                    [python, "-u", _INSIDE, *map(str, fds)], env=self._environment(), pass_fds=fds
                )
            except OSError as error:
                raise FailTask(f"{self}: {python} cannot be started: {error}") from None
            left.seek(0)
            return self._value(code, left.read())

    def on_kill(self) -> None:
        """End the process of the function and everything that it started in its group."""
        self._child.kill()

    def _request(self, context: "Context") -> bytes:
        from penstock.model.values.not_serialisable import NotSerialisableError  # noqa: PLC0415 - as above
        from penstock.model.values.value import to_plain  # noqa: PLC0415 - only a try needs msgspec

        source = source_of(self.python_callable)
        try:
            args = to_plain(list(self.op_args or ()))
            kwargs = to_plain(self._arguments_of(context))
        except NotSerialisableError as error:
            raise FailTask(f"{self}: an argument cannot be passed to another Python: {error}") from None
        return json.dumps({**source._asdict(), "args": args, "kwargs": kwargs}).encode()

    def _arguments_of(self, context: "Context") -> dict[str, Any]:
        """List the named arguments: those given, and what the function wants of the context."""
        inner, given = unwrapped(self.python_callable), dict(self.op_kwargs or {})
        names = parameters_of(inner)
        taken = {*inner.__code__.co_varnames[: len(self.op_args or ())], *given}
        every = bool(inner.__code__.co_flags & TAKES_KEYWORDS)
        wanted = [
            name
            for name in (PLAIN_NAMES if every else names)
            if name in PLAIN_NAMES and name not in taken and (name in context.available() or names.get(name))
        ]
        found = {name: context[name] for name in wanted}
        if self.templates_dict is not None and (every or "templates_dict" in names):
            found["templates_dict"] = self.templates_dict
        return found | given

    def _environment(self) -> dict[str, str]:
        inherited = {name: value for name, value in os.environ.items() if name not in _OURS} if self.inherit_env else {}
        return {**inherited, **(self.env_vars or {})}

    def _value(self, code: int, data: bytes) -> Any:  # noqa: ANN401 - any value
        from penstock.model.values.value import from_plain  # noqa: PLC0415 - only a try needs msgspec

        skip = self.skip_on_exit_code
        if code and (code == skip if isinstance(skip, int) else code in (skip or ())):
            raise SkipTask(f"the function ended with exit code {code}, which means: skip")
        try:
            answer: dict[str, Any] = json.loads(data)
        except ValueError:
            raise ForeignPythonError(
                f"{self}: its Python ended with exit code {code} without an answer; its output is in the log."
            ) from None
        if "value" in answer:
            return from_plain(answer["value"])
        if "unfit" in answer:
            raise FailTask(f"{self}: what it returned cannot be kept for other tasks: {answer['unfit']}")
        if "exit" in answer:
            raise ForeignPythonError(
                f"{self}: the function called sys.exit({answer['exit']}); return, or raise an error."
            )
        raise _raised(answer)


def _raised(answer: dict[str, Any]) -> PenstockError:
    """Make the error of what the function raised: ours, if it is one by its name."""
    if {"SkipTask", "AirflowSkipException"} & {*answer["kinds"]}:
        return SkipTask(answer["error"])
    if {"FailTask", "AirflowFailException"} & {*answer["kinds"]}:
        return FailTask(answer["error"])
    error = ForeignPythonError(f"{answer['kinds'][0]}: {answer['error']}")
    error.add_note(answer["traceback"].rstrip())
    return error


def _context_problems(function: Callable[..., Any]) -> Iterator[str]:
    code = getattr(unwrapped(function), "__code__", None)
    names = parameters_of(unwrapped(function)) if code is not None else {}
    for name in (name for name, required in names.items() if required and name in NAMES and name not in PLAIN_NAMES):
        advice = f"It may have: {', '.join(sorted(PLAIN_NAMES))}."
        yield f"the function takes {name!r} of the context, which no other Python can be given. {advice}"


class ExternalPythonOperator(ForeignPythonOperator):
    """Calls a function in a Python that is on the worker's machine.

    Args:
        python: Path of the interpreter; a template.
        **kwargs: What `ForeignPythonOperator` takes.
    """

    template_fields: ClassVar[Sequence[str]] = (*ForeignPythonOperator.template_fields, "python")

    def __init__(self, *, python: str | os.PathLike[str], **kwargs: Any) -> None:  # noqa: ANN401 - passed on
        super().__init__(**kwargs)
        self.python = str(python)

    @contextmanager
    def interpreter(self) -> Iterator[str]:
        """Hold the Python in which the function runs.

        Raises:
            FailTask: There is none.
        """
        if not os.access(self.python, os.X_OK):
            raise FailTask(f"{self}: python is {self.python!r}, which is no program on this machine.")
        yield self.python


class PythonVirtualenvOperator(ForeignPythonOperator):
    """Calls a function in an environment with packages of its own, which uv makes once and keeps.

    Tasks with equal requirements, Python and options share one environment on each machine. It is kept until nobody has used it for
    30 days, or 50 others were used since. Only the first try waits for it.

    Args:
        requirements: Packages as pip writes them: a list, or the text or the path of a requirements file; a template.
        python_version: Version of Python, such as ``3.12``, or the path of one; that of this environment unless given.
        system_site_packages: Whether the packages of that Python's own installation are seen.
        pip_install_options: Further arguments of ``uv pip install``.
        index_urls: Package indexes, the first of which goes before all others; a template.
        venv_cache_path: Folder in which environments are kept; ``penstock/environments`` in the user's cache unless given.
        **kwargs: What `ForeignPythonOperator` takes.
    """

    template_fields: ClassVar[Sequence[str]] = (
        *ForeignPythonOperator.template_fields,
        "requirements",
        "index_urls",
        "venv_cache_path",
    )
    template_ext: ClassVar[Sequence[str]] = (".txt",)

    def __init__(
        self,
        *,
        requirements: str | Sequence[str] | None = None,
        python_version: str | None = None,
        system_site_packages: bool = False,
        pip_install_options: Sequence[str] | None = None,
        index_urls: str | Sequence[str] | None = None,
        venv_cache_path: str | os.PathLike[str] | None = None,
        **kwargs: Any,  # noqa: ANN401 - passed on
    ) -> None:
        super().__init__(**kwargs)
        self.requirements, self.python_version = requirements, python_version
        self.system_site_packages, self.pip_install_options = system_site_packages, pip_install_options
        self.index_urls = index_urls
        self.venv_cache_path = None if venv_cache_path is None else str(venv_cache_path)

    @contextmanager
    def interpreter(self) -> Iterator[str]:
        """Hold the environment's Python, and have the environment made if it is not there.

        Raises:
            EnvironmentFailedError: It cannot be made.
        """
        indexes = [self.index_urls] if isinstance(self.index_urls, str) else list(self.index_urls or ())
        flags = [
            f"--{kind}={url}" for kind, url in zip(["default-index", *["index"] * len(indexes)], indexes, strict=False)
        ]
        wanted = EnvironmentSpec(
            requirements_text(self.requirements),
            self.python_version or sys.executable,
            bool(self.system_site_packages),
            (*flags, *(self.pip_install_options or ())),
        )
        folder = usual_folder(os.environ) if self.venv_cache_path is None else Path(self.venv_cache_path)
        with kept(wanted, folder, self._child) as python:
            yield str(python)


class BranchExternalPythonOperator(ExternalPythonOperator):
    """Calls a function in another Python, which returns the ids of the tasks directly downstream that go on."""

    decides: ClassVar[str] = "branch"


class BranchPythonVirtualenvOperator(PythonVirtualenvOperator):
    """Calls a function in an environment of its own, which returns the ids of the tasks directly downstream that go on."""

    decides: ClassVar[str] = "branch"
