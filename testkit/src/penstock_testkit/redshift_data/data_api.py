"""A fake of the Redshift Data API, which runs statements on a database of the Redshift test server.

Source of each shape: botocore's model of `redshift-data` (API version 2019-12-20, protocol JSON 1.1) and the Amazon Redshift Data
API Reference, read on 2026-11-26. A statement that is started again with the same client token is the first one. Names
of types in answers are the catalog's (`int4`, `numeric`), as in the examples of GetStatementResult. Not covered: signatures, results
as CSV, `ListStatements`, batches that are no transaction, and the descriptions of tables; a session lives as long as the fake.
"""

import contextlib
import json
import re
import uuid
from decimal import Decimal
from typing import Any

import psycopg

from penstock_testkit.redshift import RedshiftDatabase
from penstock_testkit.saas import App, HttpAnswer, HttpRequest, NotFakedError, RouteTable

_TARGET = {"ClusterIdentifier", "WorkgroupName", "Database", "DbUser", "SecretArn"}
_START = {*_TARGET, "ClientToken", "StatementName", "WithEvent", "SessionKeepAliveSeconds", "SessionId"}
_KNOWN = {
    "ExecuteStatement": {*_START, "Sql", "Parameters"},
    "BatchExecuteStatement": {*_START, "Sqls"},
    "DescribeStatement": {"Id"},
    "CancelStatement": {"Id"},
    "GetStatementResult": {"Id", "NextToken"},
}
_NAMED = re.compile(r"(?<!:):(\w+)")
_PAGE = 2  # rows a page; the service's pages are larger, and clients must not care

api = RouteTable()


@api.route("POST /")
def call(fake: "RedshiftDataApi", request: HttpRequest) -> HttpAnswer:
    """Answer any operation; the protocol names it in a header.

    Raises:
        NotFakedError: The operation or one of its fields is unknown here.
    """
    operation = request.header("X-Amz-Target").removeprefix("RedshiftData.")
    fields = request.fields
    if operation not in _KNOWN or (unknown := fields.keys() - _KNOWN[operation]):
        raise NotFakedError(f"{operation} {', '.join(sorted(unknown)) if operation in _KNOWN else ''}".rstrip())
    fake.operations.append(operation)
    return fake.perform(operation, fields)


