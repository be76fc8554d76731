"""Redshift as the database of the tasks of `penstock.spec.sql`."""

from collections.abc import Sequence
from typing import Any

from penstock.spec.sql.sql_task import Records
from penstock_redshift.hooks.redshift import RedshiftHook


class RedshiftTask:
    """What makes a task on any SQL database one on Redshift; it goes before the task's class.

    Args:
        redshift_conn_id: The connection.
        query_group: Routes to a queue of the workload management; the connection's own unless given.
        **kwargs: What the task takes.
    """

    def __init__(self, *, redshift_conn_id: str = "redshift_default", query_group: str = "", **kwargs: Any) -> None:  # noqa: ANN401 - passed on
        super().__init__(**kwargs)
        self.redshift_conn_id, self.query_group = redshift_conn_id, query_group

    def fetch(self, sql: str, parameters: Sequence[Any] | None = None) -> Records:
        """Run one query in a session of its own; raises `penstock.errors.ProviderError`."""
        return RedshiftHook(self.redshift_conn_id, query_group=self.query_group).query(sql, parameters)
