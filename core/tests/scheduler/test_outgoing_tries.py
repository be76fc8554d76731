"""An executor that keeps its tries in the database has them offered by the transaction that decides them."""

from msgspec.structs import replace

from penstock.model.attempt import TryEnd, Value
from penstock.model.dag import DagSpec, TaskSpec, XComRef
from penstock.model.remote.remote_try import OfferedTry
from penstock.model.state import Outcome
from penstock.scheduler.outgoing_tries import MOST_AT_ONCE
from penstock.spec.executor import TryFinished, TryStarted

from .conftest import NOW, SUCCESS, Workers


class Offering(Workers):
    """Keeps its tries in the database; notes which are offered by a decision, and which came otherwise."""

    def __init__(self, house, *args):
        super().__init__(*args)
        self._store = house.store
        self.offers, self.durable, self.submitted = [], [], []
        self.run_of_offers = None

    def offer(self, tx, tries):
        self.offers.append([each.facts.task_id for each in tries])
        rows = []
        for each in tries:
            key = each.key if self.run_of_offers is None else each.key._replace(run=self.run_of_offers)
            rows.append(OfferedTry(each.facts.task_id, key, each.epoch, "chain", "one", "far", "default", b"", 60.0))
        self._store.remote_tries.offer_in(tx, rows, "this scheduler", NOW)

    def offered(self, tries):
        self.durable.append(set(self._store.remote_tries.owners([each.facts.task_id for each in tries])))
        super().submit(tries)

    def submit(self, tries):
        self.submitted.append([each.facts.task_id for each in tries])
        super().submit(tries)


def chain(*tasks):
    return DagSpec("chain", "chain.py", tasks)


def offering(house, dag, **changes):
    """What became of a run of a DAG."""
    made = []

    def workers(*args):
        made.append(Offering(house, *args))
        for name, value in changes.items():
            setattr(made[0], name, value)
        return made[0]

    house.define(dag)
    house.trigger("chain")
    house.schedule(workers=workers)
    assert house.states() == {"one": "success"}
    return made[0]


def test_a_try_is_offered_by_the_commit_of_its_decision_and_handed_over_once_that_is_durable(house):
    found = offering(house, chain(TaskSpec("a"), TaskSpec("b", upstream=("a",)), TaskSpec("c", upstream=("b",))))
    assert found.submitted == [["a"]], (
        "at its start, a scheduler takes all that waits, and offers what follows after it"
    )
    assert found.offers == [["b"], ["c"]]
    assert found.durable == [{"b"}, {"c"}]


def test_a_try_takes_what_the_same_transaction_stores_of_the_task_before_it(house):
    ref = XComRef("a", "return_value")
    left = TryEnd(Outcome.SUCCESS, xcoms={"return_value": Value(b"42")})
    house.answer = lambda request: [
        TryStarted(request.key, request.epoch, 7, NOW),
        TryFinished(request.key, request.epoch, NOW, left if request.facts.task_id == "a" else SUCCESS),
    ]
    found = offering(house, chain(TaskSpec("a"), TaskSpec("b", upstream=("a",), inputs=(ref,))))
    assert found.offers == [["b"]]
    assert found.requests[1].inputs.values == {"a": {"return_value": b"42"}}


def test_an_offer_that_cannot_be_stored_holds_up_nobody(house):
    found = offering(house, chain(TaskSpec("a"), TaskSpec("b", upstream=("a",))), run_of_offers=99)
    assert (found.offers, found.durable, found.submitted) == ([["b"]], [], [["a"], ["b"]])


def test_of_very_many_tries_the_offers_come_after_the_commit(house):
    many = [TaskSpec(f"t{each}", upstream=("a",)) for each in range(MOST_AT_ONCE + 1)]
    dag = replace(chain(TaskSpec("a"), *many), max_active_tasks=MOST_AT_ONCE + 1)
    found = offering(house, dag, capacity=lambda: MOST_AT_ONCE + 1)
    assert found.offers == []
    assert [len(each) for each in found.submitted] == [1, MOST_AT_ONCE + 1]
