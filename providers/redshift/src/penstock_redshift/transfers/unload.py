"""From Redshift to an object store."""

from collections.abc import Sequence
from typing import Any, ClassVar

from penstock import Operator
from penstock_redshift.hooks import RedshiftHook, Session
from penstock_redshift.hooks.quoting import escaped


class RedshiftToS3Operator(Operator):
    """Writes the answer of a query to files of S3 by UNLOAD.

    The query goes to the server untouched. A retry must not mix its files with those of the try before: give each run
    a folder of its own (``.../{{ run_id }}/``) and the option ``ALLOWOVERWRITE``, or ``CLEANPATH``.

    Args:
        select_query: The query, without LIMIT at its outermost level.
        s3_url: ``s3://`` URL that the files' names begin with.
        unload_options: Options of UNLOAD, such as ``["FORMAT PARQUET", "ALLOWOVERWRITE"]``.
        iam_role: ``default``, or ARNs of the roles by which the cluster writes.
        redshift_conn_id: The connection to the warehouse.
        query_group: Routes to a queue of the workload management; the connection's own unless given.
        **kwargs: What every task takes.
    """

    template_fields: ClassVar[Sequence[str]] = ("select_query", "s3_url", "unload_options", "iam_role")
    template_ext: ClassVar[Sequence[str]] = (".sql",)

    def __init__(
        self,
        *,
        select_query: str,
        s3_url: str,
        unload_options: list[str] | None = None,
        iam_role: str = "default",
        redshift_conn_id: str = "redshift_default",
        query_group: str = "",
        **kwargs: Any,  # noqa: ANN401 - an operator's own
    ) -> None:
        super().__init__(**kwargs)
        if not isinstance(unload_options or [], list | tuple):
            raise ValueError("unload_options is no list; write a list of texts")  # noqa: TRY004 - as all wrong arguments
        self.select_query, self.s3_url, self.unload_options = select_query, s3_url, unload_options
        self.iam_role, self.redshift_conn_id = iam_role, redshift_conn_id
        self.query_group = query_group

    def execute(self, context: Any) -> dict[str, Any]:  # noqa: ANN401, ARG002 - the spec's signature
        """Unload; returns ``rows`` and ``s3_url``."""
        rows = RedshiftHook(self.redshift_conn_id, query_group=self.query_group).transaction(
            self._unload, operation="UNLOAD"
        )
        print(f"{self.s3_url}: {rows} rows")  # noqa: T201 - the task's log
        return {"rows": rows, "s3_url": self.s3_url}

    def _unload(self, session: Session) -> int:
        default = self.iam_role.lower() == "default"
        role = "default" if default else "%s"
        options = " ".join(escaped(each) for each in self.unload_options or ())
        values = (self.select_query, self.s3_url, *(() if default else (self.iam_role,)))
        session.run(f"UNLOAD (%s) TO %s IAM_ROLE {role} {options}".rstrip(), values)
        return int(session.value("SELECT pg_last_unload_count()") or 0)
