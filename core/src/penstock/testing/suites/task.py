"""The suites of operators and sensors: do they their work in a run, again if need be, and as every task does?"""

import contextlib
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any, ClassVar

import pytest

from penstock.author.capability import operator
from penstock.author.dag import DAG
from penstock.author.operator import Operator
from penstock.author.parse_session import ParseSession, current_session
from penstock.author.sensor import Sensor
from penstock.errors import PenstockError
from penstock.model.connection import Connection
from penstock.plugins.host import PluginHost
from penstock.spec.plugin import Capability
from penstock.testing.installed import installed
from penstock.testing.run import DagResult, run_dag
from penstock.testing.suites.expect import expect, secrets_shown

_TASK_ID = "tested"
_EVERY_TASK: Mapping[str, Any] = {
    "retries": 3, "retry_delay": timedelta(seconds=7), "pool": "a_pool", "pool_slots": 2, "priority_weight": 5, "queue": "a_queue",
    "trigger_rule": "all_done", "execution_timeout": timedelta(seconds=77), "owner": "the suite",
}  # fmt: skip
_UNKNOWN = "no_such_argument_of_the_suite"


class OperatorSuite:
    """Tests of an operator, in runs of one task against its service or a faithful stand-in.

    A subclass names the class, and gives the fixture ``arguments``: with which it does its work::

        class TestSendBox(OperatorSuite):
            operator = SendBoxOperator

            @pytest.fixture
            def arguments(self):
                return {"box": "b1"}

            @pytest.fixture
            def connections(self, server):
                return {"acme_default": server.connection}

    Attributes:
        operator: The class.
    """

    operator: ClassVar[type[Operator]]

    @pytest.fixture
    def connections(self) -> Mapping[str, Connection]:
        """The connections that it may ask for, by id; none unless a subclass gives some."""
        return {}

    @pytest.fixture
    def stores(self) -> Mapping[str, Any]:
        """Object stores by scheme, beside those of installed providers; none unless a subclass gives some."""
        return {}

    def test_it_does_its_work(
        self, arguments: dict[str, Any], connections: Mapping[str, Connection], stores: Mapping[str, Any]
    ) -> None:
        """In a run it succeeds, and shows no secret in what it leaves for others."""
        result = self._run(self.operator, arguments, connections, stores)
        left = result.value(_TASK_ID)
        for each in connections.values():
            expect(
                not secrets_shown(each.secrets(), left), f"the value that it leaves shows a secret of {each.conn_id!r}"
            )

    def test_a_repetition_does_no_harm(
        self, arguments: dict[str, Any], connections: Mapping[str, Connection], stores: Mapping[str, Any]
    ) -> None:
        """A task runs again after a failure or a kill: what it did before is no failure."""
        for _ in range(2):
            self._run(self.operator, arguments, connections, stores)

    def test_it_works_by_its_capability_id(
        self, arguments: dict[str, Any], connections: Mapping[str, Connection], stores: Mapping[str, Any]
    ) -> None:
        """A DAG may name it without importing it: the arguments fit its manifest, and the task is made from its stored plan."""
        with _as_loaded():  # else nobody knows that it is a sensor, nor what its manifest says
            made = self._dag(lambda **given: operator(self._capability(), **given), arguments, {})
        self._checked(made, connections, stores)

    def test_templates_are_rendered_before_they_are_looked_at(
        self, arguments: dict[str, Any], connections: Mapping[str, Connection], stores: Mapping[str, Any]
    ) -> None:
        """A constructor sees the template's text, `execute` or `poke` what came of it."""
        fields = [name for name in self.operator.template_fields if isinstance(arguments.get(name), str)]
        templates = {name: f"{{{{ params.{name} }}}}" for name in fields}
        params = {name: arguments[name] for name in fields}
        self._run(self.operator, {**arguments, **templates}, connections, stores, params)

    def test_it_takes_what_every_task_takes(self, arguments: dict[str, Any]) -> None:
        """Retries, pools, queues and time limits are the author's; none is dropped on the way."""
        made, plain = self._made(arguments, **_EVERY_TASK), Operator(task_id=_TASK_ID, **_EVERY_TASK)
        dropped = [name for name in _EVERY_TASK if getattr(made, name) != getattr(plain, name)]
        expect(not dropped, f"{self.operator.__name__} drops {', '.join(dropped)}; pass **kwargs on")

    def test_it_keeps_its_arguments_as_they_are_given(self, arguments: dict[str, Any]) -> None:
        """Each template field is an attribute with the value that the author wrote; rendering puts another in its place."""
        made = self._made(arguments)
        for name in self.operator.template_fields:
            expect(hasattr(made, name), f"template_fields names {name!r}, which {self.operator.__name__} does not have")
            given = arguments.get(name, getattr(made, name))
            expect(getattr(made, name) == given, f"{name} is {getattr(made, name)!r} after it was given as {given!r}")

    def test_an_unknown_argument_is_refused_by_its_name(self, arguments: dict[str, Any]) -> None:
        """A typing error in a DAG file is an error, not an argument that nobody reads."""
        try:
            self._made(arguments, **{_UNKNOWN: 1})
        except (PenstockError, TypeError) as error:
            expect(_UNKNOWN in str(error), f"an unknown argument is refused without its name: {error}")
        else:
            raise AssertionError("an unknown argument is taken in silence")

    def test_it_may_be_killed_before_it_has_begun(self, arguments: dict[str, Any]) -> None:
        """`on_kill` may come at any moment, the first one included."""
        self._made(arguments).on_kill()

    def _made(self, arguments: Mapping[str, Any], **more: Any) -> Operator:  # noqa: ANN401 - any arguments
        return self.operator(task_id=_TASK_ID, **arguments, **more)

    def _capability(self) -> str:
        package = self.operator.__module__.partition(".")[0]
        host = installed()
        found = [
            each.id
            for each in host.capabilities("operators", "sensors")
            if each.object.startswith(package) and self._is_behind(host, each.id)
        ]
        expect(found, f"no manifest of an installed provider names {self.operator.__module__}:{self.operator.__name__}")
        return found[0]

    def _is_behind(self, host: PluginHost, capability_id: str) -> bool:
        with contextlib.suppress(PenstockError):  # another of the provider's, which is broken
            return host.resolve(capability_id) is self.operator
        return False

    def _run(
        self,
        make: Any,  # noqa: ANN401 - whatever makes a task
        arguments: Mapping[str, Any],
        connections: Mapping[str, Connection],
        stores: Mapping[str, Any],
        params: Mapping[str, Any] | None = None,
    ) -> DagResult:
        return self._checked(self._dag(make, arguments, params or {}), connections, stores)

    def _dag(self, make: Any, arguments: Mapping[str, Any], params: Mapping[str, Any]) -> DAG:  # noqa: ANN401 - as above
        with DAG("suite", schedule=None, params=dict(params)) as dag:
            make(task_id=_TASK_ID, **arguments)
        return dag

    def _checked(self, dag: DAG, connections: Mapping[str, Connection], stores: Mapping[str, Any]) -> DagResult:
        result = run_dag(dag, connections=connections, stores=stores)
        errors = result.tasks[_TASK_ID].errors
        for each in connections.values():
            expect(not secrets_shown(each.secrets(), *errors), f"an error shows a secret of {each.conn_id!r}")
        return result.check()


