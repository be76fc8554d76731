"""What a worker does with tickets, whatever brings them and whatever becomes of its messages."""

import threading

import msgspec
import pytest

from penstock.client.server_address import server_address
from penstock.clock import SystemClock
from penstock.errors import ServerError
from penstock.model.attempt import TryEnd
from penstock.model.remote.execution_messages import CONTENT_TYPE, ReportAnswer, Reported, worker_name
from penstock.model.remote.remote_try import OfferedTry, WorkerStatus
from penstock.model.run import TaskKey
from penstock.model.state import Outcome
from penstock.spec.wire import Ask, Reply
from penstock.testing import FakeClock
from penstock.tries.paths import log_path
from penstock.worker.claims import ClaimPorts, Claims, WorkerIdentity
from penstock.worker.execution_client import ExecutionClient, RefusedByServerError
from penstock.worker.reporter import LOG_PATIENCE_S
from penstock.worker.server_outage import ServerOutage
from penstock.worker.ticket_worker import TicketWorker
from penstock.worker.worker_plan import WorkerPlan
from penstock_testkit.disk import small_disk

from .conftest import NOW, Source, Tries, until

SUCCESS = TryEnd(Outcome.SUCCESS)
NOT_FOUND_OF_A_PROXY = (404, b"default backend - 404", "text/plain")


def first(route, fault):
    """Do something with the first message of a route."""
    left = [fault]
    return lambda of, _message: left.pop() if of == route and left else None


def test_a_ticket_is_claimed_run_and_its_end_told_with_its_log(site, pool):
    worker, ticket = pool(), site.offer()
    worker.bring(ticket.secret)
    worker.print(b"hello\n")
    until(lambda: site.log() == b"hello\n", "its log is there while it runs")
    worker.print(b"bye\n")
    worker.tries.end("extract")
    assert until(lambda: site.ends().get(ticket.name), "it ends") == SUCCESS
    assert site.log() == b"hello\nbye\n"
    until(lambda: worker.told == [True, SUCCESS], "its source is told")


def short_ones(site, worker, number):
    """Have a worker see that tries are short."""
    for each in (f"short{index}" for index in range(number)):
        worker.bring(site.offer(each).secret)
        worker.runs(each)
        worker.tries.begin(each)
        worker.tries.end(each)
    until(lambda: len(worker.worker.tries) == 0, "they end")


def has_begun(worker, task_id):
    """Whether the process of a try has begun, as the worker knows."""
    return any(each.began_s is not None for each in worker.worker.tries.all() if each.request.facts.task_id == task_id)


def test_while_tries_are_short_more_are_claimed_than_there_are_slots_and_what_waits_is_given_back(site, pool):
    clock = FakeClock(NOW)
    worker = pool(slots=1, clock=clock)
    short_ones(site, worker, 3)
    long, waits = site.offer("long"), site.offer("waits")
    worker.bring(long.secret)
    worker.runs("long")
    worker.tries.begin("long")
    until(lambda: has_begun(worker, "long"), "it begins")
    worker.bring(waits.secret)
    worker.runs("waits")
    assert not worker.tries.cancelled
    clock.advance(1.5)
    until(lambda: worker.told[-1] is None, "its source is told that it is not this worker's any more")
    assert list(worker.tries.cancelled) == ["waits"]
    assert site.store.remote_tries.claim([waits.name], "a-claim-of-another", "w", NOW)
    assert site.ends().keys().isdisjoint({waits.name, long.name})


def test_a_worker_that_drains_gives_back_at_once_what_waits_for_a_slot(site, pool):
    worker = pool(slots=1, clock=FakeClock(NOW))
    short_ones(site, worker, 3)
    for each in ("has", "waits"):
        worker.bring(site.offer(each).secret)
        worker.runs(each)
    worker.worker.drain()
    until(lambda: worker.told[-1] is None, "what waits is given back")
    assert list(worker.tries.cancelled) == ["waits"]
    worker.tries.end("has")
    assert worker.over()


def test_a_worker_says_what_has_ended_there_and_counts_nothing_that_it_gave_back(site, pool):
    clock = FakeClock(NOW)
    worker = pool(slots=1, clock=clock)
    short_ones(site, worker, 3)
    for each in ("slow", "waits"):
        worker.bring(site.offer(each).secret)
        worker.runs(each)
    worker.tries.begin("slow")
    until(lambda: has_begun(worker, "slow"), "it begins")
    clock.advance(1.5)
    until(lambda: worker.told[-1] is None, "what waits is given back")
    worker.tries.end("slow", TryEnd(Outcome.FAILED, "no"))

    def counts():
        found = site.messages("renewals")[-1].status
        return (found.done, found.failed, found.taken_s, found.load is not None)

    until(lambda: counts() == (4, 1, 1.5, True), "it says so")


