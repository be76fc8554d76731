"""Watching what queries cost."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, ClassVar

from penstock import Operator
from penstock.errors import FailTask
from penstock_redshift.hooks import RedshiftHook
from penstock_redshift.hooks.query_history import MEASURES, Tables, over_limits, query_groups, table


class RedshiftQueriesOperator(Operator):
    """Tells what the queries of the last minutes cost, by user, label, queue, type or tag; fails where that is more than a limit.

    With an alert rule on its failure, a limit that is exceeded is told to people. The login needs SYSLOG ACCESS UNRESTRICTED, or
    it sees only its own queries.

    Args:
        by: What they are grouped by: ``user``, ``label`` (the query group), ``queue``, ``type``, or names of tags that the statements'
            comments hold, such as ``dag`` and ``task``; by user unless given.
        minutes: How far back it looks.
        top: How many groups are told, the dearest first.
        order: What makes a group dear: ``queries``, ``failed``, ``seconds``, ``longest_s``, ``queue_s``, ``longest_queue_s``,
            ``execution_s``, ``disk_based``, ``spilled_mb`` or ``memory_mb``.
        limits: By the same names, what no group may exceed; such a group fails the task at once.
        tables: ``sys``, or for clusters ``stl``, which know the memory of queries but not how much they spilled.
        redshift_conn_id: The connection.
        query_group: Routes to a queue of the workload management; the connection's own unless given.
        **kwargs: What every task takes.
    """

    template_fields: ClassVar[Sequence[str]] = ("by", "limits")

    def __init__(  # noqa: PLR0913 - the arguments of a task, each by name
        self,
        *,
        by: list[str] | None = None,
        minutes: int = 60,
        top: int = 10,
        order: str = "seconds",
        limits: dict[str, float] | None = None,
        tables: Tables = "sys",
        redshift_conn_id: str = "redshift_default",
        query_group: str = "",
        **kwargs: Any,  # noqa: ANN401 - an operator's own
    ) -> None:
        super().__init__(**kwargs)
        for name in (order, *(limits or ())):
            if name not in MEASURES:
                raise ValueError(f"{name!r} is no measure of queries; they are {', '.join(MEASURES)}")
        if isinstance(by, str):
            raise ValueError("by is no list of names; write one, such as ['user']")  # noqa: TRY004 - as all wrong arguments
        self.by, self.limits = list(by or ["user"]), dict(limits or {})
        self.minutes, self.top, self.order = minutes, top, order
        self.tables, self.redshift_conn_id, self.query_group = tables, redshift_conn_id, query_group

    def execute(self, context: Any) -> list[dict[str, Any]]:  # noqa: ANN401, ARG002 - the spec's signature
        """Ask; returns a dict for each group that is told.

        Raises:
            penstock.errors.FailTask: A limit is exceeded.
        """
        hook = RedshiftHook(self.redshift_conn_id, query_group=self.query_group)
        groups = query_groups(hook, self.by, minutes=self.minutes, order=self.order, tables=self.tables)
        print(table(groups[: self.top]))  # noqa: T201 - the task's log
        if found := over_limits(groups, self.limits):
            raise FailTask(f"{'; '.join(found)}.")
        return [{**each.group, **asdict(each.cost)} for each in groups[: self.top]]
