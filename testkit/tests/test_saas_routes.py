"""A strict fake: what it knows it answers, and for all else its test fails."""

import http.client
import json
from urllib.parse import urlsplit

import pytest

from penstock_testkit.saas import App, HttpAnswer, HttpRequest, NotFakedError, RouteTable, plain_http, ranged
from penstock_testkit.saas.patterns import Pattern, host_matches

books = RouteTable(query=("pretty",))
files = RouteTable()


@books.route("GET /v{version}/books/{id}", query=("expand",))
@books.route("HEAD /v{version}/books/{id}")
def read(fake: "Shelf", request: HttpRequest, version: str, id: str) -> HttpAnswer:  # noqa: A002 - as the path has it
    return HttpAnswer.json({"version": version, "id": id, "expand": request.query.get("expand")})


@books.route("POST /v1/books", fields=("title", "year"))
def add(fake: "Shelf", request: HttpRequest) -> HttpAnswer:
    if request.fields.get("year") == "never":
        raise NotFakedError("years in words")
    return HttpAnswer.json(request.fields, 201)


@books.route("DELETE /v1/books")
def burn(fake: "Shelf", request: HttpRequest) -> HttpAnswer:
    raise KeyError("no matches")


@files.route("GET files.shelf.example/{key...}", query=None)
def download(fake: "Shelf", request: HttpRequest, key: str) -> HttpAnswer:
    return ranged(request, key.encode(), {"ETag": '"1"'})


@files.route("PUT /upload", partial=True)
def upload(fake: "Shelf", request: HttpRequest) -> HttpAnswer:
    fake.kept.append((request.body, request.complete))
    return HttpAnswer(204)


class Shelf(App):
    name = "shelf"
    hosts = ("shelf.example", "*.shelf.example")
    tables = (books, files)

    def __init__(self):
        super().__init__()
        self.kept = []

    def refusal(self, request, status):
        return HttpAnswer.json({"error": f"shelf says {status}"}, status)


@pytest.fixture
def shelf():
    return Shelf()


def asks(shelf, method, target, body=b"", host="shelf.example", **headers):
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return shelf.answer(HttpRequest(method, target, named, body, host))


def test_a_route_gets_the_values_of_its_path_decoded(shelf):
    answer = asks(shelf, "GET", "/v2/books/a%2Fb%20c?expand=all")
    assert json.loads(answer.body) == {"version": "2", "id": "a/b c", "expand": "all"}
    assert shelf.complaints() == []


def test_a_name_with_dots_takes_slashes_and_a_route_may_be_of_one_host(shelf):
    assert asks(shelf, "GET", "/a/b/c.txt?any=1", host="files.shelf.example").body == b"a/b/c.txt"
    assert asks(shelf, "GET", "/a/b/c.txt").status == 501
    shelf.problems.clear()


@pytest.mark.parametrize(
    ("method", "target", "body", "problem"),
    [
        ("POST", "/v1/api/xyz", b"", "the fake has no route POST shelf.example/v1/api/xyz"),
        ("PATCH", "/v1/books", b"", "the fake has no route PATCH shelf.example/v1/books"),
        ("GET", "/v1/books/1/", b"", "the fake has no route GET shelf.example/v1/books/1/"),
        ("GET", "/v1/books/1?sort=&expand=x", b"", "the route GET /v{version}/books/{id} has no query parameter sort"),
        ("POST", "/v1/books", b'{"title": 1, "tit": 2}', "the route POST /v1/books has no body field tit"),
        ("POST", "/v1/books", b"[1]", "a body of JSON is to be an object, and is list"),
        ("POST", "/v1/books", b"<xml/>", "the route POST /v1/books has no such body"),
        ("POST", "/v1/books", b'{"year": "never"}', "years in words"),
    ],
)
def test_what_the_fake_does_not_know_is_501_and_a_complaint(shelf, method, target, body, problem):
    assert asks(shelf, method, target, body).status == 501
    assert [problem in each for each in shelf.complaints()] == [True]
    assert shelf.complaints()[0].startswith("shelf: ")


def test_fields_are_read_of_json_and_of_forms(shelf):
    form = asks(shelf, "POST", "/v1/books", b"title=a+b&year=", Content_Type="application/x-www-form-urlencoded")
    assert (form.status, json.loads(form.body)) == (201, {"title": "a b", "year": ""})
    assert json.loads(asks(shelf, "POST", "/v1/books?pretty=1", b"").body) == {}


