"""``@task``: a function becomes a task where it is called inside a DAG, and its value can be passed on."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from penstock.author.abstract_operator import AbstractOperator
from penstock.author.airflow.alias import VARIANTS
from penstock.author.airflow.arguments import unknown_argument
from penstock.author.construct.signature import TAKES_KEYWORDS, accepted_arguments, parameters_of, unwrapped
from penstock.author.mapping.task import MappedOperator
from penstock.author.operator import Operator
from penstock.author.operators.python import BranchPythonOperator, PythonOperator, PythonSensor, ShortCircuitOperator
from penstock.author.parse_session import call_site, report
from penstock.author.run.context import NAMES
from penstock.author.scope import current_dag
from penstock.author.xcom.arg import XComArg, XComValue
from penstock.errors import AuthoringError, did_you_mean
from penstock.model.text import counted

_TAKES_MORE = 0x04  # CO_VARARGS


class Task:
    """A function that makes tasks: each call inside a DAG adds one and gives its value to be.

    Attributes:
        function: The function itself, for tests and for calls within a task.
        options: Arguments of the operator.
        mark: What is done to each task that it makes, as for setups and teardowns.
    """

    def __init__(
        self,
        cls: type[Operator],
        function: Callable[..., Any],
        options: dict[str, Any],
        mark: Callable[[AbstractOperator], object] = lambda _: None,
    ) -> None:
        self.cls, self.function, self.options, self.mark = cls, function, options, mark
        self.__doc__, self.__name__ = function.__doc__, getattr(function, "__name__", "task")
        self.__wrapped__ = function

    def __call__(self, *args: Any, **kwargs: Any) -> XComArg:  # noqa: ANN401 - passed on
        """Add a task that will call the function with these arguments, which may be values of other tasks."""
        if current_dag() is None and "dag" not in self.options:
            raise AuthoringError(
                f"@task function {self.__name__!r} was called outside of a DAG. Call it in a `with DAG(...)` block or "
                f"a @dag function; to call the plain function, use {self.__name__}.function(...)."
            )
        arguments = {
            **self._operator_arguments(),
            "python_callable": self.function,
            "op_args": args,
            "op_kwargs": kwargs,
        }
        made: Operator = self.cls(**arguments)
        for problem in (
            *_uncalled([args, kwargs] if args or kwargs else []),
            *binding_problems(self.function, args, kwargs),
        ):
            report(made.dag, made._site, f"{made}: {problem}")  # noqa: SLF001 - the same room
        self.mark(made)
        return made.output

    def __repr__(self) -> str:
        """Show that it is a function, and no task."""
        return f"@task function {self.__name__!r}"

    def override(self, **options: Any) -> "Task":  # noqa: ANN401 - passed on
        """The same function with other arguments for its operator, such as ``task_id`` or ``retries``."""
        return Task(self.cls, self.function, {**self.options, **options}, self.mark)

    def partial(self, **kwargs: Any) -> "PartialTask":  # noqa: ANN401 - passed on
        """The function with some arguments; ``.expand(argument=list)`` makes an instance for each element."""
        return PartialTask(self, kwargs)

    def expand(self, **mapped: Any) -> XComArg:  # noqa: ANN401 - passed on
        """Make one instance for each element of a list, a dict or another task's value; several make the cross product."""
        return PartialTask(self, {}).expand(**mapped)

    def expand_kwargs(self, kwargs: "Sequence[dict[str, Any]] | XComValue") -> XComArg:
        """Make one instance for each dict of a list, which holds its arguments."""
        return PartialTask(self, {}).expand_kwargs(kwargs)

    def _operator_arguments(self) -> dict[str, Any]:
        """Complete the operator's arguments with a task id that is free."""
        options = dict(self.options)
        if "task_id" not in options or current_dag() is not None:
            dag, label = current_dag(), str(options.get("task_id", self.__name__))
            options["task_id"] = label if dag is None else dag._free_task_id(label)  # noqa: SLF001 - the same room
        calls = issubclass(self.cls, PythonOperator) and not self.cls.decides
        if calls and "multiple_outputs" not in options and _returns_dict(self.function):
            options["multiple_outputs"] = True
        options.setdefault("doc", _docstring(self.function))
        return options


