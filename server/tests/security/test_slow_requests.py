"""What does not arrive, or is too large, is given up: over real sockets, with bounds of parts of a second."""

import gzip
import os
import select
import socket
import threading
from contextlib import ExitStack, suppress

import pytest

from penstock_server.http import body, connection, waiting
from penstock_server.http.application import application
from penstock_server.http.authenticator import OwnerToken
from penstock_server.http.reach.address import Address, listen
from penstock_server.http.serve import serve


@pytest.fixture
def address(installation, monkeypatch):
    """Where a server listens that waits for a head and a body for parts of a second."""
    monkeypatch.setattr(connection, "MOST_HEAD_S", 0.2)
    monkeypatch.setattr(connection, "MOST_BODY_S", 0.2)
    monkeypatch.setattr(connection, "MOST_UNREAD_S", 0.2)
    monkeypatch.setattr(waiting, "_MOST_CONNECTIONS", 20)
    listening, (stop, stopping), began = listen(Address(port=0)), os.pipe(), threading.Event()
    where = listening.getsockname()
    served = application(installation, OwnerToken("owner"))
    thread = threading.Thread(target=serve, args=(served, listening, stop, began.set))
    thread.start()
    assert began.wait(30)
    yield where
    os.write(stopping, b"x")
    thread.join(30)
    os.close(stop)
    os.close(stopping)


@pytest.fixture
def ask(address):
    """Sends bytes and reads until the server closes the connection: what it has said."""

    def ask(*pieces):
        with socket.create_connection(address, 30) as client:
            found = b""
            with suppress(ConnectionError):  # it is closed while more is sent
                for piece in pieces:
                    client.sendall(piece)
                while piece := client.recv(65_536):
                    found += piece
            return found

    return ask


HEAD = b"POST /api/v1/dags/sales/runs HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer owner\r\nContent-Type: application/json\r\n"

BEGUN = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
ENDED = BEGUN + b"0\r\n"


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        pytest.param([b""], b"408", id="nothing"),
        pytest.param([b"GET / HT"], b"408", id="half a line"),
        pytest.param([b"GET / HTTP/1.1\r\nHost: localhost\r\nX-A: "], b"408", id="half a header"),
        pytest.param([HEAD + b"Content-Length: 5\r\n\r\n{"], b"408", id="half a body"),
        pytest.param([HEAD + b"Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n"], b"408", id="half of the chunks"),
        pytest.param([b"GET /?" + b"x" * 400_000], b"431", id="an address without an end"),
        pytest.param([b"GET / HTTP/1.1\r\n" + b"X-A: b\r\n" * 50_000], b"431", id="headers without an end"),
        pytest.param([b"GET / HTTP/1.1\r\nX-A: " + b"b" * 70_000 + b"\r\n\r\n"], b"431", id="a header too long"),
        pytest.param([ENDED, b"X-A: b\r\n" * 50_000], b"431", id="trailers without an end"),
        pytest.param([ENDED, b"X-A: " + b"b" * 400_000], b"431", id="a trailer without an end"),
        pytest.param([BEGUN, b"2;" + b"b" * 400_000], b"431", id="a chunk's extension without an end"),
    ],
)
def test_what_does_not_arrive_or_is_too_large_is_given_up(ask, sent, status):
    assert ask(*sent)[9:12] in (status, b"")


