"""Bringing a table to the columns that it should have: the plan first, then what of it is safe."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from penstock import Operator
from penstock_redshift.hooks import RedshiftHook
from penstock_redshift.hooks.column_types import column_type
from penstock_redshift.hooks.table_plan import ON_DRIFT, sync_columns


class RedshiftSchemaOperator(Operator):
    """Brings a table to the columns that it should have, by what loses nothing; the rest is told as drift.

    A table that is missing is created, missing columns are added, and ``varchar`` columns are made wider. Nothing is dropped, made
    narrower or turned into another type. A repetition finds nothing left to do.

    Args:
        table: The table.
        columns: The types by name, in order, such as ``{"id": "bigint", "name": "varchar(80)"}``.
        schema: Its schema.
        dry_run: Whether the plan is only told, and nothing changed.
        on_drift: ``report`` tells what differs and is left alone; ``fail`` fails the task over it, before anything is changed.
        redshift_conn_id: The connection.
        query_group: Routes to a queue of the workload management; the connection's own unless given.
        **kwargs: What every task takes.
    """

    template_fields: ClassVar[Sequence[str]] = ("table", "columns", "schema")

    def __init__(
        self,
        *,
        table: str,
        columns: dict[str, str],
        schema: str = "public",
        dry_run: bool = False,
        on_drift: str = "report",
        redshift_conn_id: str = "redshift_default",
        query_group: str = "",
        **kwargs: Any,  # noqa: ANN401 - an operator's own
    ) -> None:
        super().__init__(**kwargs)
        if on_drift not in ON_DRIFT:
            raise ValueError(f"on_drift is {on_drift!r}; write one of {', '.join(ON_DRIFT)}")
        if isinstance(columns, Mapping):
            for kind in columns.values():
                column_type(kind)
        self.table, self.columns, self.schema = table, columns, schema
        self.dry_run, self.on_drift = dry_run, on_drift
        self.redshift_conn_id, self.query_group = redshift_conn_id, query_group

    def execute(self, context: Any) -> dict[str, list[str]]:  # noqa: ANN401, ARG002 - the spec's signature
        """Plan and change; returns the ``statements`` and the ``drift``.

        Raises:
            penstock.errors.ProviderError: Of kind ``invalid``: there is drift, and ``on_drift`` is ``fail``.
        """
        hook = RedshiftHook(self.redshift_conn_id, query_group=self.query_group)
        plan = sync_columns(hook, self.schema, self.table, self.columns, dry_run=self.dry_run, on_drift=self.on_drift)
        return {"statements": plan.statements, "drift": plan.drift}