def test_what_is_cancelled_while_it_is_given_back_ends_as_cancelled(site, pool):
    clock = FakeClock(NOW)
    worker = pool(slots=1, clock=clock)
    short_ones(site, worker, 3)
    tickets = {each: site.offer(each) for each in ("has", "waits")}
    for each, ticket in tickets.items():
        worker.bring(ticket.secret)
        worker.runs(each)

    def cancelled(route, message):
        if route == "reports" and any(each.given_back for each in message.tries):
            site.store.remote_tries.cancel([tickets["waits"].name], "you said so", "scheduler")

    site.fault = cancelled
    clock.advance(1.5)
    assert until(lambda: site.ends().get(tickets["waits"].name), "it ends").outcome is Outcome.CANCELLED


def test_what_is_no_ticket_harms_none_that_comes_with_it(site, pool):
    worker, ticket = pool(), site.offer()
    for garbage in (
        "",
        "no ticket",
        "a\nb.c",
        "t-x.\u00e9",
        "x" * 10**6,
        "t-forged-0.00000000000000000000000000000000",
    ):
        worker.bring(garbage)
    worker.bring(ticket.secret)
    worker.runs()
    until(lambda: sorted(worker.told) == [False] * 6 + [True], "all are told")


def test_a_ticket_of_another_installation_is_told_apart_from_one_that_came_too_late(site, pool):
    worker, told = pool(), []
    foreign = f"t-theirs-0.{'0' * 32}"
    worker.source.sink.take(foreign, worker.told.append, None, lambda: told.append("foreign"))
    until(lambda: told, "it is told")
    assert worker.told == []
    assert any("ticket t-theirs-0 is another installation's, and left to it" in each for each in worker.said)


def test_a_doubled_ticket_is_one_try(site, pool):
    worker, ticket = pool(slots=4), site.offer()
    for _ in range(4):
        worker.bring(ticket.secret)
    worker.runs()
    until(lambda: sorted(worker.told) == [False, False, False, True], "all are told")
    assert len(worker.worker.tries) == 1


def test_a_lost_answer_to_a_claim_is_asked_for_again(site, pool):
    site.fault = first("claims", "cut")
    worker, ticket = pool(), site.offer()
    worker.bring(ticket.secret)
    worker.runs()
    until(lambda: worker.told == [True], "its source hears that it has the try")
    assert len({each.claim for each in site.messages("claims")}) == 1


def test_a_worker_with_more_slots_than_tickets_fit_into_one_message_claims_all_that_it_is_brought(site):
    told, key, client = [], "a-key", ExecutionClient(server_address(site.url), 5.0)
    identity = WorkerIdentity(worker_name("host", key), key, "token")
    ports = ClaimPorts(
        lambda _names: None,
        lambda _mine, _began_s, _asked: None,
        lambda: 0,
        told.append,
        ServerOutage("", told.append, SystemClock()),
    )
    claims = Claims(client, identity, 600, ports, SystemClock())
    tickets = [site.offer(f"t{number}") for number in range(510)]
    for each in tickets:
        claims.take(each.secret, told.append)
    claims.start()
    until(lambda: len(told) == len(tickets), "all are told")
    assert set(told) == {True}
    claims.stop()
    client.close()


def test_a_lost_answer_to_a_report_doubles_nothing(site, pool):
    site.fault = first("reports", "cut")
    worker, ticket = pool(), site.offer()
    worker.bring(ticket.secret)
    worker.print(b"x" * 300_000)
    worker.tries.end("extract")
    until(lambda: site.ends().get(ticket.name), "it ends")
    assert site.log() == b"x" * 300_000


def test_what_a_proxy_says_ends_no_try(site, pool):
    worker, ticket = pool(), site.offer()
    worker.bring(ticket.secret)
    worker.runs()
    left = [NOT_FOUND_OF_A_PROXY] * 4
    site.fault = lambda _route, _message: left.pop() if left else None
    worker.print(b"hello\n")
    worker.tries.end("extract")
    assert until(lambda: site.ends().get(ticket.name), "it ends") == SUCCESS
    assert worker.tries.cancelled == {}


