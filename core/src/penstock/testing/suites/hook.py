"""The suite of hooks: does it reach its service, say so if it does not, keep its secrets, and bear a fork?"""

import socket
from typing import Any, ClassVar

import msgspec

from penstock.author.hook import ConnectionReport, Hook
from penstock.model.connection import Connection
from penstock.testing.fake_runtime import runtime
from penstock.testing.suites.expect import expect, secrets_shown, within
from penstock.testing.suites.fresh_process import fork_problem

_WRONG = "a-wrong-secret-of-the-suite"


class HookSuite:
    """Tests of a hook against its service, or a faithful stand-in of it.

    A subclass names the class, and gives the fixture ``connection``: a `penstock.Connection` that works::

        class TestAcmeHook(HookSuite):
            hook = AcmeHook

            @pytest.fixture
            def connection(self, server):
                return Connection("acme_default", "acme", host=server.host, port=server.port, password=server.token)

    Attributes:
        hook: The class.
        refuses_wrong_secrets: Whether the service of the tests looks at the secret; a stand-in may let in everybody.
        answers_within_s: Seconds in which the connection test must end if the service does not answer.
    """

    hook: ClassVar[type[Hook]]
    refuses_wrong_secrets: ClassVar[bool] = True
    answers_within_s: ClassVar[float] = 30.0

    def moved(self, connection: Connection, host: str, port: int) -> Connection:
        """The connection at another address; override it if the address does not stand in host and port."""
        return msgspec.structs.replace(connection, host=host, port=port)

    def with_secret(self, connection: Connection, secret: str) -> Connection:
        """The connection with another secret; override it if the secret is not the password."""
        return msgspec.structs.replace(connection, password=secret)

    def impatient(self, connection: Connection) -> Connection:
        """The connection with short time limits, for a service that does not answer; override it if there are fields for that."""
        return connection

    def test_making_it_opens_nothing_and_asks_for_nothing(self) -> None:
        """A hook is made where a DAG file is imported, and there is neither connection nor service."""
        self.hook()
        self.hook("a_connection_that_is_nowhere")

    def test_it_finds_its_connection_by_id_and_reaches_the_service(self, connection: Connection) -> None:
        """The report says that it works, where, as whom if the service tells, and how long it took."""
        with runtime({connection.conn_id: connection}):
            report = self._report(self.hook(connection.conn_id))
        expect(report.ok, f"the connection of the fixture does not work: {report.detail}")
        expect(report.endpoint, "the report does not say which endpoint was reached")
        expect(report.latency_ms > 0, f"the report's latency is {report.latency_ms} ms; measure the round trip")
        expect(report.detail.endswith("."), f"the report's detail is no sentence: {report.detail!r}")

    def test_it_works_again(self, connection: Connection) -> None:
        """A second use finds what the first one left in order."""
        made = self.hook(connection=connection)
        for _ in range(2):
            report = self._report(made)
            expect(report.ok, f"the connection test fails: {report.detail}")

    def test_a_wrong_secret_is_reported_and_not_shown(self, connection: Connection) -> None:
        """The report says no, and its words have no secret in them."""
        report = self._report(self.hook(connection=self.with_secret(connection, _WRONG)))
        expect(not (report.ok and self.refuses_wrong_secrets), "a wrong secret is taken for a right one")
        expect(not secrets_shown((_WRONG,), report), f"the report of a failure shows the secret: {report.detail}")

    def test_a_service_that_is_not_there_is_reported(self, connection: Connection) -> None:
        """Nobody listens at the address: a report with a sentence, no exception, no secret."""
        with socket.socket() as closed:  # it is bound, so that nobody begins to listen there meanwhile
            closed.bind(("127.0.0.1", 0))
            self._expect_away(connection, closed.getsockname()[1], "nobody listens")

    def test_a_service_that_never_answers_does_not_hold_the_task(self, connection: Connection) -> None:
        """Each request has a time limit."""
        with socket.create_server(("127.0.0.1", 0)) as silent:
            self._expect_away(connection, silent.getsockname()[1], "the service takes the connection and says nothing")

    def test_an_unknown_field_of_the_connection_is_refused_by_its_name(self, connection: Connection) -> None:
        """A typing error in a connection is an error, not a field that nobody reads."""
        extra = {**connection.extra, "no_such_field": "x"}
        report = self._report(self.hook(connection=msgspec.structs.replace(connection, extra=extra)))
        expect(not report.ok, "an unknown field of the connection is taken in silence")
        expect("no_such_field" in report.detail, f"an unknown field is refused without its name: {report.detail}")

    def test_nothing_that_it_holds_shows_a_secret(self, connection: Connection) -> None:
        """What a task prints or a traceback shows is the repr of the hook and of its fields."""
        made = self.hook(connection=connection)
        self._report(made)
        secrets = connection.secrets()
        for name, value in {"the hook": made, **_held(made)}.items():
            expect(not secrets_shown(secrets, value), f"{name} shows a secret when it is printed")

    def test_a_fork_after_its_use_is_safe(self, connection: Connection) -> None:
        """Each task is a fork: no client, socket or lock of the parent is used in it."""
        problem = fork_problem(self.hook, connection.conn_id, {connection.conn_id: connection})
        expect(not problem, problem)

    def _report(self, made: Hook) -> ConnectionReport:
        try:
            report = within(self.answers_within_s, made.test_connection, "test_connection()")
        except AssertionError:
            raise
        except Exception as error:
            raise AssertionError(f"test_connection() raises {error!r}; it must report what it found") from error
        expect(isinstance(report, ConnectionReport), f"test_connection() returns {report!r}, no ConnectionReport")
        return report

    def _expect_away(self, connection: Connection, port: int, how: str) -> None:
        secrets = connection.secrets()
        moved = self.moved(self.impatient(connection), "127.0.0.1", port)
        report = self._report(self.hook(connection=moved))
        expect(not report.ok, f"the connection test says that it works where {how}")
        expect(report.detail, f"the report says nothing where {how}")
        expect(not secrets_shown(secrets, report), f"the report shows a secret where {how}: {report.detail}")


def _held(made: Hook) -> dict[str, Any]:
    """The values that a hook keeps, those of its properties as well that it has worked out; a connection hides its own."""
    return {f"{type(made).__name__}.{name}": value for name, value in vars(made).items()}
