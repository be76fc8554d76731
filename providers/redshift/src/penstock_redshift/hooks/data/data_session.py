"""Statements by the Data API, for the hook: each for itself on one session of the service, or all in one transaction.

Source: ExecuteStatement, BatchExecuteStatement (a batch is one transaction) and DescribeStatement of the Amazon Redshift Data API
Reference; "Reusing sessions" there: a session that a statement left behind is used by its id, in place of the database's name,
and is closed by the service when it was idle for as long as was asked.
"""

import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, NoReturn

from penstock.errors import ErrorKind, ProviderError
from penstock.spec.hooks.call_retry import Retry
from penstock_redshift.connections import RedshiftFields
from penstock_redshift.errors import provider_error
from penstock_redshift.hooks.data.data_answer import DataAnswer
from penstock_redshift.hooks.data.data_client import MOST_STATEMENTS, DataApi, StatementFailedError, failure
from penstock_redshift.hooks.data.in_flight import InFlight
from penstock_redshift.hooks.data.placeholders import with_literals
from penstock_redshift.hooks.literals import adapters, literal_of, refuse_unwritable
from penstock_redshift.hooks.progress import CHANGE_NOTHING, Progress
from penstock_redshift.hooks.quoting import quoted
from penstock_redshift.hooks.session import Parameters, Session
from penstock_redshift.hooks.statements import first_word
from penstock_redshift.hooks.tagging import tagged

_IDLE_SECONDS = 60  # after which the service closes a session that nobody used
_ENDS = ("FINISHED", "FAILED", "ABORTED")
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.05, 2.0


