"""Requests as the operations' signatures say them, and answers as their annotations do: nothing is lost on the way."""

import inspect
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from penstock import errors
from penstock.client.decoding import AnswerType, ProblemDetails, error_of, problem_error
from penstock.client.encoding import encoded
from penstock.client.server_address import server_address
from penstock.errors import ConfigError, NotFoundError, PenstockError, RequestError, ServerError, StoreError
from penstock.model.history.audit import AskedBy
from penstock.model.state import RunState
from penstock.service import dags, runs
from penstock.service.access.tokens import create_token
from penstock.service.operations.operation import operation
from penstock.service.operations.table import operations
from penstock.service.views.grid import latest_runs
from penstock.service.views.times import show_calendar

AT = datetime(2026, 3, 1, 12, 30, tzinfo=UTC)
WRITTEN = "2026-03-01T12%3A30%3A00Z"


@pytest.mark.parametrize("operation", operations(), ids=lambda each: each.name)
def test_each_operation_can_be_asked_and_its_answer_be_read(operation):
    AnswerType(operation)
    parameters = inspect.signature(inspect.unwrap(operation.function)).parameters
    named = {name: "a/b ?" for name in parameters if f"{{{name}}}" in operation.path}
    target = encoded(operation, named).target
    assert "{" not in target
    assert target.count("a%2Fb%20%3F") == len(named)


@pytest.mark.parametrize(
    ("function", "arguments", "target", "body"),
    [
        (dags.list_dags, {"search": "a&b", "retired": True}, "/dags?search=a%26b&retired=true", None),
        (runs.list_runs, {"dag_id": "", "state": RunState.FAILED, "since": None}, "/runs?dag_id=&state=failed", None),
        (latest_runs, {"dag_ids": ["a", "ü"], "count": 3}, "/views/latest-runs?dag_ids=a&dag_ids=%C3%BC&count=3", None),
        (show_calendar, {"dag_id": "a", "since": AT, "until": AT}, f"/dags/a/calendar?since={WRITTEN}&until={WRITTEN}", None),
        (runs.show_run, {"dag_id": "a", "run_id": ""}, "/dags/a/runs/", None),
        (
            dags.trigger, {"dag_id": "..", "conf": {"x": [1, None]}, "logical_date": None, "by": AskedBy("ann", "a test")}, "/dags/../runs",
            {"conf": {"x": [1, None]}, "why": "a test"},
        ),
        (create_token, {"name": "t", "permissions": None, "by": AskedBy("ann")}, "/tokens", {"name": "t"}),
    ],
)  # fmt: skip
def test_a_request_says_what_was_asked(function, arguments, target, body):
    request = encoded(function.operation, arguments)
    assert request.target == target
    assert (None if request.body is None else msgspec.json.decode(request.body)) == body


@pytest.mark.parametrize("arguments", [{"dag_id": "\ud800"}, {"dag_id": "a", "conf": {"x": "\ud800"}}])
def test_half_a_character_is_refused_in_a_sentence(arguments):
    with pytest.raises(RequestError, match="is no UTF-8 text, and cannot be sent"):
        encoded(dags.trigger.operation, arguments)


ERRORS = [value for value in vars(errors).values() if isinstance(value, type) and issubclass(value, PenstockError)]


@pytest.mark.parametrize("kind", ERRORS, ids=lambda kind: kind.__name__)
def test_each_error_comes_back_in_its_class_and_words_with_all_that_it_holds(kind):
    made = problem_error(422, ProblemDetails("it is so.", kind.__name__))
    assert (type(made), str(made)) == (kind, "it is so.")
    own = inspect.getsource(kind)
    for name in ("problems", "near", "provider", "transaction", "table", "service", "retryable"):
        if f"self.{name}" in own:
            getattr(made, name)


def test_what_was_not_found_keeps_the_names_that_resemble_it():
    content = b'{"detail":"no DAG is named \'a\'.","error":"NotFoundError","kind":"DAG","name":"a","near":["b"]}'
    found = error_of(404, content, "application/problem+json; charset=utf-8")
    assert isinstance(found, NotFoundError)
    assert (found.kind, found.name, found.near) == ("DAG", "a", ("b",))


@pytest.mark.parametrize(
    ("status", "error", "kind"),
    [(401, "", ConfigError), (400, "", RequestError), (404, "", RequestError), (500, "", ServerError), (500, "Path", ServerError)],
)  # fmt: skip
def test_a_refusal_at_the_door_has_the_class_of_its_status(status, error, kind):
    made = problem_error(status, ProblemDetails("no.", error))
    assert type(made) is kind
    assert "no." in str(made)


@pytest.mark.parametrize(("content", "content_type"), [(b"<html>", "text/html"), (b"<", "application/problem+json")])
def test_what_a_proxy_says_is_no_error_of_penstock(content, content_type):
    assert error_of(502, content, content_type) is None


def test_an_answer_of_another_version_is_told_in_a_sentence():
    with pytest.raises(ServerError, match="what this version of Penstock cannot read"):
        AnswerType(runs.list_runs.operation).read(b'{"runs": 5}')


@pytest.mark.parametrize(
    ("url", "written"),
    [
        ("https://penstock.example", "https://penstock.example:443"),
        ("http://127.0.0.1:8080/", "http://127.0.0.1:8080"),
        ("http://[::1]:8080/team", "http://[::1]:8080/team"),
        ("http://localhost", "http://localhost:80"),
    ],
)
def test_a_server_is_named_by_its_url(url, written):
    assert str(server_address(url)) == written


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("penstock.example", "is no URL of a server"),
        ("ftp://penstock.example", "is no URL of a server"),
        ("https://", "is no URL of a server"),
        ("https://h:port", "is no URL"),
        ("https://h/?a=b", "is no URL of a server"),
        ("https://ann:secret@h", "names a user or password"),
        ("http://penstock.example", "could read the token"),
    ],
)
def test_an_url_that_cannot_serve_is_refused_without_a_secret_of_it(url, told):
    with pytest.raises(ConfigError, match=told) as found:
        server_address(url)
    assert "secret" not in str(found.value)


@pytest.mark.parametrize("text", ["ca.pem", "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"])
def test_an_authority_that_is_no_certificate_is_refused_with_the_way_to_name_a_file(text):
    with pytest.raises(
        ConfigError, match=r"holds no certificate in PEM: .*PENSTOCK_SERVER_AUTHORITY_FILE names a file"
    ):
        server_address("https://penstock.example", text)


@operation("GET", "/paths", needs=None)
def paths(installation) -> "list[Path]":
    """Name files."""


@operation("GET", "/numbers", needs=None)
def numbers(installation) -> "Iterator[int]":
    """Count."""


def test_paths_of_files_come_back_as_paths():
    assert AnswerType(paths.operation).read(b'["a/b"]') == [Path("a/b")]


def test_a_line_of_a_stream_is_a_value_or_the_error_that_ended_it():
    answer = AnswerType(numbers.operation)
    assert answer.read(b"5\n") == 5
    with pytest.raises(StoreError, match="the database is away"):
        answer.read(b'{"problem":{"title":"x","status":503,"detail":"the database is away.","error":"StoreError"}}\n')
