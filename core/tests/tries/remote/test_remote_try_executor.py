"""What a scheduler hears of tries on other machines, whatever becomes of workers, of itself and of the database."""

import contextlib

import msgspec
import pytest

from penstock.errors import CommitUnknownError, StoreUnavailableError
from penstock.model.changes import Changes
from penstock.model.remote.remote_try import WorkerStatus
from penstock.model.run import Try
from penstock.model.state import Outcome
from penstock.spec.executor import Heartbeat, TryFinished, TryRecovered, TryStarted
from penstock.spec.remote import Refused
from penstock.tries.remote.left_rows import SWEEP_S, LeftRows, LostTries

from .conftest import NOW, key_of

LOST, CANCELLED, SUCCESS, FAILED = Outcome.LOST, Outcome.CANCELLED, Outcome.SUCCESS, Outcome.FAILED


def test_a_try_is_offered_rung_for_claimed_and_ended_once(site):
    executor, bells = site.executor()
    request = site.submitted(executor)
    bells.until(lambda: bells.rung == [[site.name(request)]])
    assert site.told(executor) == []
    assert site.claim(request)
    assert site.told(executor) == [(TryStarted, "extract", None)]
    assert site.told(executor) == []
    site.end(request)
    assert site.told(executor) == [(TryFinished, "extract", SUCCESS)]
    bells.until(lambda: bells.released == [[site.name(request)]])
    assert site.pass_s(1.0, executor) == []
    assert not site.exists(request)


def test_a_try_that_its_worker_gives_back_is_rung_for_again_and_is_known_by_who_ends_it(site):
    executor, bells = site.executor()
    request = site.claimed(executor)
    assert site.told(executor) == [(TryStarted, "extract", None)]
    site.give_back(request)
    assert site.told(executor) == []
    bells.until(lambda: bells.rung == [[site.name(request)]] * 2)
    assert site.pass_s(100.0, executor) == []  # the worker that gave it back is silent, and nobody else has it
    site.claim(request, "w2", "another-claim")
    site.end(request, text="another-claim")
    started, finished = executor.events()
    assert (started.worker, finished.end.outcome) == ("w2", SUCCESS)


def test_a_try_that_changes_hands_between_two_looks_is_known_by_who_has_it(site):
    def told():
        found = [each for each in executor.events() if not isinstance(each, Heartbeat)]
        return [(type(each), getattr(each, "worker", "")) for each in found]

    executor, _ = site.executor()
    request = site.claimed(executor)
    assert told() == [(TryStarted, "w1")]
    site.give_back(request)
    site.claim(request, "w2", "another-claim")
    assert told() == [(TryStarted, "w2")]
    site.give_back(request, "another-claim")
    site.claim(request, "w3", "a-third-claim")
    site.end(request, text="a-third-claim")
    assert told() == [(TryStarted, "w3"), (TryFinished, "")]


def test_an_offer_of_a_scheduler_that_was_killed_right_after_its_decision_is_rung_for_by_the_next(site):
    first, bells = site.executor()
    request = site.request()
    with site.store.transaction() as tx:
        first.offer(tx, [request])
    second, later = site.executor()
    assert [type(each) for each in second.recover([request])] == [TryRecovered]
    later.until(lambda: later.rung == [[site.name(request)]])
    assert bells.rung == []
    site.claim(request)
    site.end(request)
    assert [kind for kind, *_ in site.told(second)] == [TryStarted, TryFinished]


def test_an_offer_whose_decision_is_not_stored_is_none(site):
    executor, bells = site.executor()
    request = site.request()
    with contextlib.suppress(RuntimeError), site.store.transaction() as tx:
        executor.offer(tx, [request])
        raise RuntimeError
    assert not site.exists(request)
    assert (len(executor._held), bells.rung) == (0, [])


def test_a_scheduler_that_takes_over_rings_for_what_was_given_back(site):
    first, _ = site.executor()
    request = site.claimed(first)
    site.told(first)
    site.give_back(request)
    second, bells = site.executor()
    second.recover([request])
    bells.until(lambda: bells.rung == [[site.name(request)]])
    site.claim(request, "w2", "another-claim")
    assert [kind for kind, *_ in site.told(second)] == [TryStarted]


