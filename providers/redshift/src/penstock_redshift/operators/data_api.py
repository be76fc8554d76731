"""SQL by the Data API."""

from collections.abc import Sequence
from typing import Any, ClassVar

from penstock.spec.external_job import ExternalJob, JobStatus, Succeeded
from penstock_redshift.hooks.data.data_client import MOST_STATEMENTS, DataApi


class RedshiftDataOperator(ExternalJob):
    """Runs SQL by the Data API: started once whatever is killed, waited for without a slot, cancelled with its task.

    No connection to the warehouse is needed, only AWS's own API, and the extra ``iam``. The service keeps a statement and its
    answer for a day.

    Args:
        sql: A statement, or a list of up to 40 that run in one transaction; or the name of a ``.sql`` file with one statement.
        database: The database.
        cluster_identifier: The provisioned cluster.
        workgroup_name: The serverless workgroup; one of the two is needed.
        db_user: The user of the database; the one of the IAM identity unless given. For clusters.
        secret_arn: Secret of Secrets Manager with user and password.
        parameters: Values for ``:name`` in the statement; the service converts them. For one statement alone.
        statement_name: What the statement is called in the service's lists.
        with_event: Whether EventBridge is told of the end.
        return_sql_result: Whether the rows of the answer, the last one of several, are the task's value, each a dict.
        max_rows: An answer of more rows fails the task.
        aws_conn_id: Connection of type ``aws``; who the process is, unless given.
        region_name: AWS region; the connection's own unless given.
        **kwargs: What every job takes.
    """

    service: ClassVar[str] = "Redshift Data API"
    template_fields: ClassVar[Sequence[str]] = (
        "sql", "database", "cluster_identifier", "workgroup_name", "db_user", "secret_arn", "parameters", "statement_name",
    )  # fmt: skip
    template_ext: ClassVar[Sequence[str]] = (".sql",)

    def __init__(  # noqa: PLR0913 - the arguments of a task, each by name
        self,
        *,
        sql: str | list[str],
        database: str,
        cluster_identifier: str = "",
        workgroup_name: str = "",
        db_user: str = "",
        secret_arn: str = "",
        parameters: dict[str, str] | None = None,
        statement_name: str = "",
        with_event: bool = False,
        return_sql_result: bool = False,
        max_rows: int = 1000,
        aws_conn_id: str = "",
        region_name: str = "",
        **kwargs: Any,  # noqa: ANN401 - a job's own
    ) -> None:
        super().__init__(**kwargs)
        self.sql, self.database, self.parameters = sql, database, parameters
        self.cluster_identifier, self.workgroup_name = cluster_identifier, workgroup_name
        self.db_user, self.secret_arn, self.statement_name = db_user, secret_arn, statement_name
        self.with_event, self.return_sql_result, self.max_rows = with_event, return_sql_result, max_rows
        self.aws_conn_id, self.region_name = aws_conn_id, region_name
        if bool(cluster_identifier) == bool(workgroup_name):
            raise ValueError("cluster_identifier or workgroup_name is needed, one of the two")
        if isinstance(sql, list) and not 1 <= len(sql) <= MOST_STATEMENTS:
            raise ValueError(f"sql has {len(sql)} statements; the Data API takes 1 to {MOST_STATEMENTS}")
        if isinstance(sql, list) and len(sql) > 1 and parameters:
            raise ValueError("parameters belong to one statement")

    def submit(self, token: str) -> str:
        """Have it run; the token makes a repeated request the same one."""
        options: dict[str, Any] = {"WithEvent": True} if self.with_event else {}
        if self.statement_name:
            options["StatementName"] = self.statement_name
        if self.parameters:
            options["Parameters"] = [{"name": name, "value": str(each)} for name, each in self.parameters.items()]
        return self._api.start([self.sql] if isinstance(self.sql, str) else list(self.sql), token, options)

    def look(self, job_id: str) -> JobStatus:
        """How it is; a value is ``id``, ``rows`` and ``seconds``, or the rows themselves."""
        status = self._api.status(job_id)
        if not isinstance(status, Succeeded):
            return status
        found: dict[str, Any] = status.value
        parts = found.get("SubStatements") or [found]
        if self.return_sql_result:
            answers = [each["Id"] for each in parts if each.get("HasResultSet")]
            return Succeeded(self._api.rows(answers[-1], self.max_rows) if answers else [])
        rows = sum(max(each.get("ResultRows", 0), 0) for each in parts)
        return Succeeded({"id": job_id, "rows": rows, "seconds": found.get("Duration", 0) / 1e9})

    def cancel(self, job_id: str) -> None:
        """Cancel the statement; one that has ended is left alone."""
        self._api.cancel(job_id)

    @property
    def _api(self) -> DataApi:
        target = {
            "Database": self.database, "ClusterIdentifier": self.cluster_identifier, "WorkgroupName": self.workgroup_name,
            "DbUser": self.db_user, "SecretArn": self.secret_arn,
        }  # fmt: skip
        return DataApi(self.aws_conn_id, self.region_name, {name: value for name, value in target.items() if value})