class DataSession(Session):
    """Runs statements by the Data API, tagged with the task they belong to, and waits for their end.

    Parameters are written into the statements as literals, as they are over a connection. A statement is cancelled with its task. One that
    changes something is asked for once, whoever is killed: a later try of the task goes on with it.

    Attributes:
        progress: What of the work is committed.
    """

    def __init__(
        self, fields: RedshiftFields, tags: Mapping[str, str], conn_id: str = "", *, autocommit: bool = True
    ) -> None:
        self.progress = Progress(autocommit=autocommit)
        self._tagging, self._tags = fields.sql_tagging, tags
        self._fields, self._conn_id = fields, conn_id
        self._session_id = ""
        target = {
            "Database": fields.database, "ClusterIdentifier": fields.cluster_identifier,
            "WorkgroupName": fields.workgroup_name, "DbUser": fields.user, "SecretArn": fields.secret_arn,
        }  # fmt: skip
        self._api = DataApi(
            fields.aws_conn_id, fields.region_name, {name: value for name, value in target.items() if value},
            fields.profile_name, fields.endpoint_url,
        )  # fmt: skip
        self._retry = Retry(fields.max_attempts)

    @property
    def connection(self) -> NoReturn:  # type: ignore[override]  # what needs it is told so
        """Refused: there is none."""
        raise refused(
            "there is no connection of the driver, and with it no notices, server-side cursors or COPY of rows"
        )

    def run(self, statement: Any, parameters: Parameters = None) -> Any:  # noqa: ANN401 - text or psycopg.sql, and a DataAnswer
        """Run one statement, which is committed by itself; the statements of this object share one session."""
        plain = self._text(statement, parameters)
        if not self._session_id and (settings := self._settings()):
            self._answers(settings, settings, {"SessionKeepAliveSeconds": _IDLE_SECONDS})
        known = {"SessionId": self._session_id} if self._session_id else {"SessionKeepAliveSeconds": _IDLE_SECONDS}
        self.progress.begin(plain, "IDLE")
        try:
            (answer,) = self._answers([plain], [self._tagged(plain)], known)
        except BaseException:
            self.progress.end("IDLE", failed=True)
            raise
        self.progress.end("IDLE")
        return answer

    def run_all(self, statements: Sequence[str], parameters: Parameters = None) -> list[DataAnswer]:
        """Run statements in one transaction; returns their answers.

        Raises:
            penstock.errors.ProviderError: One failed, and nothing of them is done but what TRUNCATE or COMMIT among them committed; or
                there are more than the service takes.
        """
        settings = self._settings()
        if len(settings) + len(statements) > MOST_STATEMENTS:
            raise refused(f"a transaction has {MOST_STATEMENTS} statements at most, those that set up the session included, not "
                          f"{len(settings) + len(statements)}")  # fmt: skip
        plain = [self._text(each, parameters) for each in statements]
        sent = [*settings, *(self._tagged(each) for each in plain)]
        return self._answers([*settings, *plain], sent, {})[len(settings) :]

    def rows_apart(self, statement: Any, parameters: Parameters = None) -> list[tuple[Any, ...]]:  # noqa: ANN401 - as above
        """Run one query: each statement is one transaction."""
        return self.rows(statement, parameters)

    def _answers(self, plain: list[str], sent: list[str], options: dict[str, Any]) -> list[DataAnswer]:
        words = [first_word(each) for each in plain]
        changes = not set(words) <= CHANGE_NOTHING
        request = InFlight(plain, is_kept=changes)
        try:
            self._ask(request, sent, options)
            found = self._ended(request)
        except ProviderError as error:
            if changes and not request.is_kept and error.kind in (ErrorKind.TRANSIENT, ErrorKind.TIMEOUT):
                self.progress.doubtful = _telling(words)
            raise
        self._session_id = str(found.get("SessionId") or self._session_id)
        parts = found.get("SubStatements") or [found]
        if found["Status"] != "FINISHED":
            self._note_committed(words, parts)
            raise self._failure(found, words)
        return [DataAnswer(self._api, part, word) for part, word in zip(parts, words, strict=True)]

    def _ask(self, request: InFlight, sent: list[str], options: dict[str, Any]) -> None:
        """Have it started, unless an earlier try has."""
        if request.id:
            print(f"Goes on with the statement {request.id}, which an earlier try asked for.")  # noqa: T201 - the task's log
            return
        request.keep()
        # A session is named in place of the database.
        api = self._api._replace(target={}) if "SessionId" in options else self._api
        request.keep(self._retry.call(lambda: api.start(sent, request.token, options)))

    def _ended(self, request: InFlight) -> dict[str, Any]:
        """What the service says of a request when it has ended."""
        pause = _FIRST_PAUSE_S
        try:
            while (found := self._retry.call(lambda: self._api.described(request.id)))["Status"] not in _ENDS:
                time.sleep(pause)
                pause = min(pause * 1.5, _LONGEST_PAUSE_S)
        except BaseException as error:
            with suppress(Exception):  # what ended the wait is what counts
                self._api.cancel(request.id)
            if request.was_known and isinstance(error, ProviderError) and error.kind is ErrorKind.NOT_FOUND:
                request.forget()
                raise error.with_detail(
                    f"the service knows no more of the statement {request.id}, which an earlier try asked for; look at the data"
                ) from error
            raise
        request.forget()
        return found

    def _note_committed(self, words: list[str], parts: Sequence[Mapping[str, Any]]) -> None:
        for number, (word, part) in enumerate(zip(words, parts, strict=False), start=1):
            if word in ("TRUNCATE", "COMMIT", "END") and part.get("Status") == "FINISHED":
                self.progress.committed = f"{word} (statement {number})"

    def _failure(self, found: Mapping[str, Any], words: list[str]) -> ProviderError:
        states = [each.get("Status") for each in found.get("SubStatements", ())]
        operation = words[states.index("FAILED")] if "FAILED" in states else _telling(words)
        if found["Status"] == "ABORTED":
            return ProviderError(
                "the statement was cancelled, or ran longer than the service lets it",
                service="redshift", operation=operation, kind=ErrorKind.TIMEOUT,
            )  # fmt: skip
        return provider_error(StatementFailedError(failure(found)), operation=operation, conn_id=self._conn_id)

    def _text(self, statement: Any, parameters: Parameters) -> str:  # noqa: ANN401 - text or psycopg.sql
        text = with_literals(statement if isinstance(statement, str) else statement.as_string(adapters()), parameters)
        refuse_unwritable(text, "the statement")
        return text

    def _tagged(self, text: str) -> str:
        return tagged(text, self._tags, self._tagging)

    def _settings(self) -> list[str]:
        fields = self._fields
        wanted = {
            "statement_timeout": int(fields.statement_timeout_s * 1000),
            "query_group": fields.query_group,
            "timezone": fields.timezone,
        }
        found = [f"SET {name} TO {literal_of(value)}" for name, value in wanted.items() if value]
        if fields.search_path:
            names = [quoted(name.strip()) for name in fields.search_path.split(",")]
            found.append(f"SET search_path TO {', '.join(names)}")
        return found


def _telling(words: Sequence[str]) -> str:
    return next((each for each in words if each not in ("", "SET")), "Statement")


def refused(why: str) -> ProviderError:
    """The error of what the Data API cannot do."""
    return ProviderError(
        why,
        service="redshift",
        operation="Data API",
        kind=ErrorKind.INVALID,
        hint="Give the connection transport = wire for it",
    )