def test_while_tries_are_short_more_are_wanted_than_the_slots_take(site):
    executor, _ = site.executor()
    site.beat(slots=2)
    site.told(executor)
    assert executor.capacity() == 4
    requests = [site.request(f"t{number}") for number in range(4)]
    executor.submit(requests)
    for request in requests:
        site.claim(request)
        site.end(request)
    site.told(executor)
    assert executor.capacity() > 40
    site.pass_s(1.0, executor, workers=["w1"])
    assert executor.capacity() == 4


def test_a_start_is_told_before_an_end_that_came_with_it(site):
    executor, _ = site.executor()
    request = site.claimed(executor)
    site.end(request)
    assert [kind for kind, *_ in site.told(executor)] == [TryStarted, TryFinished]


def test_an_end_is_told_again_until_it_is_stored(site):
    first, _ = site.executor()
    request = site.claimed(first)
    site.end(request)
    assert site.told(first)[-1] == (TryFinished, "extract", SUCCESS)
    second, _ = site.executor()  # the first was killed before it had stored what it was told
    found = second.recover([request])
    assert [type(each) for each in found] == [TryStarted, TryFinished]


def test_a_scheduler_that_takes_over_tells_a_start_that_was_not_stored_and_no_other(site):
    first, _ = site.executor()
    waits, claimed, stored = (site.request(each) for each in ("waits", "claimed", "stored"))
    first.submit([waits, claimed, stored])
    site.claim(stored)
    site.told(first)
    first.events()  # it was stored that this one was claimed
    site.claim(claimed, text="another")
    second, bells = site.executor()
    found = second.recover([waits, claimed, stored])
    assert {(type(each), each.key.task_id) for each in found} == {
        (TryRecovered, each) for each in ("waits", "claimed", "stored")
    }
    bells.until(lambda: bells.rung == [[site.name(waits)]])
    assert site.told(second) == [(TryStarted, "claimed", None)]
    assert site.told(second) == []
    site.end(stored)
    assert site.told(second) == [(TryFinished, "stored", SUCCESS)]


def test_more_recovered_claims_than_one_look_reads_hide_no_end(site):
    first, _ = site.executor()
    requests = [site.request(f"t{number}") for number in range(1_005)]
    first.submit(requests)
    site.store.remote_tries.claim([site.name(each) for each in requests], "a-claim", "w1", NOW)
    second, _ = site.executor()
    second.recover(requests)
    site.end(requests[-1])
    told = [each for _ in range(3) for each in site.pass_s(3.0, second, workers=["w1"])]
    assert (TryFinished, "t1004", SUCCESS) in told


def test_a_try_that_was_stored_and_never_offered_is_offered_at_the_recovery(site):
    executor, bells = site.executor()
    request = site.request()  # its scheduler was killed between its commit and the offer
    executor.recover([request])
    assert site.claim(request)
    bells.until(lambda: bells.rung == [[site.name(request)]])


def test_a_silent_worker_loses_its_tries_and_what_it_says_then_is_nothing(site):
    executor, bells = site.executor()
    request = site.claimed(executor)
    site.beat()
    site.told(executor)
    assert site.pass_s(120.0, executor, workers=["w1"]) == []  # it does nothing but live
    assert site.pass_s(60.0, executor) == []
    assert site.pass_s(20.0, executor) == [(TryFinished, "extract", LOST)]
    assert site.store.remote_tries.held({site.name(request): "a-claim"}) == {}
    bells.until(lambda: bells.silenced == [[site.name(request)]])


def test_a_scheduler_that_was_stopped_blames_no_worker_for_it(site):
    executor, _ = site.executor()
    site.claimed(executor)
    site.told(executor)
    site.clock.advance(3_600.0)
    site.beat()
    told = executor.events()
    assert [type(each) for each in told] == [Heartbeat]


