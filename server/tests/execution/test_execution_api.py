"""What workers may do at the execution API, and what nobody may who shows another's ticket, token or name."""

import os
import re
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import msgspec
import pytest

from penstock.model.attempt import TryEnd
from penstock.model.remote.execution_messages import (
    LARGEST,
    ClaimTickets,
    LogPiece,
    Renewal,
    Reports,
    TryQuestion,
    TryReport,
    worker_name,
)
from penstock.model.remote.remote_try import RemoteState, WorkerStatus
from penstock.model.run import TaskKey
from penstock.model.state import Outcome
from penstock.spec.wire import Reply
from penstock.store import Keyring, new_key
from penstock.tries.paths import log_path
from penstock.tries.remote.tickets import token

from .conftest import OWNER, encode, unchanged

SUCCESS = encode(TryEnd(Outcome.SUCCESS))


def log_of(site, task_id="extract", epoch=1):
    folder = site.installation.settings.logs_folder
    return log_path(folder, "sales", "one", TaskKey(site.run, task_id, -1), epoch)


def test_a_ticket_is_exchanged_once_and_its_try_ends_once(site, worker, other):
    ticket = site.offer()
    [claimed] = worker.claim(ticket, shown=ticket.secret)
    assert other.claim(ticket, text="of-another-worker") == ()
    assert worker.claim(ticket, text="another-text-of-it") == ()
    assert worker.claim(ticket) == (claimed,)  # the answer was lost
    assert worker.report(claimed.token, LogPiece(0, b"hello\n"), SUCCESS).ended
    assert worker.report(claimed.token, end=encode(TryEnd(Outcome.FAILED))).ended
    assert site.news()[ticket.name].ended == SUCCESS
    assert log_of(site).read_bytes() == b"hello\n"


FORGED = {
    "nothing": "",
    "a word": "ticket",
    "dots": "...",
    "no seal": "t-sales-extract-0.",
    "a seal of zeros": f"t-sales-extract-0.{'0' * 32}",
    "signs beyond ASCII": "t\u00e9.\u00e9",
    "a very long one": "t" * 8_000,
}


@pytest.mark.parametrize("shown", FORGED.values(), ids=FORGED.keys())
def test_a_forged_ticket_opens_nothing(site, worker, shown):
    ticket = site.offer()
    with unchanged(site):
        for route in (
            "claims",
            "renewals",
            "asks",
            "reports",
            f"snapshots/{'a' * 64}",
            "environments",
            "environments/x",
        ):
            answer = site.send(route, shown.encode().decode("latin-1"), b"\x80")
            assert answer.status in (401, 404), route
            assert b"Traceback" not in answer.body
        message = ClaimTickets(worker.name, worker.key, "a-claim-of-tests", (shown,))
        assert msgspec.msgpack.decode(site.send("claims", OWNER, message).body) == {"tries": [], "foreign": [shown]}
    assert [each.ticket for each in worker.claim(ticket)] == [ticket.secret]


def test_a_ticket_and_a_token_of_another_installation_open_nothing(site, worker):
    ticket, others = site.offer(), Keyring([new_key()], "another")
    forged = f"{ticket.name}.{others.seal(f'ticket {ticket.name}')}"
    [claimed] = worker.claim(ticket)
    stolen = token(others, ticket.name, "a-claim-of-tests")
    with unchanged(site):
        assert site.send("claims", forged, ClaimTickets(worker.name, worker.key, "text-text", (forged,))).status == 401
        assert worker.report(stolen, end=SUCCESS).status == 401
        assert worker.report(stolen, end=SUCCESS, shown=claimed.token).known is False


def test_a_token_opens_no_other_try(site, worker, other):
    mine, theirs = site.offer("extract"), site.offer("load")
    [claimed], [others] = worker.claim(mine), other.claim(theirs, text="a-claim-of-another")
    name, claim, seal = claimed.token.split(".")
    other_name, other_claim, other_seal = others.token.split(".")
    mixed = [
        f"{other_name}.{claim}.{seal}", f"{other_name}.{other_claim}.{seal}", f"{name}.{claim}.{other_seal}",
        f"{other_name}.{claim}.{other_seal}", mine.secret, theirs.secret,
    ]  # fmt: skip
    with unchanged(site):
        for each in mixed:
            found = worker.report(each, LogPiece(0, b"stolen"), SUCCESS, shown=claimed.token)
            assert found.known is False
            assert site.send("asks", claimed.token, TryQuestion(each, "get_variable", ("x",))).status == 404
            assert site.send(f"snapshots/{'a' * 64}", each, b"").status == 404
            assert worker.renew(each, shown=claimed.token).gone == (each,)
    assert not log_of(site, "load").exists()
    assert site.send(f"snapshots/{'b' * 64}", claimed.token, b"").status == 404


