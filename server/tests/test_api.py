"""Requests and what they are answered: the operations' values, or a sentence with the status of its class."""

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import quote

import pytest

from penstock.errors import StoreError
from penstock.model.access.permission import Permission, Role
from penstock.model.access.principal import Grant, Principal
from penstock.service.operations.operation import operation
from penstock.service.operations.table import operations
from penstock_server.http.api import Api
from penstock_server.http.application import application
from penstock_server.http.authenticator import OwnerToken
from penstock_server.http.body import MOST_BYTES, body_of
from penstock_server.http.lasting.open_answers import OpenAnswers
from penstock_server.http.problems import RefusedError


class KnownAs:
    def __init__(self, principal):
        self._principal = principal

    def principal(self, request):
        return self._principal

    def remembered(self, request):
        return self._principal


VIEWER = Principal("ann", (Grant(Role.VIEWER, dags=("sales",)),))


def test_a_read_answers_what_the_operation_returns(call):
    answer = call("GET", "/api/v1/dags")
    assert answer.status == 200
    assert answer.headers["content-type"] == "application/json"
    assert [each["dag_id"] for each in answer.json["items"]] == ["health", "sales"]


def test_filters_are_parameters_of_the_query(call):
    assert [each["dag_id"] for each in call("GET", "/api/v1/dags?tag=daily").json["items"]] == ["sales"]
    assert call("GET", "/api/v1/dags?search=no&retired=true").json["items"] == []


def test_a_change_takes_its_parameters_of_the_body(call, installation):
    answer = call("POST", "/api/v1/dags/sales/runs", {"run_id": "one", "conf": {"customer": "x"}, "why": "a test"})
    assert (answer.status, answer.json["created"]) == (200, True)
    assert installation.store.runs.find("sales", "one").conf == {"customer": "x"}
    assert [each.why for each in installation.store.audit.page()] == ["a test"]


def test_the_audit_names_who_the_authenticator_knows(installation, caller):
    bob = Principal("bob", (Grant(Role.OPERATOR, dags=("*",)),))
    answer = caller(application(installation, KnownAs(bob)))("POST", "/api/v1/dags/sales/runs", {})
    assert answer.status == 200
    assert [each.person for each in installation.store.audit.page()] == ["bob"]


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "told"),
    [
        ("GET", "/api/v1/dags/sale", None, 404, "no DAG is named 'sale'. Did you mean 'sales'? `penstock dags list` shows all of them."),
        ("GET", "/api/v1/dags/sales/runs/x", None, 404, "no run of DAG 'sales' is named 'x'. See: penstock runs list sales"),
        ("GET", "/api/v1/dagz", None, 404, "there is no route 'dagz'. /api/v1/openapi.json lists all of them."),
        ("GET", "/api/v2/dags", None, 404, "the API of this server is below /api/v1/, and '/api/v2/dags' is not."),
        ("DELETE", "/api/v1/dags", None, 405, "'dags' is not asked by DELETE. Ask by: GET."),
        ("GET", "/api/v1/dags?serch=x", None, 400, "there is no parameter 'serch'. Did you mean 'search'?"),
        ("GET", "/api/v1/dags?search=a&search=b", None, 400, "the parameter 'search' is there twice. Write it once."),
        ("GET", "/api/v1/dags?retired=maybe", None, 400, (
            "the parameter 'retired' cannot be used: "
            "it is a text, and must be true or false."
        )),
        (
            "GET", "/api/v1/runs?state=sucess", None, 400,
            "the parameter 'state' cannot be used: 'sucess' is none of its values. Did you mean 'success'?",
        ),
        (
            "GET", "/api/v1/runs?since=yesterday", None, 400,
            "the parameter 'since' cannot be used: it is no instant with its zone. Write one such as 2026-01-31T06:00:00Z.",
        ),
        ("GET", "/api/v1/dags?search=%00", None, 400, "the parameter 'search' has a NUL, which nothing stored has."),
        ("GET", "/api/v1/dags?search=%ff", None, 400, "the query cannot be read. Write name=value&name=value in UTF-8."),
        ("GET", "/api/v1/dags?search", None, 400, "the query cannot be read. Write name=value&name=value in UTF-8."),
        ("GET", "/api/v1/dags/", None, 404, "there is no route 'dags/'. /api/v1/openapi.json lists all of them."),
        (
            "POST", "/api/v1/dags/sales/runs//cancel", {}, 404,
            "there is no route 'dags/sales/runs//cancel'. /api/v1/openapi.json lists all of them.",
        ),
        ("GET", "/api/v1/dags/sales/runs/", None, 422, "DAG 'sales' has no run yet. Start one with: penstock dags trigger sales"),
        ("GET", "/api/v1/dags/%ff", None, 400, "'%ff' of the path is no UTF-8."),
        ("GET", "/api/v1/dags/%00", None, 400, "'%00' of the path has a NUL, which no name has."),
        ("GET", "/api/v1/dags", {}, 400, "this route takes no body. Write what it is told into its query."),
        ("POST", "/api/v1/dags/sales/runs?run_id=x", {}, 400, "this route takes what it is told in its body, and nothing in its query."),
        ("POST", "/api/v1/dags/sales/runs", [], 400, "the body is no JSON object. Write {} with parameters by name."),
        ("POST", "/api/v1/dags/sales/runs", {"run_id": 5}, 400, (
            "the parameter 'run_id' cannot be used: "
            "it is a whole number, and must be a text."
        )),
        ("POST", "/api/v1/dags/sales/runs", {"dag_id": "health"}, 400, "the parameter 'dag_id' is named by the path alone."),
        ("POST", "/api/v1/prune", {"runs_days": 0.5}, 400,
         "the parameter 'runs_days' cannot be used: it is a number, and must be a whole number or nothing."),
        ("POST", "/api/v1/prune", {"audit_days": 1e-9}, 400,
         "the parameter 'audit_days' cannot be used: it is a number, and must be a whole number or nothing."),
        ("POST", "/api/v1/prune", {"logs_days": -1}, 400,
         "the parameter 'logs_days' cannot be used: it must be a whole number, at least 0."),
        (
            "POST", "/api/v1/dags/sales/runs", {"logical_date": "2026-01-01T00:00:00"}, 400,
            "the parameter 'logical_date' cannot be used: it is no instant with its zone. Write one such as 2026-01-31T06:00:00Z.",
        ),
        (
            "POST", "/api/v1/dags/sales/runs", {"logical_date": "0001-01-01T00:00:00+14:00"}, 400,
            "the parameter 'logical_date' lies before the year 1 or after 9999 in UTC.",
        ),
        ("POST", "/api/v1/dags/sales/runs/x/mark", {}, 400, "the parameter 'state' is missing."),
        ("POST", "/api/v1/dags/sales/runs/x/mark", {"state": "odd"}, 422, "a run cannot be marked 'odd'. Choose success or failed."),
    ],
)  # fmt: skip
def test_what_cannot_be_answered_is_a_problem_in_a_sentence(call, method, path, body, status, told):
    answer = call(method, path, body)
    assert (answer.status, answer.json["status"], answer.json["detail"]) == (status, status, told)
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    "body", [b"{", b"\xff", b'{"run_id": "\\ud800"}', b"[" * 100_000], ids=["cut", "no text", "half", "deep"]
)
def test_a_body_that_is_no_json_is_refused(call, body):
    answer = call("POST", "/api/v1/dags/sales/runs", body)
    assert answer.status == 400
    assert answer.json["detail"].startswith("the body is no JSON: ")