def test_a_pool_says_once_that_its_server_knows_it(site, pool):
    worker = pool()
    until(lambda: len(site.messages("renewals")) > 1, "it has come in, and goes on")
    name = worker.worker.plan.status.worker
    assert worker.said == [f"{name} is known at {site.url}: executor far, queues default, slots 2"]


def test_a_server_whose_disk_is_full_is_told_of_once_and_that_it_takes_all_again_once(site, pool):
    worker, ticket = pool(), site.offer()
    worker.bring(ticket.secret)
    worker.print(b"hello\n")
    until(site.log, "its log is there")
    full = b'{"detail": "database: the disk is full."}'
    kept = ReportAnswer((Reported(log_size=6, problem="the server cannot write the log: No space left on device."),))
    answers = {
        "renewals": (503, full, "application/problem+json"),
        "reports": (200, msgspec.msgpack.encode(kept), CONTENT_TYPE),
    }
    site.fault = lambda route, _message: answers.get(route)
    before = len(worker.said)
    worker.print(b"bye\n")
    for route in answers:
        heard = len(site.messages(route))
        until(lambda route=route, heard=heard: len(site.messages(route)) > heard + 2, "it asks again and again")
    site.fault = lambda _route, _message: None
    worker.tries.end("extract")
    until(lambda: len(worker.said) > before + 1, "that it is over is told")
    until(lambda: site.ends().get(ticket.name), "it ends")
    first, over = worker.said[before:]
    assert "disk is full" in first or "No space" in first
    assert over.startswith(f"the server {site.url} takes all again, after ")
    assert site.log() == b"hello\nbye\n"


def test_another_reason_for_which_a_server_takes_nothing_is_told_once_the_first_is_no_longer_one():
    lines, clock = [], FakeClock(NOW)
    outage = ServerOutage("http://s", lines.append, clock)
    for _ in range(3):
        outage.lacks("renewals", "nobody answers")
        outage.lacks("reports", "the disk is full")
    assert lines == ["nobody answers"]
    outage.has("renewals")
    outage.has("claims")
    assert lines == ["nobody answers", "the disk is full"]
    clock.advance(90.0)
    outage.has("reports")
    assert lines[2:] == ["the server http://s takes all again, after 90 s"]
    outage.lacks("reports", "the disk is full")
    assert lines[3:] == ["the disk is full"]


def test_a_try_whose_log_no_server_can_write_ends_without_it_after_a_minute(site, pool):
    clock = FakeClock(NOW)
    worker, ticket = pool(clock=clock), site.offer()
    worker.bring(ticket.secret)
    worker.runs()
    full = msgspec.msgpack.encode(ReportAnswer((Reported(problem="the server cannot write the log: No space left."),)))

    def fault(route, message):
        return (200, full, CONTENT_TYPE) if route == "reports" and message.tries[0].log is not None else None

    site.fault = fault
    worker.print(b"hello\n")
    worker.tries.end("extract")
    until(lambda: len(site.messages("reports")) > 1, "its log is sent again")
    assert site.ends() == {}
    clock.advance(LOG_PATIENCE_S + 1)
    assert until(lambda: site.ends().get(ticket.name), "it ends") == SUCCESS
    assert site.log() == b""


def test_a_log_that_the_server_has_lost_goes_on_there_and_says_so(site, pool):
    worker, ticket = pool(), site.offer()
    worker.bring(ticket.secret)
    worker.print(b"hello\n")
    until(site.log, "its log is there")
    log_path(site.installation.settings.logs_folder, "sales", "one", TaskKey(site.run, "extract", -1), 1).unlink()
    worker.print(b"bye\n")
    worker.tries.end("extract")
    assert until(lambda: site.ends().get(ticket.name), "it ends") == SUCCESS
    assert site.log() == (
        b"[penstock: 6 bytes of this log are not here: another server was told them, or they were lost there]\nbye\n"
    )


@pytest.mark.parametrize("full", [True, False])
def test_a_log_says_at_its_end_that_its_worker_had_no_room_for_more(site, pool, tmp_path, full):
    folder = tmp_path / "worker-0"
    folder.mkdir()
    with small_disk(folder, 1 << 20) as disk:
        worker, ticket = pool(), site.offer()
        worker.bring(ticket.secret)
        worker.print(b"hello\n")
        if full:
            disk.leave(0)
        worker.tries.end("extract")
        assert until(lambda: site.ends().get(ticket.name), "it ends") == SUCCESS
    head, _, end = site.log().partition(b"\n")
    assert (head, b"what it has printed last may be missing here" in end) == (b"hello", full)


