"""Changes by ``Idempotency-Key``: done once, answered the same, whoever was cut off in between."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from penstock.model.access.permission import Role
from penstock.model.access.principal import OWNER, Grant, Principal
from penstock.service import dags
from penstock.service.access.once import KeyedRequest, Once
from penstock_server.http.application import application

RUNS = "/api/v1/dags/sales/runs"


@pytest.fixture
def runs(installation):
    return lambda: [each.run_id for each in installation.store.runs.page(dag_id="sales")]


def test_who_asks_again_is_answered_the_same_and_nothing_is_done_twice(call, runs):
    first = call("POST", RUNS, {"why": "a test"}, idempotency_key="one")
    again = call("POST", RUNS, {"why": "a test"}, idempotency_key='"one"')
    assert (first.status, again.status, again.body) == (200, 200, first.body)
    assert (len(runs()), first.json["created"]) == (1, True)


def test_a_key_is_for_one_request(call, runs):
    call("POST", RUNS, {"run_id": "a"}, idempotency_key="one")
    for path, body in (
        (RUNS, {"run_id": "b"}),
        ("/api/v1/dags/health/runs", {"run_id": "a"}),
        (f"{RUNS}/a/cancel", {}),
    ):
        answer = call("POST", path, body, idempotency_key="one")
        assert answer.status == 422
        assert "for another request, trigger. A key is for one request" in answer.json["detail"]
    assert runs() == ["a"]


@pytest.mark.parametrize("key", ["é", "x" * 201, '""', "\x01"])
def test_what_is_no_key_is_refused(call, runs, key):
    answer = call("POST", RUNS, {}, idempotency_key=key)
    assert (answer.status, answer.json["detail"][:31]) == (400, "the Idempotency-Key cannot be u")
    assert runs() == []


def test_a_change_that_was_refused_is_tried_anew(call, runs, installation):
    assert call("POST", f"{RUNS}/a/cancel", {}, idempotency_key="one").status == 404
    dags.trigger(installation, "sales", run_id="a")
    assert call("POST", f"{RUNS}/a/cancel", {}, idempotency_key="one").status == 200
    assert runs() == ["a"]


def test_keys_of_others_are_others(installation, caller, runs):
    class KnownAs:
        def __init__(self, name):
            self._principal = Principal(name, (Grant(Role.OPERATOR, dags=("*",)),))

        def principal(self, request):
            return self._principal

    for number, name in enumerate(("ann", "bob")):
        call = caller(application(installation, KnownAs(name)))
        assert call("POST", RUNS, {"run_id": name}, idempotency_key="one").json["created"]
        assert len(runs()) == number + 1


def test_reads_take_a_key_and_need_none(call):
    assert call("GET", "/api/v1/dags", idempotency_key="one").status == 200
    assert call("GET", "/api/v1/dags/sales", idempotency_key="one").status == 200


def test_of_several_at_once_one_does_it_and_all_are_answered_the_same(call, runs):
    with ThreadPoolExecutor(4) as threads:
        answers = list(threads.map(lambda _: call("POST", RUNS, {}, idempotency_key="one"), range(8)))
    assert ({each.status for each in answers}, len({each.body for each in answers}), len(runs())) == ({200}, 1, 1)


def _keyed(operation, **arguments):
    return KeyedRequest(OWNER.name, "one", operation, b"f", arguments)


class Lost(BaseException):
    """The end of a process, as what it was doing sees it."""


def test_a_run_whose_answer_was_lost_is_found_again(installation, runs):
    def ends(told):
        dags.trigger(installation, **told)
        raise Lost

    with pytest.raises(Lost):
        Once(installation).answer(_keyed(dags.trigger.operation, dag_id="sales"), ends)
    installation.clock.advance(5)
    made = runs()

    def does(told):
        return dags.trigger(installation, **told).run.run_id.encode()

    for _ in range(2):
        assert [Once(installation).answer(_keyed(dags.trigger.operation, dag_id="sales"), does).decode()] == made
    assert runs() == made


def test_what_has_no_name_is_not_done_again_and_that_is_told(call, installation):
    dags.trigger(installation, "sales", run_id="a")
    first = call("PUT", "/api/v1/dags/sales/paused", {"paused": True}, idempotency_key="two")
    assert first.status == 200
    installation.store.access.answers.keep("", "two", None)
    installation.clock.advance(5)
    again = call("PUT", "/api/v1/dags/sales/paused", {"paused": True}, idempotency_key="two")
    assert again.status == 422
    assert "this was done at 2026-03-01 12:30:00 UTC, and its answer was lost" in again.json["detail"]


@pytest.mark.parametrize(
    ("operation", "path", "body"),
    [
        ("create_token", "/api/v1/tokens", {"name": "ci", "user": "ann"}),
        ("reset_password", "/api/v1/users/ann/reset", {}),
    ],
)
def test_an_answer_that_holds_a_secret_is_kept_nowhere(call, installation, operation, path, body):
    assert call("POST", "/api/v1/users", {"user": "ann"}).status == 200
    assert call("POST", path, body, idempotency_key="one").status == 200
    kept = installation.store.access.answers.find("", "one")
    assert (kept.operation, kept.answer) == (operation, None)
    assert call("POST", path, body, idempotency_key="one").status == 422


def test_answers_are_kept_for_a_day(call, installation, runs):
    call("POST", RUNS, {}, idempotency_key="one")
    installation.clock.advance(90_000)
    call("POST", RUNS, {}, idempotency_key="two")
    answers = installation.store.access.answers
    assert (answers.find("", "one"), answers.find("", "two") is None) == (None, False)
    assert len(runs()) == 2