def test_time_without_the_database_is_counted_against_no_worker_and_lets_none_begin_anew(site, cut):
    executor, _ = site.executor()
    site.claimed(executor)
    site.told(executor)
    assert site.pass_s(40.0, executor) == []
    cut(executor).cut("news", after=False, times=100)
    assert site.pass_s(40.0, executor) == []
    executor._tries.cuts = 0
    assert site.pass_s(15.0, executor) == []
    assert site.pass_s(25.0, executor) == [(TryFinished, "extract", LOST)]


def test_steps_of_the_wall_clock_of_servers_and_workers_lose_nothing(site):
    executor, _ = site.executor()
    request = site.submitted(executor)
    names = [site.name(request)]
    site.store.remote_tries.claim(names, "a-claim", "w1", NOW.replace(year=2031))
    [started] = [each for each in executor.events() if isinstance(each, TryStarted)]
    assert started.at <= site.clock.now()
    for year in (2020, 2031, 2020):
        site.store.remote_workers.renew(WorkerStatus("w1", "far"), NOW.replace(year=year))
        assert site.pass_s(30.0, executor) == []
    site.end(request)
    assert site.told(executor) == [(TryFinished, "extract", SUCCESS)]


def test_what_waits_is_rung_for_again_where_a_slot_is_idle_and_never_without_end(site):
    executor, bells = site.executor(doorbell_s=30.0)
    requests = [site.request(f"t{number}") for number in range(5)]
    executor.submit(requests)
    bells.until(lambda: len(bells.rung) == 1)
    site.pass_s(300.0, executor)  # nobody is there: they lie in the broker
    assert len(bells.rung) == 1
    site.beat(slots=2, running=2)
    site.pass_s(60.0, executor)
    assert len(bells.rung) == 1
    site.beat(slots=2, running=0)  # it has slots, and no ticket comes: they are lost
    site.pass_s(10.0, executor)
    bells.until(lambda: len(bells.rung) >= 2)
    assert len(bells.rung[1]) == 2


def test_an_engine_with_places_of_its_own_is_rung_again(site):
    executor, bells = site.executor(places=3, doorbell_s=30.0)
    request = site.submitted(executor)
    bells.until(lambda: bells.looked and bells.rung == [[site.name(request)]])
    site.pass_s(45.0, executor)
    bells.until(lambda: len(bells.rung) == 2)


def test_a_cancelled_try_is_withdrawn_or_its_worker_ends_it(site):
    executor, _ = site.executor()
    waits, runs = site.request("waits"), site.request("runs")
    executor.submit([waits, runs])
    site.claim(runs)
    site.told(executor)
    executor.cancel([(key_of(each), 1) for each in (waits, runs)] + [(key_of(waits), 7)], "you said so")
    assert site.told(executor) == [(TryFinished, "waits", CANCELLED)] * 2
    assert not site.claim(waits)
    assert site.store.remote_tries.cancelled(["w1"]) == {"w1": {site.name(runs): "you said so"}}
    site.end(runs, CANCELLED)
    assert site.told(executor) == [(TryFinished, "runs", CANCELLED)]


def test_a_try_that_had_ended_before_it_was_cancelled_ended_as_it_did(site):
    executor, _ = site.executor()
    request = site.claimed(executor)
    site.end(request)
    executor.cancel([(key_of(request), 1)], "you said so")
    told = site.told(executor) + site.told(executor)
    assert [outcome for kind, _, outcome in told if kind is TryFinished] == [SUCCESS]


def test_what_its_engine_says_is_gone_is_lost_unless_it_has_ended(site):
    executor, bells = site.executor()
    gone, failed, hungry, over = (site.request(each) for each in ("gone", "failed", "hungry", "over"))
    executor.submit([gone, failed, hungry, over])
    for each in (gone, hungry, over):
        site.claim(each, text=f"claim-{each.facts.task_id}")
    site.end(over, text="claim-over")
    bells.context.gone(site.name(gone), "its pod was evicted")
    bells.context.gone(site.name(failed), "its image is none", retryable=False)
    bells.context.gone(site.name(hungry), "it had no memory left", failed=True)
    bells.context.gone(site.name(over), "its pod has ended")
    bells.context.gone("t-nobody-0", "what is that?")
    told = site.told(executor) + site.told(executor)
    assert {(task, outcome) for kind, task, outcome in told if kind is TryFinished} == {
        ("gone", LOST), ("failed", FAILED), ("hungry", FAILED), ("over", SUCCESS),
    }  # fmt: skip
    assert len([1 for kind, *_ in told if kind is TryFinished]) == 4