class PartialTask:
    """A function with some of its arguments, waiting to be expanded over the others."""

    def __init__(self, task: Task, kwargs: dict[str, Any]) -> None:
        self.task, self.kwargs = task, kwargs

    def expand(self, **mapped: Any) -> XComArg:  # noqa: ANN401 - passed on
        """Make one instance for each element of a list, a dict or another task's value; several make the cross product."""
        return self._expand(mapped)

    def expand_kwargs(self, kwargs: "Sequence[dict[str, Any]] | XComValue") -> XComArg:
        """Make one instance for each dict of a list, which holds its arguments."""
        return self._expand({"**": kwargs})

    def _expand(self, mapped: dict[str, Any]) -> XComArg:
        options = self.task._operator_arguments()  # noqa: SLF001 - the same room
        partial = {**options, "python_callable": self.task.function, "op_kwargs": self.kwargs}
        rules = {name: value for name, value in options.items() if name in accepted_arguments(Operator)}
        made: MappedFunction = MappedFunction(cls=self.task.cls, partial=partial, mapped=mapped, **rules)
        for problem in _uncalled([self.kwargs, mapped]):
            report(made.dag, made._site, f"{made}: {problem}")  # noqa: SLF001 - the same room
        self.task.mark(made)
        return made.output


class MappedFunction(MappedOperator):
    """A mapped ``@task`` function: what is mapped are the function's arguments, not the operator's."""

    def _make(self, elements: dict[str, Any]) -> Operator:
        arguments = dict(self.partial_arguments)
        made: Operator = self.cls(**{**arguments, "op_kwargs": {**arguments.get("op_kwargs", {}), **elements}})
        return made

    def _fixed_arguments(self) -> set[str]:
        return set(self.partial_arguments.get("op_kwargs", {}))

    def _argument_names(self) -> dict[str, bool]:
        inner = unwrapped(self.partial_arguments["python_callable"])
        names = parameters_of(inner)
        if inner.__code__.co_flags & TAKES_KEYWORDS:
            names |= dict.fromkeys(self.mapped, False)
        return names


def _uncalled(value: Any) -> Iterator[str]:  # noqa: ANN401 - what an author wrote
    """Find functions that an author passed to a task and forgot to call: they would be taken for values."""
    if isinstance(value, Task):
        yield f"it is given the {value!r} itself. Call it, {value.__name__}(...): its call is the task, which gives the value."
    elif isinstance(value, PartialTask):
        yield f"it is given {value.task.__name__}.partial(...). Call .expand(...) on that: it makes the task."
    elif isinstance(value, dict | list | tuple):
        for each in value.values() if isinstance(value, dict) else value:
            yield from _uncalled(each)


def _docstring(function: Callable[..., Any]) -> str:
    """The docstring of a function without the indentation; "" if it has none."""
    found = function.__doc__
    if not isinstance(found, str):
        return ""
    import inspect  # noqa: PLC0415 - it costs 10 ms, and takes the indentation off as Python does

    return inspect.cleandoc(found)


def _returns_dict(function: Callable[..., Any]) -> bool:
    """Return whether a function is annotated to return a dict by name, whose entries are then kept one by one, as in Airflow."""
    from typing import get_origin, get_type_hints, is_typeddict  # noqa: PLC0415 - only a function with annotations needs it

    inner = unwrapped(function)
    if "return" not in getattr(inner, "__annotations__", {}):
        return False
    try:
        found = get_type_hints(inner)["return"]
    except Exception:  # noqa: BLE001 - an annotation may be any text
        return False
    return is_typeddict(found) or (
        isinstance(get_origin(found) or found, type) and issubclass(get_origin(found) or found, Mapping)
    )


def binding_problems(function: Callable[..., Any], args: Sequence[Any], kwargs: dict[str, Any]) -> list[str]:
    """Check the arguments of a call; names of the context may be left out, they are passed at run time."""
    inner = unwrapped(function)
    code = getattr(inner, "__code__", None)
    if code is None:
        return []
    names = parameters_of(inner)
    problems = []
    if not code.co_flags & TAKES_KEYWORDS:
        problems += [f"{inner.__name__}() {unknown_argument(name, names)}" for name in kwargs if name not in names]
    by_place = list(names)[: code.co_argcount]
    if len(args) > len(by_place) and not code.co_flags & _TAKES_MORE:
        problems.append(
            f"{inner.__name__}() takes {counted(len(by_place), 'positional argument')}, {len(args)} were given."
        )
    given = {*by_place[: len(args)], *kwargs}
    missing = [name for name, required in names.items() if required and name not in given and name not in NAMES]
    if missing:
        problems.append(f"{inner.__name__}() misses {', '.join(repr(name) for name in missing)}.")
    return problems


def setup(function: Callable[..., Any] | Task) -> Task:
    """Make a function, or a ``@task`` function, one whose tasks make what others need."""
    made = _as_task(function)
    return Task(made.cls, made.function, made.options, lambda task: task.as_setup())


def teardown(function: Callable[..., Any] | Task | None = None, /, *, on_failure_fail_dagrun: bool = False) -> Any:  # noqa: ANN401 - a decorator
    """Make a function, or a ``@task`` function, one whose tasks remove what setups made.

    Args:
        function: The function.
        on_failure_fail_dagrun: Whether the run fails if such a task does.
    """
    if function is None:
        return lambda decorated: teardown(decorated, on_failure_fail_dagrun=on_failure_fail_dagrun)
    made, fails = _as_task(function), on_failure_fail_dagrun
    return Task(made.cls, made.function, made.options, lambda task: task.as_teardown(on_failure_fail_dagrun=fails))