class RedshiftDataApi(App):
    """The Data API in one region.

    Attributes:
        statements: What was started, by id: status, statements, answers, and the fields of the request.
        operations: What was asked, in order.
        is_held: Whether statements that are started from now on do not end by themselves.
    """

    name = "redshift-data"
    hosts = ("redshift-data.us-east-1.amazonaws.com",)
    tables = (api,)

    def __init__(self, database: RedshiftDatabase) -> None:
        super().__init__()
        self._database = database
        self.statements: dict[str, dict[str, Any]] = {}
        self.operations: list[str] = []
        self.is_held = False
        self._sessions: dict[str, psycopg.Connection[Any]] = {}

    def release(self) -> None:
        """Let statements end by themselves again, and those that were held now."""
        self.is_held = False
        for found in self.statements.values():
            if found["Status"] == "STARTED" and not (found["answers"] or found["Error"]):
                self._run(found)

    def close(self) -> None:
        """End all sessions."""
        for connection in self._sessions.values():
            connection.close()
        self._sessions.clear()

    def refusal(self, request: HttpRequest, status: int) -> HttpAnswer:  # noqa: ARG002 - of the base
        """Errors in the service's words."""
        code = {401: "ExpiredTokenException", 403: "AccessDeniedException", 429: "ThrottlingException"}
        return _error(code.get(status, "InternalServerException"), "Injected.", status)

    def perform(self, operation: str, fields: dict[str, Any]) -> HttpAnswer:
        """Do what an operation does."""
        if operation in ("ExecuteStatement", "BatchExecuteStatement"):
            return self._start(fields)
        found = self.statements.get(fields["Id"].partition(":")[0])
        if found is None:
            return _error("ResourceNotFoundException", "Query does not exist.")
        if operation == "DescribeStatement":
            return HttpAnswer.json(self._description(fields["Id"], found))
        if operation == "CancelStatement":
            if found["Status"] != "STARTED":
                return _error("ValidationException", "Could not cancel a query that is already in finished state.")
            found["Status"] = "ABORTED"
            return HttpAnswer.json({"Status": True})
        return self._result(fields, found)

    def _start(self, fields: dict[str, Any]) -> HttpAnswer:
        if "SessionId" in fields and (fields["SessionId"] not in self._sessions or fields.keys() & _TARGET):
            return _error("ValidationException", "Session is not available, or named together with a database.")
        token = fields["ClientToken"]
        known = next((key for key, each in self.statements.items() if each["fields"]["ClientToken"] == token), "")
        if not known:
            known = str(uuid.uuid4())
            found: dict[str, Any] = {
                "Status": "STARTED",
                "fields": fields,
                "answers": [],
                "Error": "",
                "SessionId": fields.get("SessionId"),
            }
            self.statements[known] = found
            if not self.is_held:
                self._run(found)
        return HttpAnswer.json({"Id": known, "CreatedAt": 1.9e9, "Database": fields.get("Database", "")})

    def _run(self, found: dict[str, Any]) -> None:
        fields = found["fields"]
        connection = self._sessions.get(fields.get("SessionId", "")) or self._database.connect(autocommit=True)
        try:
            with contextlib.nullcontext() if "Sql" in fields else connection.transaction():
                self._execute(connection, found)
        except psycopg.Error as error:
            found["Error"] = f"ERROR: {error.diag.message_primary or error}"
        if "SessionKeepAliveSeconds" in fields:
            found["SessionId"] = str(uuid.uuid4())
            self._sessions[found["SessionId"]] = connection
        elif not found["SessionId"]:
            connection.close()

    def _execute(self, connection: psycopg.Connection[Any], found: dict[str, Any]) -> None:
        fields = found["fields"]
        values = {each["name"]: each["value"] for each in fields.get("Parameters", ())}
        for each in fields.get("Sqls") or [fields["Sql"]]:
            text = _NAMED.sub(r"%(\1)s", each) if values else each
            cursor = connection.execute(text, values or None)
            columns = [(column.name, _type_name(column.type_code)) for column in cursor.description or ()]
            found["answers"].append((columns, cursor.fetchall() if columns else [], cursor.rowcount))

    def _description(self, asked: str, found: dict[str, Any]) -> dict[str, Any]:
        if found["Status"] == "STARTED" and (found["answers"] or found["Error"]):
            found["Status"] = "FAILED" if found["Error"] else "FINISHED"
        about: dict[str, Any] = {"Id": asked, "Status": found["Status"], "Duration": 5_000_000, "RedshiftPid": 7}
        if found["SessionId"]:
            about["SessionId"] = found["SessionId"]
        if found["Status"] == "FAILED":
            about["Error"] = found["Error"]
        parts = [
            {"HasResultSet": bool(columns), "ResultRows": rows, "Status": "FINISHED"}
            for columns, _, rows in found["answers"]
        ]
        if "Sqls" in found["fields"]:
            if found["Error"]:
                parts.append({"HasResultSet": False, "ResultRows": -1, "Status": "FAILED", "Error": found["Error"]})
            numbered = enumerate(parts, start=1)
            return about | {"SubStatements": [{**part, "Id": f"{asked}:{number}"} for number, part in numbered]}
        return {**(parts[0] if parts else {"HasResultSet": False, "ResultRows": -1}), **about}

    def _result(self, fields: dict[str, Any], found: dict[str, Any]) -> HttpAnswer:
        number = fields["Id"].partition(":")[2]
        columns, rows, _ = found["answers"][int(number or 1) - 1]
        if not columns:
            return _error("ResourceNotFoundException", "Query does not have result.")
        start = int(fields.get("NextToken") or 0)
        page = rows[start : start + _PAGE]
        body: dict[str, Any] = {
            "Records": [[_field(value) for value in row] for row in page],
            "ColumnMetadata": [{"name": name, "typeName": type_name} for name, type_name in columns],
            "TotalNumRows": len(rows),
        }
        if start + _PAGE < len(rows):
            body["NextToken"] = str(start + _PAGE)
        return HttpAnswer.json(body)


def _field(value: Any) -> dict[str, Any]:  # noqa: ANN401 - any value of a database
    if value is None:
        return {"isNull": True}
    if isinstance(value, bool):
        return {"booleanValue": value}
    if isinstance(value, int):
        return {"longValue": value}
    return {"doubleValue": value} if isinstance(value, float) else {"stringValue": _text(value)}


def _type_name(oid: int) -> str:
    found = psycopg.adapters.types.get(oid)
    return "super" if found is None or found.name == "jsonb" else found.name


def _text(value: Any) -> str:  # noqa: ANN401 - as above
    if isinstance(value, Decimal):
        return format(value, "f")
    return json.dumps(value) if isinstance(value, dict | list) else str(value)


def _error(code: str, message: str, status: int = 400) -> HttpAnswer:
    return HttpAnswer.json({"__type": code, "message": message}, status, {"Content-Type": "application/x-amz-json-1.1"})
