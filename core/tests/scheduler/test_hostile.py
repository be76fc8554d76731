"""No text, id, key, name or value stops the scheduler: each is kept as it is or refused with a sentence, on both databases alike."""

import os

import msgspec
import pytest

from penstock.clock import SystemClock
from penstock.errors import PenstockError
from penstock.model.attempt import TryEnd
from penstock.model.dag import DagSpec, TaskSpec
from penstock.model.state import Outcome
from penstock.spec.executor import TryFinished, TryRequest, TryStarted
from penstock.tries.asks import Asks
from penstock.tries.vault import Vault
from penstock.tries.vault_sources import StoreSource
from penstock_testkit.nightly import at_night

from .conftest import NOW, SUCCESS, House
from .hostile import DOORS, TEXTS, random_texts

RANDOM_TEXTS = int(os.environ.get("HOSTILE_TEXTS", at_night("20", "0")))
"""Random texts at each door that takes texts; `nox -s hostile` gives more."""


class Besieged(House):
    """A house that takes whatever comes."""

    def __init__(self, url, folder):
        super().__init__(url, folder)
        self.asks = Asks(self.store, SystemClock(), Vault([StoreSource(self.store)], lambda _: ()))
        self.ends, self.answer = {}, self.answered
        self.define(
            self.simple(), self.simple("sound"), DagSpec("ends", "ends.py", tuple(TaskSpec(f"t{n}") for n in range(4)))
        )
        self.trigger(run_id="first")

    def end_as(self, run_id, ends):
        """Have the tries of a run end so, if a process can say that at all; what nobody can read is a failure of its try."""
        self.ends[run_id] = [_read(end) for end in ends]
        self.trigger("ends", run_id=run_id)

    def answered(self, request):
        """The end that the door asked for, or success."""
        end, facts = SUCCESS, request.facts
        if facts.run_id in self.ends:
            end = self.ends[facts.run_id][int(facts.task_id[1:])]
        return [TryStarted(request.key, request.epoch, 7, NOW), TryFinished(request.key, request.epoch, NOW, end)]

    def outcomes(self):
        """How each task instance of each run has ended, and why."""
        return {
            (run.run_id, task.task_id): (task.state, task.reason)
            for run in self.store.runs.page(limit=10_000)
            for task in self.store.runs.tasks(run.run)
        }

    def meet(self, door, value, number):
        """What comes of a value at a door: it is kept, or refused, or something else happens."""
        try:
            kept = door(self, value, number)
        except PenstockError as error:
            return "refused" if str(error) else "refused without a word"
        except Exception as error:  # noqa: BLE001 - the hole that is looked for
            return f"{type(error).__name__}: {error}"[:200]
        same = type(kept) is type(value) and (kept == value or (value != value and kept != kept))  # noqa: PLR0124 - nan
        return "kept" if same else f"changed into {kept!r}"[:200]


def _read(end):
    """What the executor reads of an end that a process sent."""
    try:
        return msgspec.msgpack.decode(msgspec.msgpack.encode(end), type=TryEnd)
    except (ValueError, TypeError, OverflowError, RecursionError):
        return TryEnd(Outcome.FAILED, "its process sent an unreadable answer", retryable=False)


def shown(value):
    """The value for the message of a failure."""
    try:
        return ascii(value)[:60]
    except RecursionError:
        return "a value that is nested deep"


@pytest.fixture
def houses(tmp_path, postgres_tables_url):
    """The same house on either database."""
    both = [Besieged(f"sqlite:///{tmp_path}/penstock.db", tmp_path), Besieged(postgres_tables_url, tmp_path)]
    yield both
    for house in both:
        house.close()


@pytest.mark.timeout(300 + RANDOM_TEXTS)  # two databases, a thousand values
def test_each_door_keeps_or_refuses_what_is_hostile_on_both_databases_alike_and_the_scheduler_goes_on(houses):
    holes = []
    for nth, (door, values) in enumerate(DOORS.items()):
        more = random_texts(door.__name__, RANDOM_TEXTS) if values[-1] is TEXTS[-1] else []
        for number, value in enumerate([*values, *more]):
            if (number + nth) % at_night(1, 3) and not RANDOM_TEXTS:
                continue  # the doors share their values, of which each has some with each change, and all at night
            met = [house.meet(door, value, number) for house in houses]
            if met[0] != met[1] or met[0] not in ("kept", "refused"):
                holes.append((f"{door.__name__} {number}", shown(value), *met))
    for house in houses:
        house.trigger("sound", run_id="last")
        house.schedule()
        assert house.states_of("sound") == {"last": "success"}
        assert house.store.quarantine.all() == [], "it came through a door that should have refused it"
        requested = [
            msgspec.msgpack.decode(msgspec.msgpack.encode(each), type=TryRequest) for each in house.workers.requests
        ]
        assert requested == house.workers.requests, "what was accepted can be carried out"
    ended = [set(house.states().values()) <= {"success", "failed"} for house in houses]
    assert (holes, ended) == ([], [True, True])
    assert houses[0].outcomes() == houses[1].outcomes()
