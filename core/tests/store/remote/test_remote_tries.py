"""Tries that are offered, claimed by one worker, ended once, and heard of by their own scheduler."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from msgspec.structs import replace

from penstock.errors import NotFoundError
from penstock.model.changes import Changes
from penstock.model.remote.remote_try import OfferedTry, RemoteState, WorkerStatus
from penstock.model.run import NewRun, RunKind, TaskKey

ME, CLAIM = "scheduler-1", "a-claim-of-tests"


@pytest.fixture
def run(store, now):
    return store.apply(Changes(new_runs=[NewRun("sales", "one", RunKind.MANUAL, now, now, now)]), now)[0].run


@pytest.fixture
def offer(store, run, now):
    def offer(*names, owner=ME, executor="celery"):
        tries = [
            OfferedTry(name, TaskKey(run, name, -1), 1, "sales", "one", executor, "default", b"request", 60.0)
            for name in names
        ]
        store.remote_tries.offer(tries, owner, now)

    return offer


@pytest.fixture
def claim(store, now):
    def claim(*names, worker="w1", text=CLAIM):
        return {each.name for each in store.remote_tries.claim(names, text, worker, now)}

    return claim


def test_of_two_workers_one_gets_a_try_and_the_same_one_again(offer, claim):
    offer("a", "b")
    assert claim("a") == {"a"}
    assert claim("a", "b", worker="w2", text="another-claim") == {"b"}
    assert claim("a") == {"a"}  # its answer may have been lost
    assert claim("a", text="another-text") == set()
    assert claim("nobody") == set()


def test_of_workers_that_ask_at_the_same_moment_one_gets_each_try(offer, claim):
    names = [f"t{number}" for number in range(10)]
    offer(*names)
    with ThreadPoolExecutor(4) as threads:
        got = list(
            threads.map(lambda worker: claim(*names, worker=worker, text=f"claim-{worker}"), ["1", "2", "3", "4"])
        )
    assert sorted(name for each in got for name in each) == sorted(names)


def test_a_scheduler_hears_of_a_claim_once_and_of_an_end_until_it_says_so(store, offer, claim, now):
    offer("a")
    assert store.remote_tries.news(ME, "celery") == []
    claim("a")
    [news] = store.remote_tries.news(ME, "celery")
    assert (news.name, news.state, news.worker, news.claimed_at) == ("a", RemoteState.CLAIMED, "w1", now)
    store.remote_tries.received(ME, {"w1": ["a"]})
    assert store.remote_tries.news(ME, "celery") == []
    later = now + timedelta(seconds=5)
    store.remote_tries.end([("a", CLAIM, b"end")], later)
    [news] = store.remote_tries.news(ME, "celery")
    assert (news.state, news.ended, news.ended_at) == (RemoteState.ENDED, b"end", later)
    assert store.remote_tries.news("another", "celery") == store.remote_tries.news(ME, "dask") == []
    store.remote_tries.received(ME, {}, ["a"])
    assert store.remote_tries.news(ME, "celery") == []
    assert store.remote_tries.adopt(["a"], ME) == {}


def test_a_claim_that_was_received_late_hides_no_end(store, offer, claim, now):
    offer("a")
    claim("a")
    store.remote_tries.end([("a", CLAIM, b"end")], now)
    store.remote_tries.received(ME, {"w1": ["a"]})
    assert [each.state for each in store.remote_tries.news(ME, "celery")] == [RemoteState.ENDED]


def test_a_try_that_is_given_back_is_anybodys_and_its_scheduler_hears_so(store, offer, claim):
    offer("a")
    claim("a")
    store.remote_tries.received(ME, {"w1": ["a"]})
    assert store.remote_tries.give_back({"a": "of-another-claim", "none": CLAIM}) == set()
    assert store.remote_tries.give_back({"a": CLAIM}) == {"a"}
    [news] = store.remote_tries.news(ME, "celery")
    assert (news.state, news.worker, news.claimed_at) == (RemoteState.OFFERED, "", None)
    assert store.remote_tries.held({"a": CLAIM}) == {}
    store.remote_tries.received(ME, {}, offered=["a"])
    assert store.remote_tries.news(ME, "celery") == []
    assert claim("a", worker="w2", text="another-claim") == {"a"}
    assert [each.worker for each in store.remote_tries.news(ME, "celery")] == ["w2"]


def test_who_claims_what_was_given_back_is_heard_of_though_the_first_claim_is_noted_late(store, offer, claim):
    offer("a")
    claim("a")
    store.remote_tries.give_back({"a": CLAIM})
    claim("a", worker="w2", text="another-claim")
    store.remote_tries.received(ME, {"w1": ["a"]}, offered=["a"])  # what was read before that
    assert [each.worker for each in store.remote_tries.news(ME, "celery")] == ["w2"]


def test_what_is_cancelled_is_not_given_back(store, offer, claim):
    offer("a")
    claim("a")
    store.remote_tries.cancel(["a"], "you said so", ME)
    assert store.remote_tries.give_back({"a": CLAIM}) == set()
    assert store.remote_tries.held({"a": CLAIM})["a"].cancelled == "you said so"


def test_the_first_end_counts_and_only_by_the_claim_that_holds(store, offer, claim, now):
    offer("a")
    claim("a")
    store.remote_tries.end([("a", "of-another-claim", b"stranger")], now)
    assert store.remote_tries.held({"a": CLAIM})["a"].ended is False
    store.remote_tries.end([("a", CLAIM, b"first")], now)
    store.remote_tries.end([("a", CLAIM, b"second")], now)
    [news] = store.remote_tries.news(ME, "celery")
    assert news.ended == b"first"
    assert store.remote_tries.held({"a": CLAIM})["a"].ended is True
    assert store.remote_tries.held({"a": "of-another-claim"}) == {}


def test_a_cancelled_try_is_withdrawn_or_its_worker_is_asked(store, offer, claim, now):
    offer("waits", "runs", "over")
    claim("runs", "over")
    store.remote_tries.end([("over", CLAIM, b"end")], now)
    assert store.remote_tries.cancel(["waits", "runs", "over", "none"], "you said so", ME) == ({"waits"}, {"runs"})
    assert store.remote_tries.cancelled(["w1", "w2"]) == {"w1": {"runs": "you said so"}}
    assert claim("waits") == set()


def test_what_is_given_up_is_gone_unless_it_has_ended(store, offer, claim, now):
    offer("waits", "runs", "over")
    claim("runs", "over")
    store.remote_tries.end([("over", CLAIM, b"end")], now)
    assert store.remote_tries.abandon(["waits", "runs", "over"], ME) == {"waits", "runs"}
    assert store.remote_tries.held({"runs": CLAIM}) == {}
    assert [each.name for each in store.remote_tries.news(ME, "celery")] == ["over"]


def test_a_scheduler_does_nothing_to_tries_that_another_has_taken_over(store, offer, claim, now):
    offer("waits", "runs", "over")
    claim("runs", "over")
    store.remote_tries.end([("over", CLAIM, b"end")], now)
    store.remote_tries.adopt(["waits", "runs", "over"], "scheduler-2")
    assert store.remote_tries.abandon(["waits", "runs", "over"], ME) == set()
    assert store.remote_tries.cancel(["waits", "runs"], "it is late", ME) == (set(), set())
    store.remote_tries.received(ME, {}, ["over"])
    assert set(store.remote_tries.owners(["waits", "runs", "over"])) == {"waits", "runs", "over"}
    assert store.remote_tries.cancelled(["w1"]) == {}


def test_another_scheduler_that_takes_tries_over_hears_of_them(store, offer, claim):
    offer("waits", "runs")
    claim("runs")
    found = store.remote_tries.adopt(["waits", "runs", "never-offered"], "scheduler-2")
    assert {name: each.state for name, each in found.items()} == {
        "waits": RemoteState.OFFERED,
        "runs": RemoteState.CLAIMED,
    }
    assert store.remote_tries.news(ME, "celery") == []
    assert [each.name for each in store.remote_tries.news("scheduler-2", "celery")] == ["runs"]


def test_what_a_worker_does_not_know_of_is_ended_for_it(store, offer, claim, now):
    offer("a", "b")
    claim("a")
    before = now + timedelta(seconds=1)
    assert store.remote_tries.of_worker("w1", now) == []  # it may not have had its answer yet
    assert store.remote_tries.of_worker("w1", before) == ["a"]
    store.remote_tries.give_up(["a", "b"], "w1", b"lost", now)
    assert [(each.name, each.ended) for each in store.remote_tries.news(ME, "celery")] == [("a", b"lost")]


def test_a_note_says_what_a_try_waits_for(store, offer, run):
    offer("a")
    store.remote_tries.note({"a": "its image is being pulled"})
    assert store.remote_tries.noted(TaskKey(run, "a", -1), 1) == "its image is being pulled"
    assert store.remote_tries.noted(TaskKey(run, "a", -1), 2) == ""


def test_a_worker_is_counted_each_time_it_is_heard_of_and_told_to_drain(store, now):
    workers = store.remote_workers
    status = WorkerStatus("w1", "celery", ("a", "b"), "host", "1.0", slots=4)
    assert workers.renew(status, now) is False
    status = replace(status, done=3, failed=1, taken_s=1.5, load=0.25)
    assert workers.renew(status, now + timedelta(seconds=10)) is False
    [found] = workers.all("celery")
    assert (found.status, found.beats, found.started_at) == (status, 2, now)
    with store.transaction() as tx:
        workers.drain(tx, "w1")
    assert workers.renew(status, now) is True
    assert workers.drain_requested() == {"w1"}
    with pytest.raises(NotFoundError, match="w2"), store.transaction() as tx:
        workers.drain(tx, "w2")
    workers.forget(["w1"])
    assert workers.all() == []


def test_a_worker_that_was_started_for_a_ticket_is_known_by_its_claim(store, offer, claim):
    offer("a", executor="pods")
    claim("a", worker="pod-1")
    [found] = store.remote_workers.all("pods")
    assert (found.status.worker, found.status.slots, found.beats) == ("pod-1", 0, 1)