def test_a_body_of_another_type_is_refused_as_a_form_of_a_browser_could_send_it(call):
    answer = call("POST", "/api/v1/dags/sales/runs", b"{}", content_type="text/plain")
    assert answer.status == 415


def test_a_body_is_bounded_by_what_it_says_and_by_what_comes(call):
    assert call("POST", "/api/v1/dags/sales/runs", b"{}", content_length=str(MOST_BYTES + 1)).status == 413
    piece = b" " * (1024 * 1024)
    assert call("POST", "/api/v1/dags/sales/runs", pieces=[piece] * 5).status == 413


def test_a_body_that_does_not_arrive_is_not_waited_for():
    class Slow:
        def __init__(self):
            self.headers = {}

        async def stream(self):
            await asyncio.Event().wait()
            yield b""

    with pytest.raises(RefusedError, match="the body did not arrive within"):
        asyncio.run(body_of(Slow(), most_s=0.001))


def test_nobody_who_is_not_known_learns_anything_or_has_a_body_read(installation, caller):
    call = caller(application(installation, OwnerToken("another")))
    told = {
        call(method, path, pieces=[b"x"]).body
        for method in ("GET", "POST", "DELETE", "TRACE")
        for path in (
            "/api/v1/dags",
            "/api/v1/nothing",
            "/api/v1/openapi.json",
            "/api/",
            "/api",
            "/api/v1/dags/health",
            "/api/health/live",
        )
    }
    assert len(told) == 1
    assert call("GET", "/api/v1/dags").headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize(
    "header", ["", "Bearer", "Bearer ", "Basic a-secret-of-tests", "a-secret-of-tests", "Bearer a-secret-of-test"]
)
def test_no_other_header_is_the_token(call, header):
    assert call("GET", "/api/v1/dags", authorization=header).status == 401


def test_what_a_principal_may_not_see_is_not_there(installation, caller):
    call = caller(application(installation, KnownAs(VIEWER)))
    assert [each["dag_id"] for each in call("GET", "/api/v1/dags").json["items"]] == ["sales"]
    assert call("GET", "/api/v1/dags/health").status == 404
    refused = call("POST", "/api/v1/dags/sales/runs", {})
    assert (refused.status, refused.json["error"]) == (403, "ForbiddenError")


