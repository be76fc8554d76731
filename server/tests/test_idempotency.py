"""Changes by ``Idempotency-Key``: done once, answered the same, whoever was cut off in between."""

from concurrent.futures import ThreadPoolExecutor

import msgspec
import pytest

from penstock.errors import PendingError, StoreUnavailableError
from penstock.model.access.permission import Permission, Role
from penstock.model.access.principal import OWNER, Grant, Principal
from penstock.model.changes import Changes
from penstock.model.state import RunState
from penstock.service import dags
from penstock.service.access.once import KeyedRequest, Once
from penstock.service.operations.table import operations
from penstock_server.http.application import application
from penstock_server.http.problems import problem_answer

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
        assert "for another request, trigger, or with other rights. A key is for one request" in answer.json["detail"]
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


class KnownAs:
    """Takes everybody for one."""

    def __init__(self, name, *grants, only=None):
        self._principal = Principal(name, grants or (Grant(Role.OPERATOR, dags=("*",)),), only)

    def principal(self, request):
        return self._principal

    def remembered(self, request):
        return None


ALL, VIEWER = Grant(Role.OPERATOR, dags=("*",)), Grant(Role.VIEWER, dags=("*",))
LIMITED = frozenset({Permission.ASSETS_WRITE, Permission.DAGS_READ})
AGAIN = {
    "as before": ((ALL,), None, 200),
    "with more": ((ALL, Grant(Role.ADMIN, installation=True)), None, 200),
    "who may see it, and not change it": ((VIEWER,), None, 403),
    "who may not even see it": ((Grant(Role.OPERATOR, dags=("x",)),), None, 404),
    "a token that may do something else": ((ALL,), LIMITED, 403),
}


@pytest.mark.parametrize(("grants", "only", "status"), AGAIN.values(), ids=AGAIN)
def test_an_answer_that_is_kept_is_for_who_may_still_ask_for_it(installation, caller, runs, grants, only, status):
    first = caller(application(installation, KnownAs("ann", ALL)))("POST", RUNS, {}, idempotency_key="nightly")
    again = caller(application(installation, KnownAs("ann", *grants, only=only)))
    answer = again("POST", RUNS, {}, idempotency_key="nightly")
    assert answer.status == status
    assert (answer.body == first.body) is (status == 200)
    other = again("POST", RUNS, {"run_id": "x"}, idempotency_key="nightly")
    assert ("was used at" in other.json["detail"]) is (status == 200)
    assert len(runs()) == 1


def test_a_token_of_other_limits_has_keys_of_its_own(installation, caller, runs):
    for number, only in enumerate((None, frozenset(Permission), frozenset(Permission) - {Permission.USERS_WRITE})):
        installation.clock.advance(1)
        call = caller(application(installation, KnownAs("ann", ALL, only=only)))
        for _ in range(2):
            assert call("POST", RUNS, {}, idempotency_key="one").status == 200
        assert len(runs()) == number + 1


def test_what_asks_for_more_than_its_own_permission_is_answered_again_to_the_same_rights_alone(installation, caller):
    path, body = "/api/v1/teams", {"team": "night", "description": ""}
    admin = Grant(Role.ADMIN, installation=True)
    for grants, status in (((admin,), 200), ((admin,), 200), ((admin, VIEWER), 422), ((VIEWER,), 403)):
        call = caller(application(installation, KnownAs("ann", *grants)))
        assert call("POST", path, body, idempotency_key="one").status == status


def test_keys_of_others_are_others(installation, caller, runs):
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


def _keyed(operation):
    return KeyedRequest(OWNER.name, "one", operation, b"f")


def test_what_takes_several_transactions_goes_on_where_it_was_cut_off(call, installation, runs):
    for name in "abc":
        run = dags.trigger(installation, "sales", run_id=name).run
        ended = msgspec.structs.replace(run, state=RunState.SUCCESS, ended_at=installation.now())
        asked = [number for number, _ in installation.store.requests.pending()]
        installation.store.apply(Changes(runs=[ended], handled=asked), installation.now())
    path, named = f"{RUNS}/delete", {"run_ids": ["a", "b"]}
    whole = installation.store.retention.delete_runs
    installation.store.retention.delete_runs = lambda numbers, now: whole(numbers[:1], now) and end()

    def end():
        raise StoreUnavailableError("cut off")

    assert call("POST", path, named, idempotency_key="one").status == 503
    assert runs() == ["c", "b"]
    installation.store.retention.delete_runs = whole
    audits = len(installation.store.audit.page())
    again = call("POST", path, named, idempotency_key="one")
    assert (again.status, again.json, runs()) == (200, {"runs": 1}, ["c"])
    assert call("POST", path, named, idempotency_key="one").body == again.body
    assert len(installation.store.audit.page()) == audits
    assert call("POST", path, {"run_ids": ["nothing"]}, idempotency_key="two").status == 404
    assert call("POST", path, {"run_ids": ["nothing"]}, idempotency_key="two").status == 404


def test_who_would_wait_too_long_is_told_when_to_ask_again(installation):
    once, keyed = Once(installation, wait_s=0), _keyed(dags.trigger.operation)

    def second(_resumed):
        with pytest.raises(PendingError, match="Ask again in a second") as found:
            once.answer(keyed, second)
        told = problem_answer(found.value)
        assert (told.status_code, told.headers["Retry-After"]) == (409, "1")
        return b"first"

    assert once.answer(keyed, second) == b"first"


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
    again = call("POST", path, body, idempotency_key="one")
    assert (again.status, "its answer is a secret that is told once" in again.json["detail"]) == (422, True)


def test_what_alone_cannot_be_answered_again_makes_a_secret():
    assert {each.name for each in operations() if each.secret_answer} == {"create_token", "reset_password"}
    assert {each.name for each in operations() if each.resumes} == {"delete_dag", "delete_runs", "prune"}


def test_answers_are_kept_for_a_day(call, installation, runs):
    call("POST", RUNS, {}, idempotency_key="one")
    installation.clock.advance(90_000)
    call("POST", RUNS, {}, idempotency_key="two")
    answers = installation.store.access.answers
    assert (answers.find("", "one"), answers.find("", "two") is None) == (None, False)
    assert len(runs()) == 2
