"""Task groups: tasks that share a prefix and stand together in a chain."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, ClassVar, Self

from penstock.author.construct.checked import Checked
from penstock.author.graph.edges import Edges
from penstock.author.parse_session import report
from penstock.author.scope import Scope, current_dag, current_group, enter, leave

if TYPE_CHECKING:
    from contextvars import Token

    from penstock.author.dag import DAG
    from penstock.author.graph.edges import Node
    from penstock.author.parse_session import Site


class TaskGroup(Checked, Edges):
    """Tasks made in its ``with`` block: their ids get its prefix, and it can stand in a chain for all of them.

    ``a >> group`` makes the group's first tasks run after ``a``, ``group >> b`` makes ``b`` run after its last ones
    (teardowns do not count as last). What the group holds is looked at when the DAG is built, and edges of groups inside it count. A
    group without tasks passes the order on: in ``a >> group >> b`` then ``b`` runs after ``a``.

    Args:
        group_id: Unique within the DAG or the surrounding group.
        prefix_group_id: Whether ids of its tasks and groups start with its own id and a dot; if not, they stand without any prefix.
        parent_group: The surrounding group; that of the ``with`` block unless given.
        dag: The DAG; that of the ``with`` block unless given.
        default_args: Arguments for its tasks, before those of the DAG.
        tooltip: A sentence for people.

    Attributes:
        mapped: What it is mapped over, by argument of its function: a list, a dict, or the value of a task; empty unless ``expand``
            made it.
    """

    _STATE: ClassVar[frozenset[str]] = frozenset({"_label", "_token"})

    parent: "TaskGroup | None"
    dag: "DAG | None"
    default_args: dict[str, Any]
    mapped: dict[str, Any]
    _label: str
    _token: "Token[Scope]"

    def __init__(
        self,
        group_id: str,
        *,
        prefix_group_id: bool = True,
        parent_group: "TaskGroup | None" = None,  # noqa: ARG002 - read by _before_init, before this is called
        dag: "DAG | None" = None,  # noqa: ARG002 - as above
        default_args: dict[str, Any] | None = None,
        tooltip: str = "",
    ) -> None:
        self.__dict__["_label"], self.prefix_group_id, self.tooltip = group_id, prefix_group_id, tooltip
        self.default_args = {**(self.parent.default_args if self.parent else {}), **(default_args or {})}

    @property
    def group_id(self) -> str:
        """The id, with the prefix of the surrounding group."""
        return self.parent.child_id(self._label) if self.parent is not None else self._label

    def child_id(self, label: str) -> str:
        """Make the full id of a task or group in it."""
        return f"{self.group_id}.{label}" if self.prefix_group_id else label

    def __enter__(self) -> Self:
        self.__dict__["_token"] = enter(self.dag, self)
        return self

    def __exit__(self, *_: object) -> None:
        leave(self._token)

    def __str__(self) -> str:
        """Name it as messages do."""
        return f"task group {self.group_id!r}"

    def _nodes(self) -> "Iterator[Node]":
        yield self

    def _link(self, lower: "Node") -> None:
        if self.dag is not None:
            self.dag.group_edges.append((self, lower))

    def _before_init(self, arguments: dict[str, Any]) -> "DAG | None":
        parent = arguments.get("parent_group") or current_group()
        dag = arguments.get("dag") or (parent.dag if parent else current_dag())
        self.__dict__ |= {"parent": parent, "dag": dag, "mapped": {}}
        return self.dag

    def _owner(self) -> "DAG | None":
        return self.dag

    def _changed(self, name: str, site: "Site") -> None:  # noqa: ARG002 - any change may be one of ids
        if self.dag is not None:
            self.dag._forget_ids()  # noqa: SLF001 - the same room

    def _display_name(self, arguments: dict[str, Any]) -> str:
        return f"TaskGroup {arguments.get('group_id', '')!r}"

    def _fallback(self, arguments: dict[str, Any]) -> None:
        self.__dict__["_label"], self.prefix_group_id = str(arguments.get("group_id") or "unnamed"), True
        self.default_args = {}

    def _after_init(self) -> None:
        if self.dag is None:
            report(None, self._site, f"{self} stands in no DAG. Put it into a `with DAG(...)` block or pass dag=.")
        else:
            self.dag.add_group(self)