def test_capacity_follows_the_workers_and_counts_no_waiting_for_those_that_are_not_there(site):
    executor, _ = site.executor()
    assert executor.capacity() == 0
    site.beat(slots=4)
    site.pass_s(15.0, executor)
    assert executor.capacity() == 8
    executor.submit([site.request(f"t{number}", queue="gpu") for number in range(3)])
    assert executor.capacity() == 11  # no worker takes those, and they take no place of others
    site.beat(slots=4, draining=True)
    site.pass_s(15.0, executor)
    assert executor.capacity() == 0
    assert site.capacities == [0, 8, 0]  # as it is shown: what waits for nobody is no capacity


class Cut:
    """Stands before the store of remote tries, and cuts calls of one method, once it has done its work or before."""

    def __init__(self, tries):
        self._tries, self.method, self.after, self.cuts = tries, "", False, 0

    def __getattr__(self, name):
        inner = getattr(self._tries, name)

        def call(*args):
            if name != self.method or not self.cuts:
                return inner(*args)
            self.cuts -= 1
            if self.after:
                inner(*args)
                raise CommitUnknownError("the session was cut", transaction="1")
            raise StoreUnavailableError("the database is away")

        return call

    def cut(self, method, *, after, times=1):
        self.method, self.after, self.cuts = method, after, times


@pytest.fixture(params=[False, True], ids=["before", "after the commit"])
def after(request):
    return request.param


@pytest.fixture
def cut(site):
    def cut(executor):
        executor._tries = executor._left_rows._tries = Cut(executor._tries)
        return executor._tries

    return cut


def test_an_offer_whose_fate_is_unknown_is_made_once(site, cut, after):
    executor, _ = site.executor()
    cut(executor).cut("offer", after=after, times=1)
    request = site.submitted(executor)
    assert site.told(executor) == []
    assert site.claim(request)
    site.end(request)
    told = site.pass_s(5.0, executor)
    assert [kind for kind, *_ in told] == [TryStarted, TryFinished]


def test_a_cancel_whose_fate_is_unknown_is_carried_out(site, cut, after):
    executor, _ = site.executor()
    request = site.submitted(executor)
    cut(executor).cut("cancel", after=after)
    executor.cancel([(key_of(request), 1)], "you said so")
    told = site.told(executor) + site.told(executor) + site.told(executor)
    assert told == [(TryFinished, "extract", CANCELLED)]
    assert not site.exists(request)


def test_a_loss_whose_fate_is_unknown_is_told_once(site, cut, after):
    executor, bells = site.executor()
    request = site.claimed(executor)
    site.told(executor)
    cut(executor).cut("abandon", after=after)
    bells.context.gone(site.name(request), "its pod was evicted")
    told = site.told(executor) + site.told(executor) + site.told(executor)
    assert told == [(TryFinished, "extract", LOST)]
    assert not site.exists(request)


def test_a_recovery_while_the_database_is_away_loses_nothing(site, cut, after):
    first, _ = site.executor()
    runs, over = site.request("runs"), site.request("over")
    first.submit([runs, over])
    site.claim(runs)
    site.claim(over, text="claim-over")
    site.end(over, text="claim-over")
    second, _ = site.executor()
    cut(second).cut("adopt", after=after)
    assert {type(each) for each in second.recover([runs, over])} == {TryRecovered}
    told = site.pass_s(5.0, second)
    assert sorted((kind.__name__, task) for kind, task, _ in told) == [
        ("TryFinished", "over"), ("TryStarted", "over"), ("TryStarted", "runs"),
    ]  # fmt: skip


