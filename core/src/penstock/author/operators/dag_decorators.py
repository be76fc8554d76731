"""``@dag`` and ``@task_group``: functions whose calls build a DAG or a task group."""

from collections.abc import Callable, Sequence
from typing import Any

from penstock.author.construct.signature import parameters_of
from penstock.author.dag import DAG
from penstock.author.graph.task_group import TaskGroup
from penstock.author.mapping.mapped_group import PartialTaskGroup
from penstock.author.scope import current_dag
from penstock.author.xcom.arg import XComValue


def dag(function: Callable[..., Any] | str | None = None, /, **arguments: Any) -> Any:  # noqa: ANN401 - a decorator
    """Make a function that builds a DAG: calling it runs the body inside a DAG of its name and returns the DAG.

    ``@dag`` and ``@dag(schedule="@daily", ...)`` are both fine; the arguments are those of `DAG`. The function's own
    arguments become parameters of the DAG, with their defaults; inside, each is a template such as ``{{ params.name
    }}``.
    """
    if isinstance(function, str):
        return dag(**{"dag_id": function, **arguments})
    if function is None:
        return lambda decorated: dag(decorated, **arguments)
    return _DagFactory(function, arguments)


class _DagFactory:
    """A decorated function: each call of it makes the DAG."""

    def __init__(self, function: Callable[..., Any], arguments: dict[str, Any]) -> None:
        self.function, self.arguments = function, arguments
        self.__doc__, self.__name__ = function.__doc__, function.__name__
        self.__wrapped__ = function

    def __call__(self, *args: Any, **kwargs: Any) -> DAG:  # noqa: ANN401 - passed on
        """Build the DAG; arguments replace the defaults of the parameters."""
        import inspect  # noqa: PLC0415 - 10 ms that only a DAG file with @dag needs to spend

        given = inspect.signature(self.function).bind_partial(*args, **kwargs)
        given.apply_defaults()
        names = parameters_of(self.function)
        options = {"dag_id": self.function.__name__, "doc": inspect.getdoc(self.function) or "", **self.arguments}
        params = {**dict.fromkeys(names), **given.arguments, **(options.pop("params", None) or {})}
        made = DAG(**options, params=params)
        with made:
            self.function(**{name: f"{{{{ params.{name} }}}}" for name in names})
        return made


def task_group(function: Callable[..., Any] | None = None, /, **arguments: Any) -> Any:  # noqa: ANN401 - a decorator
    """Make a function that builds a task group: each call runs the body inside a group of its name.

    ``@task_group`` and ``@task_group(group_id="load", ...)`` are both fine; the arguments are those of `TaskGroup`. A
    call gives what the function returns, so that values of tasks can be passed on, or the group if that is None.
    """
    if function is None:
        return lambda decorated: task_group(decorated, **arguments)
    return _TaskGroupFactory(function, arguments)


class _TaskGroupFactory:
    """A decorated function: each call of it makes a group."""

    def __init__(self, function: Callable[..., Any], arguments: dict[str, Any]) -> None:
        self.function, self.arguments = function, arguments
        self.__doc__, self.__name__ = function.__doc__, getattr(function, "__name__", "group")
        self.__wrapped__ = function

    def __call__(self, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - passed on
        """Build the group."""
        with self._group() as group:
            value = self.function(*args, **kwargs)
        return group if value is None else value

    def override(self, **arguments: Any) -> "_TaskGroupFactory":  # noqa: ANN401 - passed on
        """The same function with other arguments for its group, such as ``group_id``."""
        return _TaskGroupFactory(self.function, {**self.arguments, **arguments})

    def partial(self, **arguments: Any) -> PartialTaskGroup:  # noqa: ANN401 - passed on
        """The group with some arguments; ``.expand(argument=list)`` then makes it once for each element."""
        return PartialTaskGroup(self.function, self._group, arguments)

    def expand(self, **mapped: Any) -> Any:  # noqa: ANN401 - what the function returns
        """The group once for each element of a list or a dict, or of a task's value; several make the cross product."""
        return self.partial().expand(**mapped)

    def expand_kwargs(self, kwargs: "Sequence[dict[str, Any]] | XComValue") -> Any:  # noqa: ANN401 - as above
        """Make the group once for each dict of a list, which holds its arguments."""
        return self.partial().expand_kwargs(kwargs)

    def _group(self) -> TaskGroup:
        around = current_dag()
        label = str(self.arguments.get("group_id", self.__name__))
        free = label if around is None else around._free_group_id(label)  # noqa: SLF001 - the same room
        made: TaskGroup = TaskGroup(**{**self.arguments, "group_id": free})
        return made