class _Installed:
    """The capabilities of the installed providers, as the import of a DAG file knows them."""

    def __init__(self) -> None:
        self._host = installed()
        self._declared = {each.id: each for each in self._host.capabilities("operators", "sensors")}

    def __call__(self, capability_id: str) -> Capability:
        """Find a capability; raises KeyError."""
        return self._declared[capability_id]

    def load(self, capability: Capability) -> Any:  # noqa: ANN401 - any object
        """Import the object of one."""
        return self._host.resolve(capability.id)


@contextlib.contextmanager
def _as_loaded() -> Iterator[None]:
    """A block in which a DAG is made as the import of its file makes it."""
    token = current_session.set(ParseSession(capabilities=_Installed()))
    try:
        yield
    finally:
        current_session.reset(token)


class SensorSuite(OperatorSuite):
    """Tests of a sensor: those of an operator, and that it waits as a sensor must.

    A subclass names the class as `operator`, and gives two fixtures: ``arguments``, for which the wait is over at once, and
    ``waiting``, for which it is not.
    """

    def test_a_poke_finds_whether_the_wait_is_over(
        self, waiting: dict[str, Any], connections: Mapping[str, Connection], stores: Mapping[str, Any]
    ) -> None:
        """What is not there yet is waited for until the author's time limit, and is no error before."""
        given = {**waiting, "poke_interval": 30.0, "timeout": 100.0}
        made = self._made(given)
        expect(isinstance(made, Sensor), f"{self.operator.__name__} is no subclass of penstock.Sensor")
        expect(getattr(type(made), "poke", Sensor.poke) is not Sensor.poke, f"{self.operator.__name__} has no poke()")
        self._expect_waiting(made)
        with DAG("suite", schedule=None) as dag:
            self.operator(task_id=_TASK_ID, **given)
        found = run_dag(dag, connections=connections, stores=stores).tasks[_TASK_ID]
        expect(found.state == "failed", f"it is {found.state} where the wait is not over: {found.reason}")
        expect(
            "100" in found.reason or "timeout" in found.reason,
            f"the wait ends otherwise than by its timeout: {found.reason}",
        )

    def test_it_gives_up_at_some_time(self, arguments: dict[str, Any]) -> None:
        """Without a word of the author's it does not wait for ever, and pokes no more often than once a second."""
        made = self._made(arguments)
        expect(isinstance(made, Sensor), f"{self.operator.__name__} is no subclass of penstock.Sensor")
        expect(0 < _seconds(made, "timeout") < _FOR_EVER_S, f"its timeout is {getattr(made, 'timeout', None)!r}")
        expect(_seconds(made, "poke_interval") >= 1, f"its poke_interval is {getattr(made, 'poke_interval', None)!r}")

    def _expect_waiting(self, made: Operator) -> None:
        kept = (_seconds(made, "timeout"), _seconds(made, "poke_interval"))
        expect(kept == (100.0, 30.0), f"{self.operator.__name__} drops timeout or poke_interval: {kept}")


_FOR_EVER_S = 366 * 86400.0


def _seconds(made: Operator, name: str) -> float:
    value = getattr(made, name, None)
    if isinstance(value, timedelta):
        return value.total_seconds()
    return float(value) if isinstance(value, int | float) else float("inf")