def test_an_end_that_is_never_taken_fails_its_try_and_holds_up_no_other(site, pool):
    worker, big, other = pool(), site.offer("big"), site.offer("other")
    for each in (big, other):
        worker.bring(each.secret)
    worker.runs("big")
    worker.runs("other")

    def too_large(route, message):
        large = route == "reports" and any(len(each.end or b"") > 500 for each in message.tries)
        return (413, b"too large", "text/html") if large else None

    site.fault = too_large
    worker.tries.end("big", TryEnd(Outcome.SUCCESS, "x" * 1000))
    worker.tries.end("other")
    until(lambda: len(site.ends()) == 2, "both end")
    end = site.ends()[big.name]
    assert (end.outcome, end.retryable) == (Outcome.FAILED, False)
    assert "cannot be sent" in end.error
    assert site.ends()[other.name] == SUCCESS


def test_a_server_that_cannot_answer_a_question_for_longer_than_a_lease_fails_no_try(site, pool):
    clock = FakeClock(NOW)
    worker = pool(clock=clock)
    worker.bring(site.offer().secret)
    worker.runs()
    away = [True]

    def fault(route, _message):
        if route == "asks" and away[0]:
            clock.advance(100.0)
            return 503, b"busy", "text/plain"
        return (200, msgspec.msgpack.encode(Reply(value=7)), CONTENT_TYPE) if route == "asks" else None

    site.fault = fault
    worker.tries.ask("extract", Ask("get_param", ("shop",)))
    until(lambda: len(site.messages("asks")) > 1, "it is asked again")
    away[0] = False
    assert until(lambda: worker.tries.replies, "it is answered") == [Reply(value=7)]


def test_a_cancelled_try_is_ended_here_and_told_so(site, pool):
    worker, ticket = pool(), site.offer()
    worker.bring(ticket.secret)
    worker.runs()
    site.store.remote_tries.cancel([ticket.name], "you said so", "scheduler")
    assert until(lambda: site.ends().get(ticket.name), "it ends") == TryEnd(Outcome.CANCELLED, "you said so")


def test_a_try_that_was_given_up_is_ended_and_nothing_is_said_of_it(site, pool):
    worker, ticket = pool(), site.offer()
    worker.bring(ticket.secret)
    worker.runs()
    site.store.remote_tries.abandon([ticket.name], "scheduler")
    until(lambda: worker.told == [True, None], "it ends")
    assert site.ends() == {}
    assert worker.tries.cancelled


def test_a_worker_that_drains_ends_what_it_has_and_takes_no_more(site, pool):
    worker, has, more = pool(), site.offer("has"), site.offer("more")
    worker.bring(has.secret)
    worker.runs("has")
    worker.worker.drain()
    until(worker.source.stopped.is_set, "its source is stopped")
    worker.bring(more.secret)
    worker.tries.end("has")
    assert worker.over()
    assert site.ends() == {has.name: SUCCESS}
    assert site.store.remote_workers.all() == []
    assert site.store.remote_tries.claim([more.name], "a-claim", "w", site.installation.clock.now())


def test_what_is_handed_back_is_lost_and_what_had_succeeded_counts(site, pool):
    worker, runs, done = pool(), site.offer("runs"), site.offer("done")
    for each, name in ((runs, "runs"), (done, "done")):
        worker.bring(each.secret)
        worker.runs(name)
    cancel = worker.tries.cancel
    worker.tries.cancel = lambda tries, reason: (
        worker.tries.end("done") if tries[0][0].task_id == "done" else cancel(tries, reason)
    )
    worker.worker.drain()
    until(worker.source.stopped.is_set, "it drains")
    worker.worker.drain()
    assert worker.over()
    found = site.ends()
    assert found[runs.name].outcome is Outcome.LOST
    assert found[done.name] == SUCCESS


def test_an_idle_worker_leaves_by_itself(site, pool):
    worker = pool(idle_exit_s=0.2)
    assert worker.over()
    assert any("no try" in each for each in worker.said)
    assert site.store.remote_workers.all() == []


def test_a_lease_never_goes_back(site, pool):
    worker, ticket = pool(), site.offer()
    worker.bring(ticket.secret)
    worker.runs()
    before = worker.tries.until_s
    worker.worker._renewed(before - 1_000.0)
    until(lambda: worker.tries.until_s > before, "it is renewed")