def test_a_fault_of_the_fake_itself_is_500_and_a_complaint(shelf):
    assert asks(shelf, "DELETE", "/v1/books").status == 500
    assert shelf.complaints() == ["shelf: DELETE /v1/books failed in the fake itself: KeyError('no matches')"]


def test_requests_are_recorded_as_they_came(shelf):
    asks(shelf, "POST", "/v1/books", b'{"title": 1}', X_Trace="7")
    asks(shelf, "GET", "/v1/books/9")
    (posted,) = shelf.asked("POST /v1/books")
    assert (posted.fields, posted.header("x-trace"), posted.answered) == ({"title": 1}, "7", 201)
    assert [each.method for each in shelf.requests] == ["POST", "GET"]
    shelf.forget()
    assert shelf.requests == []


def test_of_a_large_body_the_record_keeps_the_begin_and_the_route_got_all(shelf):
    asks(shelf, "PUT", "/upload", b"x" * 3_000_000)
    assert len(shelf.kept[0][0]) == 3_000_000
    assert len(shelf.requests[0].body) == 1024 * 1024


def test_only_a_route_that_says_so_is_called_with_a_body_that_broke_off(shelf):
    for target in ("/upload", "/v1/books"):
        method = "PUT" if target == "/upload" else "POST"
        assert shelf.answer(HttpRequest(method, target, {}, b"half", "shelf.example", complete=False)) is None
    assert (shelf.kept, shelf.complaints()) == ([(b"half", False)], [])


def test_the_surface_lists_what_is_answered(shelf):
    assert shelf.surface == [
        "DELETE /v1/books",
        "GET /v{version}/books/{id}",
        "GET files.shelf.example/{key...}",
        "HEAD /v{version}/books/{id}",
        "POST /v1/books",
        "PUT /upload",
    ]


@pytest.mark.parametrize("text", ["/books", "get /books", "GET books", ""])
def test_a_pattern_that_names_no_request_is_refused(text):
    with pytest.raises(ValueError, match="names no request"):
        Pattern(text)


@pytest.mark.parametrize(
    ("pattern", "host", "matches"),
    [
        ("a.example", "a.example", True),
        ("*.a.example", "b.a.example", True),
        ("*.a.example", "a.example", False),
        ("*.a.example", "c.b.a.example", False),
        ("*.a.example", ".a.example", False),
        ("a.example", "ba.example", False),
    ],
)
def test_a_star_is_exactly_one_label(pattern, host, matches):
    assert host_matches(pattern, host) is matches


@pytest.mark.parametrize(
    ("wanted", "status", "content", "told"),
    [
        ("", 200, b"0123456789", None),
        ("bytes=2-4", 206, b"234", "bytes 2-4/10"),
        ("bytes=7-", 206, b"789", "bytes 7-9/10"),
        ("bytes=7-99", 206, b"789", "bytes 7-9/10"),
        ("bytes=-2", 206, b"89", "bytes 8-9/10"),
        ("bytes=-99", 206, b"0123456789", "bytes 0-9/10"),
        ("bytes=10-", 416, b"", "bytes */10"),
        ("bytes=-0", 416, b"", "bytes */10"),
        ("bytes=4-2", 200, b"0123456789", None),
        ("bytes=-", 200, b"0123456789", None),
        ("lines=1-2", 200, b"0123456789", None),
    ],
)
def test_a_range_is_answered_as_http_wants_it(wanted, status, content, told):
    answer = ranged(HttpRequest("GET", "/", {"Range": wanted}), b"0123456789")
    assert (answer.status, answer.content, answer.headers.get("Content-Range")) == (status, content, told)


def test_plain_http_serves_one_fake_whatever_host_is_named(shelf):
    with plain_http(shelf) as url:
        link = http.client.HTTPConnection(urlsplit(url).netloc, timeout=60)
        link.request("HEAD", "/v1/books/5")
        answer = link.getresponse()
        assert (answer.status, answer.read(), answer.getheader("Content-Length")) == (200, b"", "43")
        link.request("GET", "/v1/books/5")  # on the same connection
        assert json.load(link.getresponse())["id"] == "5"
        link.close()
    assert shelf.complaints() == []
