"""Operators of Redshift."""

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from penstock import Operator
from penstock_redshift.hooks import RedshiftHook


class RedshiftSQLOperator(Operator):
    """Runs SQL: in one transaction, which is tried again when it collides with another, or each statement for itself.

    Args:
        sql: A script, taken apart at its semicolons; a list of statements; or the name of a ``.sql`` file.
        parameters: Values for ``%s`` or ``%(name)s``, given to each statement; the driver quotes them. With parameters, a
            percent sign of the statements' own is written ``%%``.
        autocommit: Each statement for itself, as VACUUM, ALTER TABLE ... ALTER COLUMN TYPE and a few others need it.
        repeatable: Whether running all of it again is harmless whatever was committed. Otherwise it is not run again, by
            no retry either, once a statement was committed: by ``autocommit``, or by TRUNCATE, which commits what came before.
        handler: Gets the cursor of the last statement that has an answer; what it returns is the task's value.
        redshift_conn_id: The connection.
        query_group: Routes to a queue of the workload management; the connection's own unless given.
        **kwargs: What every task takes.
    """

    template_fields: ClassVar[Sequence[str]] = ("sql", "parameters")
    template_ext: ClassVar[Sequence[str]] = (".sql",)

    def __init__(
        self,
        *,
        sql: str | list[str],
        parameters: list[Any] | dict[str, Any] | None = None,
        autocommit: bool = False,
        repeatable: bool = False,
        handler: Callable[[Any], Any] | None = None,
        redshift_conn_id: str = "redshift_default",
        query_group: str = "",
        **kwargs: Any,  # noqa: ANN401 - an operator's own
    ) -> None:
        super().__init__(**kwargs)
        self.sql, self.parameters, self.autocommit, self.repeatable = sql, parameters, autocommit, repeatable
        self.handler, self.redshift_conn_id = handler, redshift_conn_id
        self.query_group = query_group

    def execute(self, context: Any) -> Any:  # noqa: ANN401, ARG002 - the spec's signature; the handler's value
        """Run it; returns what the handler returned."""
        hook = RedshiftHook(self.redshift_conn_id, query_group=self.query_group)
        return hook.run(
            self.sql, self.parameters, autocommit=self.autocommit, repeatable=self.repeatable, handler=self.handler
        )