@pytest.mark.parametrize(
    "name",
    [
        "health",
        "..",
        ".",
        "a%2Fb",
        "%2e%2e",
        "openapi.json",
        "~",
        "%3Cimg%20onerror%3E",
        "%F0%9F%92%A5" * 250,
        "a%3Fb",
        "%25",
    ],
)
def test_no_name_of_a_thing_is_special(call, name):
    answer = call("GET", f"/api/v1/dags/{name}")
    assert answer.status == (200 if name == "health" else 404)
    if name != "health":
        assert answer.json["kind"] == "DAG"


def test_an_answer_that_has_not_changed_is_not_sent_again(call):
    first = call("GET", "/api/v1/dags")
    again = call("GET", "/api/v1/dags", if_none_match=f'"other", W/{first.headers["etag"]}')
    assert (again.status, again.body, again.headers["etag"]) == (304, b"", first.headers["etag"])
    call("POST", "/api/v1/dags/sales/runs", {})
    assert call("GET", "/api/v1/dags", if_none_match=first.headers["etag"]).status == 200


def test_all_operations_are_served(call):
    paths = call("GET", "/api/v1/openapi.json").json["paths"]
    served = {(method.upper(), path) for path, methods in paths.items() for method in methods}
    assert served == {(each.method, each.path) for each in operations()}


@operation("GET", "/failing", needs=None)
def fail(installation, name: str = "") -> str:
    raise {"store": StoreError("the database is away."), "bug": ValueError("SELECT secret")}[name]


@operation("GET", "/lines", needs=Permission.DAGS_READ, subject="")
def lines(installation, *, fails: bool = False) -> "Iterator[dict[str, int] | None]":
    yield {"a": 1}
    yield None
    if fails:
        raise StoreError("the database is away.")


def test_what_fails_inside_is_told_without_a_word_of_its_own(installation, caller, caplog):
    call = caller(Api(installation, OpenAnswers(OwnerToken("a-secret-of-tests")), [fail.operation]))
    bug = call("GET", "/api/v1/failing?name=bug")
    assert (bug.status, bug.json["error"]) == (500, "InternalError")
    assert "SELECT" not in bug.json["detail"]
    assert "SELECT secret" in caplog.text
    away = call("GET", "/api/v1/failing?name=store")
    assert (away.status, away.json["detail"], away.json["error"]) == (503, "the database is away.", "StoreError")


def test_an_iterator_is_answered_a_line_at_a_time_and_says_what_ended_it(installation, caller, monkeypatch):
    monkeypatch.setattr("penstock_server.http.lasting.lasting.PAUSE_S", 0)
    call = caller(Api(installation, OpenAnswers(OwnerToken("a-secret-of-tests")), [lines.operation]))
    assert call("GET", "/api/v1/lines").body == b'{"a":1}\n'
    last = call("GET", "/api/v1/lines?fails=true").body.splitlines()[-1]
    assert b'"detail":"the database is away."' in last


@pytest.mark.parametrize("path", ["/api/v1/dags", "/health/live", "/", "/nothing", "/api/v1/nothing"])
def test_each_answer_has_the_headers_that_browsers_obey(call, path):
    for answer in (call("GET", path), call("GET", path, authorization="x"), call("GET", path, host="evil.example")):
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["cache-control"]
        assert "server" not in answer.headers


@pytest.mark.parametrize(("host", "status"), [
    ("localhost", 200), ("127.0.0.1:9", 200), ("[::1]:8080", 200), ("LOCALHOST:1", 200),
    ("evil.example", 421), ("localhost.evil.example", 421), ("localhost:x", 421), ("", 421), ("a@localhost", 421),
])  # fmt: skip
def test_only_names_of_the_server_are_asked(call, host, status):
    assert call("GET", "/api/v1/dags", host=host).status == status


def test_requests_at_once_share_one_store(call):
    with ThreadPoolExecutor(4) as threads:
        answers = list(threads.map(lambda _: call("GET", "/api/v1/dags"), range(12)))
    assert {each.status for each in answers} == {200}


@pytest.mark.parametrize("name", ["etl / nightly", "teams/sales/region", "%2e", "a?b#c&d;e", "é"])
def test_a_name_of_any_text_is_one_part_of_a_path(call, name):
    written = quote(name, safe="")
    assert call("PUT", f"/api/v1/pools/{written}", {"slots": 2}).status == 200
    assert call("PUT", f"/api/v1/variables/{written}", {"value": "1"}).status == 200
    assert name in {each["name"] for each in call("GET", "/api/v1/pools").json["items"]}
    assert call("GET", f"/api/v1/variables/{written}").json == "1"
    assert call("DELETE", f"/api/v1/pools/{written}").status == 200
