"""The steps of the simulated world's tries: what is told to be kept is kept, by the current try alone, until a clear forgets it."""

from collections.abc import Sequence
from random import Random

from penstock.engine.messages import Event
from penstock.model.changes import Changes
from penstock.model.names import STEP
from penstock.model.request import ClearTasks
from penstock.model.run import TaskKey
from penstock.spec.executor import TryAsked
from penstock.spec.wire import Ask, Reply
from penstock.store import Store
from penstock.store.sql import tables
from penstock.testing.simulation.rules.rows import Rows

Place = tuple[TaskKey, str]


class Steps:
    """What must be stored of steps, worked out from what was asked, told and committed.

    Attributes:
        kept: How many values were told to be kept.
        found: How many tries were given what an earlier one had kept.
        left: How many steps a clear has left.
    """

    def __init__(self, random: Random, rows: Rows) -> None:
        self._random, self._rows = random, rows
        self._stored: dict[Place, str] = {}
        self._ever: set[tuple[Place, str]] = set()
        self._turns: dict[Place, int] = {}
        self._asked: dict[tuple[TaskKey, int], int] = {}
        self.kept = self.found = self.left = 0

    def question(self, key: TaskKey, epoch: int) -> Ask:
        """What a try asks when it begins a step."""
        name = f"{STEP}{self._random.choice('ab')}"
        self._asked[key, epoch] = self._turns.get((key, name), 0)
        return Ask("checkpoint", (name,))

    def replied(self, asked: TryAsked, reply: Reply) -> Ask | None:
        """A try is given an answer; what it asks then: to keep a step that nobody has done, or that it does anew."""
        method, args = asked.ask.method, asked.ask.args
        if reply.error or method not in ("checkpoint", "set_checkpoint") or not args[0].startswith(STEP):
            return None
        place = (asked.key, args[0])
        if method == "set_checkpoint":
            assert (place, args[1]) in self._ever, f"{place} was told to be kept, and is not stored"
            self.kept += 1
            return None
        assert reply.value is None or (place, reply.value) in self._ever, f"{place} was never {reply.value}"
        if self._asked.get((asked.key, asked.epoch)) == self._turns.get(place, 0):
            assert reply.value == self._stored.get(place), f"{place} is {self._stored.get(place)}, not {reply.value}"
        self.found += reply.value is not None and f'"value":{asked.epoch}}}' not in reply.value
        if reply.value is not None and self._random.random() < 0.8:
            return None
        return Ask("set_checkpoint", (args[0], f'{{"version":1,"value":{asked.epoch}}}'))

    def stepped(self, events: Sequence[Event], changes: Changes) -> None:
        """A step of the engine is durable."""
        cleared, forgotten = set(changes.cleared), set(changes.forgotten)
        keeps = any(isinstance(event, ClearTasks) and event.keep_steps for event in events)
        assert forgotten == cleared or (keeps and forgotten <= cleared), f"{cleared} are cleared, {forgotten} forgotten"
        self.left += sum(place[0] in cleared - forgotten for place in self._stored)
        for place in [place for place in self._stored if place[0] in forgotten]:
            del self._stored[place]
            self._turns[place] = self._turns.get(place, 0) + 1

    def read(self, store: Store) -> None:
        """Something else than a step of the engine is durable: steps were kept, if anything of them has changed."""
        found = self._found(store)
        for place, value in found.items():
            if self._stored.get(place) == value:
                continue
            task = self._rows.tasks.get(place[0])
            if task is not None:  # the rows of a run that was damaged are not known
                assert task.state.live, f"{place} was kept by a try that is over"
                assert value.endswith(f":{task.epoch}}}"), f"{place} was kept by another try than that of {task.epoch}"
            self._ever.add((place, value))
            self._turns[place] = self._turns.get(place, 0) + 1
        gone = self._stored.keys() - found.keys()
        assert not gone, f"{gone} were kept, and are gone without a clear"
        self._stored = found

    def compare(self, store: Store) -> None:
        """Raise AssertionError if the database has other steps than the commits said."""
        found = self._found(store)
        assert found == self._stored, f"stored are {found}, and {self._stored} should be"

    def _found(self, store: Store) -> dict[Place, str]:
        c = tables.checkpoint.c
        wanted = tables.checkpoint.select().where(c.key.startswith(STEP, autoescape=True))
        with store.database.read() as connection:
            rows = connection.execute(wanted).all()
        return {(TaskKey(row.run, row.task_id, row.map_index), row.key): row.value.decode() for row in rows}