def test_rows_that_nobody_waits_for_are_removed_and_their_workers_told(site):
    first, _ = site.executor()
    request = site.claimed(first)
    # Its scheduler gave it up, and was killed before it had said so.
    site.store.apply(Changes(tries=[Try(site.run, "extract", -1, 1, 1, "far", NOW, outcome=LOST)]), NOW)
    second, _ = site.executor()
    assert site.exists(request)
    assert site.pass_s(SWEEP_S + 5.0, second, workers=["w1"]) == []
    assert not site.exists(request)
    assert site.store.remote_tries.held({site.name(request): "a-claim"}) == {}


def test_what_another_scheduler_has_taken_over_is_held_no_more(site):
    first, _ = site.executor()
    request = site.submitted(first)
    second, _ = site.executor()
    second.recover([request])
    assert site.pass_s(90.0, first, second) == []
    assert [len(each._held) for each in (first, second)] == [0, 1]
    site.claim(request)
    assert site.told(first) == []
    assert site.told(second) == [(TryStarted, "extract", None)]


def test_a_try_without_a_row_is_lost_at_the_second_look_if_it_is_written_and_has_no_outcome(site):
    executor, _ = site.executor()
    request = site.submitted(executor)
    name, tries = site.name(request), site.store.remote_tries
    rows, held = LeftRows(tries, "a scheduler", "far"), {name: (request.key, request.epoch)}
    tries.remove([name])
    assert rows.sweep(held, [name]) == rows.sweep(held, ()) == LostTries(set(), set(), set()), (
        "its end may be on its way"
    )
    assert rows.sweep(held, ()) == LostTries({name}, set(), set())
    site.store.apply(Changes(tries=[Try(site.run, "extract", -1, 1, 1, "far", NOW, outcome=LOST)]), NOW)
    rows.sweep(held, ())
    assert rows.sweep(held, ()) == LostTries(set(), {name}, set())


def test_a_row_that_is_gone_ends_its_try_as_lost(site):
    executor, _ = site.executor()
    request = site.submitted(executor)
    site.store.remote_tries.remove([site.name(request)])
    assert site.pass_s(90.0, executor) == [(TryFinished, "extract", LOST)]


def test_what_cannot_be_stored_fails_alone(site):
    executor, _ = site.executor()
    good = site.request("good")
    bad = msgspec.structs.replace(site.request("bad"), run=10**9)  # its run is deleted
    executor.submit([bad, good])
    assert site.told(executor) == [(TryFinished, "bad", FAILED)]
    assert site.claim(good)


def test_an_unreadable_end_fails_its_try(site):
    executor, _ = site.executor()
    request = site.claimed(executor)
    site.store.remote_tries.end([(site.name(request), "a-claim", b"\xc1")], NOW)
    assert site.told(executor)[-1] == (TryFinished, "extract", FAILED)


def test_a_refused_ticket_fails_its_try_and_no_other(site):
    executor, bells = site.executor(started=False)
    bad, good = site.request("bad"), site.request("good")
    bells.refused = (Refused(site.name(bad), "no such image"),)
    executor.start()
    executor.submit([bad, good])
    bells.until(lambda: bells.rung)
    told = []
    while not told:
        told = site.told(executor)
    assert told == [(TryFinished, "bad", FAILED)]
    assert site.claim(good)


def test_an_engine_that_is_away_is_what_tries_wait_for(site):
    executor, bells = site.executor(started=False)
    bells.error = ConnectionError("the broker is away")
    executor.start()
    request = site.submitted(executor)
    bells.until(lambda: bells.rung)
    noted = ""
    while "the broker is away" not in noted:
        assert site.told(executor) == []
        noted = site.store.remote_tries.noted(key_of(request), 1)
    assert "far" in noted


def test_nothing_is_woken_after_its_end(site):
    executor, bells = site.executor()
    site.made.remove(executor)
    executor.stop(1.0)
    bells.context.waiting("t-any-0", "late")  # its descriptors may be another file's by now
    bells.context.gone("t-any-0", "late")
