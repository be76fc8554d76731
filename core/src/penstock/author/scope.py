"""The DAG and the task group of the innermost ``with`` block: those of the tasks that are made next."""

from contextvars import ContextVar, Token
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from penstock.author.dag import DAG
    from penstock.author.graph.task_group import TaskGroup

Scope = tuple["DAG | None", "TaskGroup | None"]
_scope: ContextVar[Scope] = ContextVar("penstock_scope", default=(None, None))


def current_dag() -> "DAG | None":
    """The DAG of the innermost ``with`` block."""
    return _scope.get()[0]


def current_group() -> "TaskGroup | None":
    """The task group of the innermost ``with`` block."""
    return _scope.get()[1]


def enter(dag: "DAG | None", group: "TaskGroup | None") -> Token[Scope]:
    """Make this DAG and group those of the tasks to come."""
    return _scope.set((dag, group))


def leave(token: Token[Scope]) -> None:
    """Return to the surrounding block."""
    _scope.reset(token)
