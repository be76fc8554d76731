"""What nobody can handle, told, asked and requested. A world has none of it unless its setting brings some."""

from collections.abc import Collection, Sequence

from penstock.model.attempt import TryEnd
from penstock.model.dag import DagSpec
from penstock.model.request import Request
from penstock.model.run import Run, TaskKey
from penstock.spec.executor import ExecutorEvent, TryAsked
from penstock.spec.wire import Ask, Reply
from penstock.store import Store
from penstock.testing.simulation.rules.rows import Rows


class OddInput:
    """None: every try, person and row says what can be handled, and nothing is set aside.

    Attributes:
        tries: Key and epoch of each try that told something odd.
        runs: Numbers of the runs whose rows were damaged.
        untriggered: DAGs that nobody can trigger.
    """

    def __init__(self) -> None:
        self.tries: set[tuple[TaskKey, int]] = set()
        self.runs: set[int] = set()
        self.untriggered: Collection[str] = ()

    def dags(self) -> Sequence[DagSpec]:
        """DAGs that nobody can handle."""
        return []

    def event(self, ident: tuple[TaskKey, int]) -> ExecutorEvent | None:
        """Something odd that a try's executor tells in between."""

    def end(self, ident: tuple[TaskKey, int]) -> TryEnd | None:
        """An odd end of a try."""

    def question(self) -> Ask | None:
        """An odd question."""

    def check_reply(self, asked: TryAsked, reply: Reply) -> None:
        """Raise AssertionError if an odd question got another answer than an error."""

    def request(self, run: int) -> Request | bytes | None:
        """An odd request about a run, or bytes that are none."""

    def damage(self, live: Sequence[Run]) -> tuple[int, str] | None:
        """A run and the statement that damages a row of it."""

    def check(self, store: Store, rows: Rows) -> None:
        """Raise AssertionError if something is set aside that was not odd."""
        assert not store.quarantine.all(), f"nothing was odd, and in quarantine is {store.quarantine.all()}"