def _as_task(function: Callable[..., Any] | Task) -> Task:
    return function if isinstance(function, Task) else Task(PythonOperator, function, {})


class _Decorator:
    """``@task``, ``@task(retries=3)``, and its variants as attributes."""

    def __call__(self, function: Callable[..., Any] | None = None, /, **options: Any) -> Any:  # noqa: ANN401 - decorator
        """Make a function a task that calls it."""
        return self._decorate(PythonOperator, function, options)

    def python(self, function: Callable[..., Any] | None = None, /, **options: Any) -> Any:  # noqa: ANN401 - decorator
        """Make a function a task, as ``@task`` does."""
        return self._decorate(PythonOperator, function, options)

    def by(self, operator: type[Operator], function: Callable[..., Any] | None = None, /, **options: Any) -> Any:  # noqa: ANN401
        """Make a function a task of another class, which takes it as ``python_callable``, with ``op_args`` and ``op_kwargs``.

        So a provider has a decorator of its own: ``return task.by(AcmeFunctionOperator, function, **options)``.
        """
        return self._decorate(operator, function, options)

    def branch(self, function: Callable[..., Any] | None = None, /, **options: Any) -> Any:  # noqa: ANN401 - decorator
        """Make a function a task that returns the ids of the tasks directly downstream that go on."""
        return self._decorate(BranchPythonOperator, function, options)

    def short_circuit(self, function: Callable[..., Any] | None = None, /, **options: Any) -> Any:  # noqa: ANN401
        """Make a function a task that skips what is downstream if it returns something false."""
        return self._decorate(ShortCircuitOperator, function, options)

    def sensor(self, function: Callable[..., Any] | None = None, /, **options: Any) -> Any:  # noqa: ANN401 - decorator
        """Make a function a sensor: it is called again and again until it returns something true."""
        return self._decorate(PythonSensor, function, options)

    def bash(self, function: Callable[..., Any] | None = None, /, **options: Any) -> Any:  # noqa: ANN401 - decorator
        """Make a function a task that runs the shell command that it returns."""
        from penstock.author.operators.bash import BashFunctionOperator  # noqa: PLC0415 - needs subprocess

        return self._decorate(BashFunctionOperator, function, options)

    def virtualenv(self, function: Callable[..., Any] | None = None, /, **options: Any) -> Any:  # noqa: ANN401 - decorator
        """Make a function a task that runs in an environment with packages of its own."""
        from penstock.author.operators.environments.foreign_python import PythonVirtualenvOperator  # noqa: PLC0415 - as above

        return self._decorate(PythonVirtualenvOperator, function, options)

    def external_python(self, function: Callable[..., Any] | None = None, /, **options: Any) -> Any:  # noqa: ANN401
        """Make a function a task that runs in another Python of the worker's machine."""
        from penstock.author.operators.environments.foreign_python import ExternalPythonOperator  # noqa: PLC0415 - as above

        return self._decorate(ExternalPythonOperator, function, options)

    def branch_virtualenv(self, function: Callable[..., Any] | None = None, /, **options: Any) -> Any:  # noqa: ANN401
        """Make a function a branch, as ``@task.branch`` does, that runs as ``@task.virtualenv``."""
        from penstock.author.operators.environments.foreign_python import (  # noqa: PLC0415 - as above
            BranchPythonVirtualenvOperator,
        )

        return self._decorate(BranchPythonVirtualenvOperator, function, options)

    def branch_external_python(self, function: Callable[..., Any] | None = None, /, **options: Any) -> Any:  # noqa: ANN401
        """Make a function a branch, as ``@task.branch`` does, that runs as ``@task.external_python``."""
        from penstock.author.operators.environments.foreign_python import (  # noqa: PLC0415 - as above
            BranchExternalPythonOperator,
        )

        return self._decorate(BranchExternalPythonOperator, function, options)

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - a decorator
        """Take the use of a variant that does not exist for a problem, so that the import goes on without it."""
        if name.startswith("_"):
            raise AttributeError(f"@task has no variant {name!r}")
        known = [each for each in dir(self) if not each.startswith("_")]
        advice = VARIANTS.get(name) or did_you_mean(name, known, otherwise=f"There are: {', '.join(known)}.")
        report(current_dag(), call_site(), f"@task has no variant {name!r}. {advice}")
        return self.python

    def _decorate(self, cls: type[Operator], function: Callable[..., Any] | None, options: dict[str, Any]) -> Any:  # noqa: ANN401
        if function is None:
            return lambda decorated: self._decorate(cls, decorated, options)
        return Task(cls, function, options)


task = _Decorator()
