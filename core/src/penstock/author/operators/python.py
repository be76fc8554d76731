"""Operators around a Python function: call it, branch by it, stop by it, wait by it."""

from collections.abc import Callable, Mapping, Sequence
from types import GeneratorType
from typing import TYPE_CHECKING, Any, ClassVar

from penstock.author.construct.signature import TAKES_KEYWORDS, parameters_of, unwrapped
from penstock.author.operator import Operator
from penstock.author.run.coroutines import completed
from penstock.author.sensor import PokeResult, Sensor
from penstock.errors import RequestError

if TYPE_CHECKING:
    from penstock.author.run.context import Context


class PythonOperator(Operator):
    """Calls a function; what it returns is left for other tasks.

    Names of the context that the function has as arguments (``ds``, ``ti``, ``params``, ...) are passed to it, all of
    them if it takes ``**kwargs``; arguments given here win. An ``async def`` is run to its end.

    Args:
        python_callable: The function.
        op_args: Its positional arguments; templates.
        op_kwargs: Its named arguments; templates.
        templates_dict: Further templates, which reach the function as ``templates_dict``.
        templates_exts: What the text of a template ends with if it is the path of a template file, such as ``.sql``.
        **kwargs: What every task takes.
    """

    template_fields: ClassVar[Sequence[str]] = ("op_args", "op_kwargs", "templates_dict")
    lazy_fields: ClassVar[Sequence[str]] = ("op_args", "op_kwargs")
    must_return_keys: ClassVar[bool] = True

    def __init__(
        self,
        *,
        python_callable: Callable[..., Any],
        op_args: Sequence[Any] | None = None,
        op_kwargs: Mapping[str, Any] | None = None,
        templates_dict: dict[str, Any] | None = None,
        templates_exts: Sequence[str] | None = None,
        **kwargs: Any,  # noqa: ANN401 - passed on
    ) -> None:
        super().__init__(**kwargs)
        if templates_exts:
            self.template_ext = tuple(templates_exts)  # type: ignore[misc] # of this task alone
        if not callable(python_callable):
            raise TypeError(f"python_callable is {python_callable!r}; write the function's name without ()")
        self.python_callable, self.op_args, self.op_kwargs = python_callable, op_args, op_kwargs
        self.templates_dict = templates_dict

    def execute(self, context: "Context") -> Any:  # noqa: ANN401 - any value
        """Call the function and return its value, the last one of a generator; it yields `Metadata` alone."""
        value = completed(
            call_with_context(self.python_callable, self.op_args, self.op_kwargs, context, self.templates_dict)
        )
        if not isinstance(value, GeneratorType):
            return value
        from penstock.author.run.yielded import returned  # noqa: PLC0415 - few functions yield

        return returned(self, value, context)


class BranchPythonOperator(PythonOperator):
    """Calls a function that returns the ids of the tasks directly downstream that go on; the others are skipped.

    It may return one id, a list of ids, the id of a task group, or None to skip all.
    """

    decides: ClassVar[str] = "branch"


class ShortCircuitOperator(PythonOperator):
    """Calls a function; if its value is false, what is downstream is skipped.

    Args:
        ignore_downstream_trigger_rules: True skips everything downstream; False skips only the tasks directly
            downstream and lets trigger rules decide about the rest.
        **kwargs: What `PythonOperator` takes.
    """

    decides: ClassVar[str] = "short_circuit"

    def __init__(self, *, ignore_downstream_trigger_rules: bool = True, **kwargs: Any) -> None:  # noqa: ANN401 - passed on
        super().__init__(**kwargs)
        self.ignore_downstream_trigger_rules = ignore_downstream_trigger_rules


class PythonSensor(Sensor):
    """Waits until a function returns something true, or a `PokeResult`.

    Args:
        python_callable: The function, which may be ``async``; it takes names of the context as `PythonOperator`'s does.
        op_args: Its positional arguments; templates.
        op_kwargs: Its named arguments; templates.
        **kwargs: What every sensor takes.
    """

    template_fields: ClassVar[Sequence[str]] = ("op_args", "op_kwargs")
    lazy_fields: ClassVar[Sequence[str]] = ("op_args", "op_kwargs")

    def __init__(
        self,
        *,
        python_callable: Callable[..., Any],
        op_args: Sequence[Any] | None = None,
        op_kwargs: Mapping[str, Any] | None = None,
        **kwargs: Any,  # noqa: ANN401 - passed on
    ) -> None:
        super().__init__(**kwargs)
        self.python_callable, self.op_args, self.op_kwargs = python_callable, op_args, op_kwargs

    def poke(self, context: "Context") -> Any:  # noqa: ANN401 - any value
        """Call the function and return its answer."""
        answer = call_with_context(self.python_callable, self.op_args, self.op_kwargs, context)
        return answer if isinstance(answer, PokeResult) or hasattr(answer, "__await__") else bool(answer)

    def poke_key(self) -> str | None:
        """Share no poke: what a function looks at is not known."""
        return None


def call_with_context(
    function: Callable[..., Any],
    args: Sequence[Any] | None,
    kwargs: Mapping[str, Any] | None,
    context: "Context",
    templates_dict: dict[str, Any] | None = None,
) -> Any:  # noqa: ANN401 - the function's value
    """Call a function with its arguments and with what it wants of the context."""
    args, kwargs = args or (), kwargs or {}
    inner = unwrapped(function)
    code = getattr(inner, "__code__", None)
    wanted: dict[str, Any] = {}
    if code is not None:
        names = parameters_of(inner)
        taken = {*list(code.co_varnames[: code.co_argcount])[: len(args)], *kwargs}
        every = bool(code.co_flags & TAKES_KEYWORDS)
        for name in context if every else names:
            # A name that this run does not have (no logical date) leaves the function's own default alone.
            if name not in taken and (name in context.available() or (names.get(name) and name in context)):
                try:
                    wanted[name] = context[name]
                except RequestError:
                    if names.get(name):
                        raise
        if templates_dict is not None and (every or "templates_dict" in names):
            wanted["templates_dict"] = templates_dict
    return function(*args, **{**wanted, **kwargs})