def test_a_token_of_an_old_epoch_is_of_no_use(site, worker):
    first = site.offer(epoch=1)
    [old] = worker.claim(first)
    site.store.remote_tries.abandon([first.name], "scheduler")
    second = site.offer(epoch=2)
    assert second.name != first.name
    [new] = worker.claim(second, text="the-second-claim")
    with unchanged(site):
        assert worker.report(old.token, LogPiece(0, b"late"), SUCCESS).known is False
        assert site.send("asks", old.token, TryQuestion(old.token, "get_variable", ("x",))).status == 404
    assert worker.renew(old.token, new.token).gone == (old.token,)
    assert not log_of(site, epoch=2).exists()


def test_a_worker_cannot_speak_for_another_by_its_name(site, worker, other):
    ticket, own = site.offer("extract"), site.offer("load")
    [claimed] = worker.claim(ticket)
    worker.renew(claimed.token)
    [others] = other.claim(own, text="a-claim-of-another")
    site.installation.clock.advance(timedelta(minutes=5))
    before = site.store.remote_workers.all()
    with unchanged(site):
        for shown in (OWNER, others.token, own.secret):
            for given in ({}, {"leaves": True}, {"disowned": (ticket.name,)}):
                assert other.renew(others.token, shown=shown, name=worker.name, **given).status == 422
        assert other.claim(site.offer("count"), name=worker.name).status == 422
        assert other.renew(others.token, disowned=(ticket.name,)).cancelled == {}
    left = {each.status.worker: each for each in site.store.remote_workers.all()}
    assert left[worker.name] == next(each for each in before if each.status.worker == worker.name)


def test_a_try_whose_claim_was_not_heard_is_asked_for_and_given_up_only_when_it_is_disowned(site, worker):
    ticket = site.offer()
    worker.claim(ticket)  # nobody hears the answer
    assert worker.renew().doubtful == ()
    site.installation.clock.advance(timedelta(minutes=1))
    with unchanged(site):
        assert worker.renew(claiming=(ticket.name,)).doubtful == ()
        assert worker.renew().doubtful == (ticket.name,)
    assert worker.renew(disowned=(ticket.name,)).doubtful == ()
    ended = msgspec.msgpack.decode(site.news()[ticket.name].ended, type=TryEnd)
    assert ended.outcome is Outcome.LOST


def test_what_a_worker_has_that_leaves_is_lost_at_once(site, worker):
    ticket = site.offer()
    [claimed] = worker.claim(ticket, shown=ticket.secret)
    worker.renew(shown=ticket.secret, leaves=True)
    assert site.news()[ticket.name].state is RemoteState.ENDED
    assert worker.report(claimed.token, end=SUCCESS).ended  # what comes late changes nothing
    assert site.news()[ticket.name].ended != SUCCESS
    assert site.store.remote_workers.all() == []


def test_a_claim_counts_as_a_sign_of_life(site, worker):
    worker.renew()
    worker.claim(site.offer())
    [found] = site.store.remote_workers.all()
    assert found.beats == 2


def test_silly_names_and_numbers_are_refused_or_bounded(site, worker):
    for name in ("", "a b", "x" * 200, "a\0b-0", "../../etc-0", worker.name.upper()):
        assert worker.renew(name=name).status == 422
        assert worker.claim(site.offer(f"t{len(name)}"), name=name).status == 422
    silly = WorkerStatus(
        worker.name, "c\0\n" * 200, ("a b", "", "q\0", *map(str, range(1000))), "h" * 9_000, "\x1b[31m", -5, 10**12, period_s=float("nan"),
    )  # fmt: skip
    assert site.send("renewals", OWNER, Renewal(silly, worker.key)).status == 200
    [found] = site.store.remote_workers.all()
    status = found.status
    assert len(status.queues) <= 100
    assert (status.slots, status.running) == (0, 10_000)
    assert not re.search(r"[\0\x1b]", "".join((status.executor, status.host, status.version, *status.queues)))
    assert site.send("renewals", OWNER, Renewal(silly, worker.key, tokens=("x",) * 10_000)).status == 422
    answer = site.send("renewals", OWNER, Renewal(silly, worker.key, tokens=tuple(f"x{i}.y.z" for i in range(5_000))))
    assert answer.status == 200


BODIES = {
    "empty": b"",
    "half": b"\x83\xa6worker",
    "another type": encode({"worker": 1, "tickets": "x"}),
    "deep": b"\x91" * 200_000,
    "a number too large": encode({"tries": [{"token": "x", "log": {"offset": 2**63, "data": b""}}]}),
    "JSON": b'{"tries": []}',
    "text that is none": b"\x81\xa5tries\x91\x81\xa5token\xa3\xff\xfe\xfd",
}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES.keys())
def test_malformed_messages_are_refused_in_a_sentence(site, worker, body):
    [claimed] = worker.claim(site.offer())
    with unchanged(site):
        for route in ("claims", "renewals", "asks", "reports"):
            answer = site.send(route, claimed.token, body)
            assert answer.status in (200, 400), (route, answer)
            assert answer.status == 400 or body == BODIES["a number too large"]


