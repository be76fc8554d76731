"""The Redshift Data API: statements that AWS runs for us, without a connection to the warehouse.

Source: ExecuteStatement, BatchExecuteStatement, DescribeStatement, CancelStatement and GetStatementResult of the Amazon
Redshift Data API Reference, and botocore's model of them: a batch has 40 statements at most and takes no parameters of one.
"""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from penstock.errors import ErrorKind, ProviderError
from penstock.spec.external_job import Failed, JobStatus, Running, Succeeded
from penstock.spec.hooks.client_cache import ClientCache
from penstock_redshift.errors import provider_error
from penstock_redshift.hooks.credentials import aws_session, client_config

MOST_STATEMENTS = 40
_clients: ClientCache[Any] = ClientCache(close=lambda client: client.close())


class StatementFailedError(Exception):
    """A statement failed in the warehouse; the text is all that the service gives of it."""


class DataApi(NamedTuple):
    """The Data API as somebody, for one database.

    Attributes:
        aws_conn_id, region_name: As whom AWS is asked, and where; "" for who and where the process is.
        target: Which database, in the words of the API, such as ``WorkgroupName``.
        profile_name: As whom AWS is asked, if no connection says it.
        endpoint_url: Another endpoint of the API.
    """

    aws_conn_id: str
    region_name: str
    target: dict[str, str]
    profile_name: str = ""
    endpoint_url: str = ""

    def start(self, statements: list[str], token: str, options: dict[str, Any]) -> str:
        """Have statements run, several in one transaction; the same token gives the same statement. Returns its id."""
        what: dict[str, Any] = {"Sql": statements[0]} if len(statements) == 1 else {"Sqls": statements}
        operation = "execute_statement" if len(statements) == 1 else "batch_execute_statement"
        return str(self.call(operation, ClientToken=token, **what, **self.target, **options)["Id"])

    def described(self, statement_id: str) -> dict[str, Any]:
        """What the service says of a statement."""
        return self.call("describe_statement", Id=statement_id)

    def status(self, statement_id: str) -> JobStatus:
        """How it is; the value of one that ended well is what the service says of it."""
        found = self.described(statement_id)
        if found["Status"] == "FINISHED":
            return Succeeded(found)
        if found["Status"] == "ABORTED":
            return Failed("the statement was cancelled, or ran longer than the service lets it")
        if found["Status"] == "FAILED":
            text = failure(found)
            kind = provider_error(StatementFailedError(text), operation="Statement").kind
            return Failed(text.rstrip("."), ErrorKind.JOB_FAILED if kind is ErrorKind.TRANSIENT else kind)
        return Running()

    def cancel(self, statement_id: str) -> None:
        """Cancel it; one that has ended is left alone."""
        try:
            self.call("cancel_statement", Id=statement_id)
        except ProviderError as error:
            if error.kind not in (ErrorKind.INVALID, ErrorKind.NOT_FOUND) or isinstance(
                self.status(statement_id), Running
            ):
                raise

    def rows(self, statement_id: str, most: int) -> list[dict[str, Any]]:
        """The rows of its answer, page by page.

        Raises:
            penstock.errors.ProviderError: Of kind ``invalid``: there are more than ``most``.
        """
        found: list[dict[str, Any]] = []
        for page in self.pages(statement_id):
            names = [each["name"] for each in page["ColumnMetadata"]]
            found += [dict(zip(names, map(_value, record), strict=True)) for record in page["Records"]]
            if len(found) > most:
                raise ProviderError(
                    f"the answer has more than {most} rows",
                    service="redshift", operation="GetStatementResult", kind=ErrorKind.INVALID,
                    hint="Write it to S3 by UNLOAD, or allow more by max_rows",
                )  # fmt: skip
        return found

    def pages(self, statement_id: str) -> Iterator[dict[str, Any]]:
        """The pages of its answer, one at least."""
        page = self.call("get_statement_result", Id=statement_id)
        yield page
        while page.get("NextToken"):
            page = self.call("get_statement_result", Id=statement_id, NextToken=page["NextToken"])
            yield page

    def call(self, operation: str, **arguments: Any) -> dict[str, Any]:  # noqa: ANN401 - of the SDK
        """Ask the API; raises `penstock.errors.ProviderError`."""
        config = client_config("the Data API is called by boto3")
        try:
            who = (self.aws_conn_id, self.region_name, self.profile_name, self.endpoint_url)
            client = _clients.get(who, lambda: self._client(config))
            answer: dict[str, Any] = getattr(client, operation)(**arguments)
        except Exception as error:
            if not type(error).__module__.startswith(("botocore", "boto3")):
                raise
            name = operation.title().replace("_", "")
            raise provider_error(error, operation=name, conn_id=self.aws_conn_id) from error
        return answer

    def _client(self, config: Any) -> Any:  # noqa: ANN401 - of the SDK
        session = aws_session(self.aws_conn_id, config, region_name=self.region_name, profile_name=self.profile_name)
        return session.client("redshift-data", config=config, endpoint_url=self.endpoint_url or None)


def failure(found: Mapping[str, Any]) -> str:
    """Why a statement failed, in the words of the warehouse."""
    return str(found.get("Error") or "no reason is given").removeprefix("ERROR: ")


def _value(field: dict[str, Any]) -> Any:  # noqa: ANN401 - any value of a database
    return None if field.get("isNull") else next(iter(field.values()))
