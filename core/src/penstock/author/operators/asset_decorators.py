"""``@asset``: a function that makes an asset, the asset, and the DAG that runs it, in one."""

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from penstock.author.assets.asset import Asset, AssetAll
from penstock.author.construct.signature import parameters_of, unwrapped
from penstock.author.dag import DAG
from penstock.author.operators.python import PythonOperator
from penstock.author.operators.taskflow import Task
from penstock.author.parse_session import call_site, current_session, report
from penstock.author.run.coroutines import completed
from penstock.author.scope import current_dag

if TYPE_CHECKING:
    from penstock.author.run.context import Context

_OWN = ("self", "context", "outlet_events")


class AssetOperator(PythonOperator):
    """Calls the function of an ``@asset``.

    Args:
        made: What ``self`` is.
        **kwargs: What `PythonOperator` takes.
    """

    def __init__(self, *, made: Any, **kwargs: Any) -> None:  # noqa: ANN401 - an asset, or several
        super().__init__(**kwargs)
        self.made = made

    def execute(self, context: "Context") -> Any:  # noqa: ANN401 - any value
        """Call the function with the assets that its arguments name, and return its value."""
        by_name = {asset.name: asset for asset in self.inlets}
        given = {"self": self.made, "context": context, "outlet_events": context["outlet_events"], **by_name}
        names = _wanted(self.python_callable)
        return completed(self.python_callable(**{name: given[name] for name in names if name in given}))


class _AssetDecorator:
    """``@asset(schedule=...)`` and ``@asset.multi(outlets=[...], schedule=...)``."""

    def __call__(
        self,
        function: Callable[..., Any] | None = None,
        /,
        *,
        name: str = "",
        uri: str = "",
        group: str = "",
        extra: Mapping[str, Any] | None = None,
        **arguments: Any,  # noqa: ANN401 - those of DAG
    ) -> Any:  # noqa: ANN401 - an Asset, or a decorator that makes one
        """Make a function the task of a DAG of its own, whose success is an event of an asset; gives the asset.

        Args:
            function: The function. An argument without a default is an asset of that name, which becomes an inlet; ``self`` is the
                asset itself, ``context`` the context and ``outlet_events`` what its event carries. It may be a ``@task``.
            name: The asset's name; that of the function unless given.
            uri: The asset's URI; its name unless given.
            group: What it belongs to, for people.
            extra: More about it.
            **arguments: Those of `DAG`, such as ``schedule``; its ``dag_id`` is the asset's name unless given.
        """
        if function is None:
            return lambda decorated: self(decorated, name=name, uri=uri, group=group, extra=extra, **arguments)
        named = name or _name_of(function)
        made: Asset = Asset(named, uri, group=group, extra=extra)
        _dag_of(function, made, (made,), {"dag_id": named, **arguments})
        return made

    def multi(self, *, outlets: Iterable[Asset], **arguments: Any) -> Callable[[Callable[..., Any]], AssetAll]:  # noqa: ANN401 - those of DAG
        """Make a function the task of a DAG of its own, whose success is an event of several assets; gives all of them.

        Args:
            outlets: The assets.
            **arguments: Those of `DAG`; its ``dag_id`` is the function's name unless given.
        """

        def decorate(function: Callable[..., Any]) -> AssetAll:
            made: AssetAll = AssetAll(*outlets)
            _dag_of(function, made, tuple(outlets), {"dag_id": _name_of(function), **arguments})
            return made

        return decorate


def _name_of(function: Any) -> str:  # noqa: ANN401 - a function or a Task
    return str(getattr(function, "__name__", "asset"))


def _dag_of(function: Any, made: Any, outlets: tuple[Asset, ...], arguments: dict[str, Any]) -> None:  # noqa: ANN401 - as above
    if current_dag() is not None:
        report(current_dag(), call_site(), "@asset makes a DAG of its own, and stands outside of any other.")
    with DAG(**arguments):
        if isinstance(function, Task):
            function.override(outlets=list(outlets))()
            return
        AssetOperator(
            task_id=_name_of(function),
            python_callable=function,
            made=made,
            outlets=list(outlets),
            inlets=[_asset_named(name) for name in _wanted(function) if name not in _OWN],
            doc=(function.__doc__ or "").strip(),
        )


def _wanted(function: Callable[..., Any]) -> list[str]:
    """The arguments of a function that have no default, ``self`` among them."""
    inner = unwrapped(function)
    first = inner.__code__.co_varnames[: inner.__code__.co_argcount][:1]
    own = ["self"] if first == ("self",) else []
    return own + [name for name, required in parameters_of(inner).items() if required]


def _asset_named(name: str) -> Asset:
    """The asset of this name among those of the file; one that it does not make has the name as its URI."""
    session = current_session.get()
    known = session.assets.get(name) if session is not None else None
    return known if known is not None else Asset(name)


asset = _AssetDecorator()