@pytest.mark.parametrize("pieces", [1, 4])
def test_a_large_body_is_no_head(address, pieces):
    body = b'{"conf": {"x": "%s"}}' % (b"y" * 400_000)
    with socket.create_connection(address, 30) as client:
        for _ in range(2):
            client.sendall(HEAD + b"Content-Length: %d\r\n\r\n" % len(body))
            for part in range(pieces):
                client.sendall(body[part * len(body) // pieces : (part + 1) * len(body) // pieces])
            told = b""
            while b"'sales' is named 'x'" not in told:  # it has read the whole body
                told += (piece := client.recv(65_536))
                assert piece, told


def test_a_body_of_the_smallest_chunks_is_a_body(ask):
    body = b'{"conf": {"x": "%s"}}' % (b"y" * 40_000)
    close = HEAD + b"Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
    assert b"'sales' is named 'x'" in ask(close, b"".join(b"1\r\n%c\r\n" % each for each in body), b"0\r\n\r\n")


@pytest.mark.parametrize(
    ("trailer", "status"),
    [
        pytest.param(b"Authorization: Bearer owner", b"401", id="who asks"),
        pytest.param(b"Host: elsewhere.example", b"401", id="how it is asked"),
    ],
)
def test_what_follows_a_body_is_no_header(ask, trailer, status):
    head = (
        b"GET /api/v1/dags HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n"
    )
    assert ask(head + trailer + b"\r\n\r\n")[9:12] == status


def test_what_nobody_reads_is_sent_no_longer(address):
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        client.settimeout(30)
        client.connect(address)
        client.sendall(
            b"GET /api/v1/openapi.json HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer owner\r\n\r\n" * 200
        )
        client.setblocking(True)  # it reads nothing
        poll = select.poll()
        poll.register(client, select.POLLHUP | select.POLLERR | select.POLLRDHUP)
        assert poll.poll(30_000)


def test_whoever_asks_is_heard_beside_many_who_do_not(address):
    live = b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n"
    with ExitStack() as opened:
        for number in range(100):
            idle = opened.enter_context(socket.create_connection(address, 30))
            if number % 2:
                idle.sendall(live[:30])
        with socket.create_connection(address, 30) as client:
            for _ in range(2):
                client.sendall(live)
                told = b""
                while b"alive" not in told:
                    told += (piece := client.recv(65_536))
                    assert piece, told


@pytest.mark.parametrize(
    "more",
    [
        pytest.param(b"Host: elsewhere.example", id="how it is asked"),
        pytest.param(b"Authorization: Bearer other", id="who asks"),
        pytest.param(b"Content-Type: text/plain", id="what it is"),
    ],
)
def test_what_two_could_see_differently_is_refused(ask, more):
    told = ask(HEAD + more + b"\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}")
    assert told[9:12] == b"400"
    assert b"came more than once" in told


SMUGGLED = b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n"
LENGTH, CHUNKED = b"Content-Length: 5\r\n", b"Transfer-Encoding: chunked\r\n"


@pytest.mark.parametrize(
    "more",
    [
        pytest.param(LENGTH + CHUNKED + b"\r\n0\r\n\r\n", id="a length and chunks"),
        pytest.param(CHUNKED + LENGTH + b"\r\n0\r\n\r\n", id="chunks and a length"),
        pytest.param(LENGTH + b"Content-Length: 6\r\n\r\nhello", id="two lengths"),
        pytest.param(b"Content-Length: +5\r\n\r\nhello", id="a length with a sign"),
        pytest.param(b"Content-Length: 5, 5\r\n\r\nhello", id="a list of lengths"),
        pytest.param(b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n", id="chunks that are not last"),
        pytest.param(b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n", id="a blank before the colon"),
        pytest.param(CHUNKED + b"\r\nzz\r\n0\r\n\r\n", id="a chunk of no size"),
        pytest.param(CHUNKED + b"\r\n" + b"f" * 17 + b"\r\n", id="a chunk beyond 64 bits"),
        pytest.param(b"X-A: b\x00c\r\n\r\n", id="NUL in a header"),
        pytest.param(b"X-A: b\rX-B: c\r\n\r\n", id="a bare carriage return"),
    ],
)
def test_a_request_whose_end_two_could_see_differently_ends_its_connection(ask, more):
    told = ask(HEAD + more + SMUGGLED)
    assert (told[9:12], told.count(b"HTTP/1.1 "), b"alive" in told) == (b"400", 1, False)


def test_what_is_packed_is_not_unpacked(ask):
    packed = gzip.compress(b'{"conf": "' + b"x" * 10_000_000 + b'"}')
    told = ask(
        HEAD + b"Connection: close\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(packed) + packed
    )
    assert told[9:12] in (b"400", b"415")


def test_a_second_request_has_the_same_time_and_a_slow_one_holds_up_no_other(ask):
    first = b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n"
    told = ask(first, b"GET /health/li")
    assert told.startswith(b"HTTP/1.1 200 ")
    assert b"HTTP/1.1 408 " in told


def test_a_body_is_given_up_before_all_of_its_time_is_over_if_somebody_reads_it():
    assert body.MOST_S < connection.MOST_BODY_S