def test_a_claim_that_was_given_up_half_way_is_disowned(site, pool, monkeypatch):
    monkeypatch.setattr("penstock.service.execution.execution.CLAIMING_S", -1.0)
    # It is stored, its answer is lost, and what is asked again is refused: as by a server whose key was changed meanwhile.
    faults = ["cut", (401, b'{"detail": "who are you?"}', "application/problem+json")]
    site.fault = lambda route, _message: faults.pop(0) if route == "claims" and faults else None
    worker, ticket = pool(), site.offer()
    worker.bring(ticket.secret)
    until(lambda: worker.told == [False], "it is refused")
    assert until(lambda: site.ends().get(ticket.name), "it is given up").outcome is Outcome.LOST
    assert any(each.disowned for each in site.messages("renewals"))


def test_a_try_of_a_newer_version_fails_and_leaves_the_worker_at_work(site, pool):
    worker, odd, good = pool(), site.offer("odd"), site.offer("good")
    site.store.remote_tries.claim([odd.name], "a-claim", "w", site.installation.clock.now())
    site.store.remote_tries.remove([odd.name])
    key = TaskKey(site.run, "odd", -1)
    site.store.remote_tries.offer(
        [OfferedTry(odd.name, key, 1, "sales", "one", "far", "default", b"\x81\xa1x\x01", 60.0)], "scheduler", site.installation.clock.now()
    )  # fmt: skip
    worker.bring(odd.secret)
    end = until(lambda: site.ends().get(odd.name), "it fails")
    assert (end.outcome, end.retryable) == (Outcome.FAILED, False)
    worker.bring(good.secret)
    worker.runs("good")


def test_a_worker_that_leaves_gives_up_a_server_that_never_comes_back(site, pool):
    worker, ticket = pool(lease_s=0.3, lost_s=0.2), site.offer(lease_s=0.3)
    worker.bring(ticket.secret)
    worker.runs()
    site.fault = lambda _route, _message: NOT_FOUND_OF_A_PROXY
    worker.worker.drain()
    worker.tries.end("extract")
    assert worker.over()
    assert "no server answers, and 0.2 s are over: it leaves without having told how 1 tries ended." in str(
        worker.raised
    )
    assert site.ends() == {}


def test_a_worker_that_leaves_waits_for_a_server_as_long_as_a_try_runs(site, pool):
    worker, ticket = pool(lease_s=1.5, lost_s=0.0), site.offer(lease_s=1.5)
    worker.bring(ticket.secret)
    worker.runs()
    worker.worker.drain()
    site.fault = lambda _route, _message: NOT_FOUND_OF_A_PROXY
    threading.Event().wait(2.5)  # longer than its lease
    assert worker.thread.is_alive()
    renewed_s, site.fault = worker.tries.until_s, lambda _route, _message: None
    until(lambda: worker.tries.until_s > renewed_s, "its lease is renewed")
    worker.tries.end("extract")
    assert until(lambda: site.ends().get(ticket.name), "it ends") == SUCCESS
    assert worker.over()
    assert worker.raised is None


NOT_FOUND_OF_ANOTHER_VERSION = (404, b'{"detail": "the API has no such path."}', "application/problem+json")


def test_a_pool_that_is_refused_when_it_starts_ends_with_the_reason(site, tmp_path):
    site.fault = lambda _route, _message: NOT_FOUND_OF_ANOTHER_VERSION
    told, key, tries = [], "a-key", Tries()
    status = WorkerStatus(worker_name("host", key), "far", ("default",), "host", "1.0", 1)
    plan = WorkerPlan(status, key, "token", tmp_path, tmp_path / "own")
    client = ExecutionClient(server_address(site.url), 5.0)
    worker = TicketWorker(plan, client, tries, Source(), SystemClock(), told.append)
    with pytest.raises(
        RefusedByServerError, match=r"the API has no such path. Is it of another version than this worker"
    ):
        worker.run()


def test_a_worker_whose_ticket_is_refused_leaves_with_an_error(site, tmp_path):
    site.fault = first("claims", (401, b'{"detail": "who are you?"}', "application/problem+json"))
    told, key = [], "a-key"
    status = WorkerStatus(worker_name("host", key), "", ("default",), "host", "1.0", 1)
    plan = WorkerPlan(status, key, "t-x.secret", tmp_path, tmp_path / "own")
    worker = TicketWorker(
        plan, ExecutionClient(server_address(site.url), 5.0), Tries(), None, SystemClock(), told.append
    )
    worker.take("t-x.secret")
    with pytest.raises(ServerError, match="its ticket could not be claimed"):
        worker.run()
    assert told == [f"the server {site.url} refuses it: who are you?"]
