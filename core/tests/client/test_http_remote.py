"""What a client puts up with from a server: answers without an end, that drip, that are cut, or that are none."""

import socket
import threading
from collections.abc import Iterator

import pytest

from penstock.client.http_remote import ClientLimits, HttpRemote
from penstock.client.server_address import server_address
from penstock.errors import PendingError, ServerError
from penstock.model.access.permission import Permission
from penstock.service.operations.operation import Operation
from penstock.testing import FakeClock

OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


def count(installation: object) -> int:
    """A number."""


def follow(installation: object) -> Iterator[str]:
    """Texts."""


def asked(function, method="GET"):
    return Operation(function, method, "/count", Permission.DAGS_READ, "", method == "GET")


@pytest.fixture
def serve():
    """A server that answers each connection with the next of some bytes; gives its URL, and what it was sent."""
    opened = []

    def serve(*answers):
        listening, seen = socket.create_server(("127.0.0.1", 0)), []

        def answer():
            for each in answers:
                connection, _ = listening.accept()
                with connection:
                    seen.append(connection.recv(65536))
                    connection.sendall(each)
            listening.close()

        thread = threading.Thread(target=answer)
        thread.start()
        opened.append(thread)
        return f"http://127.0.0.1:{listening.getsockname()[1]}", seen

    yield serve
    for thread in opened:
        thread.join()


class EachLookTakesOneSecond(FakeClock):
    def read(self):
        self.advance(1)
        return super().read()


def call(url, operation, **limits):
    remote = HttpRemote(server_address(url), "", ClientLimits(**{"pauses_s": (0,), **limits}), EachLookTakesOneSecond())
    try:
        return remote.call(operation, {})
    finally:
        remote.close()


@pytest.mark.parametrize(
    ("answer", "limits", "told"),
    [
        (OK + b"Content-Length: 3\r\n\r\n123", {"largest": 2}, "has more than 2 bytes, and was not read"),
        (OK + b"Content-Length: 3\r\n\r\n123", {"whole_s": 0.5}, r"takes longer than 0\.5 s, and was given up"),
        (OK + b"Content-Length: 3\r\n\r\n12", {}, "was cut: .*1 more expected.* Ask again"),
        (OK + b"Content-Length: 1\r\n\r\nx", {}, "cannot read"),
        (b"HTTP/1.1 418 no\r\nContent-Length: 0\r\n\r\n", {}, "it says 418 no, in words that are none of Penstock's"),
    ],
    ids=["too large", "too long", "cut", "no JSON", "no answer of Penstock"],
)
def test_an_answer_that_cannot_be_had_is_told(serve, answer, limits, told):
    url, _ = serve(answer)
    with pytest.raises(ServerError, match=told):
        call(url, asked(count), **limits)


def test_a_line_of_a_stream_has_a_bound(serve):
    url, _ = serve(OK + b'\r\n"abc"\n"' + b"d" * 100)
    found = call(url, asked(follow), largest=50)
    assert next(found) == "abc"
    with pytest.raises(ServerError, match="has more than 50 bytes"):
        next(found)


PENDING = b'{"title": "Conflict", "status": 409, "detail": "Ask again.", "error": "PendingError"}'
CONFLICT = (
    b"HTTP/1.1 409 Conflict\r\nConnection: close\r\nContent-Type: application/problem+json\r\n"
    b"Content-Length: %d\r\n\r\n%s" % (len(PENDING), PENDING)
)


def test_a_change_that_another_server_makes_just_now_is_asked_for_again_with_its_key(serve):
    url, seen = serve(CONFLICT, OK + b"Content-Length: 1\r\n\r\n7")
    assert call(url, asked(count, "DELETE")) == 7
    keys = [line for each in seen for line in each.split(b"\r\n") if line.lower().startswith(b"idempotency-key")]
    assert (len(keys), len(set(keys))) == (2, 1)
    url, _ = serve(CONFLICT, CONFLICT)
    with pytest.raises(PendingError, match=r"Ask again\."):
        call(url, asked(count, "DELETE"))