def test_what_is_no_message_at_all_is_refused(site, worker):
    [claimed] = worker.claim(site.offer())
    assert site.send("reports", claimed.token, b"x" * (LARGEST + 1)).status == 413
    assert site.send("reports", claimed.token, b"{}", content_type="application/json").status == 415
    assert site.send("nothing", claimed.token, b"").status == 404
    assert site.send("reports/more", claimed.token, b"").status == 404
    assert site.caller("GET", "/execution/v1/claims").status == 405
    assert site.caller("POST", "/execution/v1/claims", b"", authorization=f"Basic {claimed.token}").status == 401
    too_many = Reports(tuple(TryReport(claimed.token) for _ in range(501)))
    assert site.send("reports", claimed.token, too_many).status == 422


def test_a_log_is_only_added_to_and_only_where_it_ends(site, worker):
    [claimed] = worker.claim(site.offer())
    report = lambda offset, data: worker.report(claimed.token, LogPiece(offset, data)).log_size  # noqa: E731 - short
    assert report(0, b"one\n") == 4
    assert report(0, b"ONE\ntwo\n") == 8  # what is there stays as it is
    assert report(-1, b"x") == report(2**62, b"x") == report(9, b"x") == 8
    assert report(4, b"two\n") == 8
    assert log_of(site).read_bytes() == b"one\ntwo\n"


def test_an_end_is_stored_only_with_the_output_that_comes_with_it(site, worker):
    [claimed] = worker.claim(site.offer())
    assert not worker.report(claimed.token, LogPiece(7, b"the rest"), SUCCESS).ended
    assert all(each.state is RemoteState.CLAIMED for each in site.news().values())
    assert worker.report(claimed.token, LogPiece(0, b"all"), SUCCESS).ended


@pytest.mark.parametrize("kind", ["link", "pipe", "folder"])
def test_a_log_is_written_through_nothing_that_lies_in_its_place(site, worker, tmp_path, kind):
    path, victim = log_of(site), tmp_path / "victim"
    victim.write_text("untouched")
    path.parent.mkdir(parents=True)
    {"link": lambda: path.symlink_to(victim), "pipe": lambda: os.mkfifo(path), "folder": path.mkdir}[kind]()
    [claimed] = worker.claim(site.offer())
    found = worker.report(claimed.token, LogPiece(0, b"x"), SUCCESS)
    assert found.problem
    assert not found.ended
    assert victim.read_text() == "untouched"
    assert worker.report(claimed.token, None, SUCCESS).ended  # its end is not lost with its log


def test_a_log_beyond_its_bound_is_taken_and_thrown_away(site, worker, monkeypatch):
    [claimed] = worker.claim(site.offer())
    logs = site.api._execution._logs
    monkeypatch.setattr(logs, "_most", 1000)
    size = (1 << 20) + 1000
    assert worker.report(claimed.token, LogPiece(0, b"x" * size)).log_size == size
    assert worker.report(claimed.token, LogPiece(size, b"y" * 100)).log_size == size + 100
    assert worker.report(claimed.token, LogPiece(size + 100, b"z"), SUCCESS).ended
    assert log_of(site).stat().st_size == size


def test_answers_name_no_secret(site, worker):
    ticket = site.offer()
    [claimed] = worker.claim(ticket)
    key = site.store.keyring._keys[0]
    answers = [
        site.send("asks", claimed.token, TryQuestion("x", "get_variable")),
        site.send("claims", ticket.secret, b"\xc1"),
        site.send("reports", claimed.token, b"\xc1"),
        site.send("snapshots/x", claimed.token, b""),
        site.send("nothing", claimed.token, b""),
    ]
    for answer in answers:
        text = f"{answer.body!r}{answer.headers}"
        assert not [each for each in (ticket.secret, claimed.token, key, OWNER, worker.key) if each in text]
    assert msgspec.msgpack.decode(
        site.send("asks", claimed.token, TryQuestion(claimed.token, "__class__", ())).body, type=Reply
    ).error


def test_workers_that_claim_at_once_get_each_try_once(site):
    tickets = [site.offer(f"t{number}") for number in range(20)]

    def claim(number):
        execution = site.api._execution
        key = f"key-{number}"
        message = ClaimTickets(worker_name("host", key), key, f"a-claim-{number}", tuple(t.secret for t in tickets))
        return [each.ticket for each in execution.claim(message).tries]

    with ThreadPoolExecutor(4) as threads:
        got = [each for found in threads.map(claim, range(4)) for each in found]
    assert sorted(got) == sorted(each.secret for each in tickets)
