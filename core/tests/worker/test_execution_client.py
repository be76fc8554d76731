"""What a worker is told of a server that is none, that drips, or whose certificate is of no use: one line, in time."""

import contextlib
import datetime as dt
import socket
import ssl
import threading

import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from penstock.client.server_address import server_address
from penstock.errors import ServerError
from penstock.model.remote.execution_messages import ClaimAnswer, RenewalAnswer
from penstock.testing import FakeClock
from penstock.worker.execution_client import ExecutionClient, RefusedByServerError

from .conftest import NOW, until

OK = b"HTTP/1.1 200 OK\r\n"
MSGPACK = OK + b"Content-Type: application/msgpack\r\n"
HTML = b"Content-Type: text/html\r\nContent-Length: 14\r\n\r\n<h1>Login</h1>"
PROBLEM = b"Content-Type: application/problem+json\r\nContent-Length: %d\r\n\r\n%s"
LONG = b'{"detail": "\\u001b[2J' + b"x" * 9000 + b'"}'


@pytest.fixture
def serve():
    """Servers that send each connection some bytes, or an iterable of them; gives a function that starts one, which gives its URL."""
    opened = []

    def serve(answer, context=None, until=b"\r\n\r\n"):
        listening = socket.create_server(("127.0.0.1", 0))
        opened.append(listening)

        def talk(connection):
            with contextlib.suppress(OSError):
                if context is not None:
                    connection = context.wrap_socket(connection, server_side=True)
                with connection:
                    asked = b""
                    while not asked.partition(until)[2] and (read := connection.recv(65536)):
                        asked += read
                    for each in [answer] if isinstance(answer, bytes) else answer():
                        connection.sendall(each)

        def accept():
            with contextlib.suppress(OSError):
                while True:
                    threading.Thread(target=talk, args=(listening.accept()[0],), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        return f"{'http' if context is None else 'https'}://localhost:{listening.getsockname()[1]}"

    yield serve
    for each in opened:
        each.close()


def ask(url, kind=ClaimAnswer, route="claims", **options):
    client = ExecutionClient(server_address(url), 5.0)
    try:
        return client.ask(route, "t-x.secret", None, kind, **options)
    finally:
        client.close()


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (OK + HTML, "is no server of Penstock's: 200 OK, with text/html. PENSTOCK_SERVER names it"),
        (b"HTTP/1.1 403 Forbidden\r\n" + HTML, "is no server of Penstock's: 403 Forbidden, with text/html"),
        (b"HTTP/1.1 204 No Content\r\n\r\n", "is no server of Penstock's: 204 No Content, with no type"),
        (b"HTTP/1.1 502 Bad Gateway\r\n" + HTML, "cannot answer now: 502 Bad Gateway"),
        (
            b"HTTP/1.1 302 Found\r\nLocation: https://me:key@login.example/in?token=key#key\r\n" + HTML,
            "sends elsewhere: 302 Found, to https://login.example/in. PENSTOCK_SERVER has to name the server itself.",
        ),
        (b"HTTP/1.1 301 Moved\r\nLocation: http://[x\r\n" + HTML, "sends elsewhere: 301 Moved, to no place."),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "speaks no HTTP: SSH-2.0-OpenSSH_9.2. PENSTOCK_SERVER names it: is it right?"),
        (MSGPACK + b"Content-Length: 9\r\n\r\n\x81", "does not answer: IncompleteRead(1 bytes read, 8 more expected)"),
        (MSGPACK + b"Content-Length: 7\r\n\r\n\x81\xa5tries", "of version 0.1.0, cannot read: Input data was truncated"),
        (b"", "does not answer: Remote end closed connection"),
        (b"HTTP/1.1 500 " + b"no " * 900 + b"\r\n" + HTML, "no no no..., with text/html"),
    ],
)  # fmt: skip
def test_what_is_no_answer_is_told_in_one_line(serve, answer, told):
    with pytest.raises(ServerError) as caught:
        ask(serve(answer))
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)
    assert "key" not in str(caught.value)
    assert len(str(caught.value)) < 600


@pytest.mark.parametrize(
    ("content", "told"),
    [(b'{"detail": "there is no such path."}', "there is no such path. Is it of another version"), (LONG, "xxx...")],
)
def test_a_refusal_of_the_server_is_one_line(serve, content, told):
    with pytest.raises(RefusedByServerError) as caught:
        ask(serve(b"HTTP/1.1 404 Not Found\r\n" + PROBLEM % (len(content), content)))
    assert told in str(caught.value)
    assert len(str(caught.value)) < 600


@pytest.mark.parametrize("head", [b"HTTP/1.1 ", MSGPACK + b"Content-Length: 99999\r\n\r\n"], ids=["head", "body"])
def test_an_answer_that_drips_is_given_up(serve, head):
    clock, given_up, over = FakeClock(NOW), [], threading.Event()

    def drips():
        yield head
        while not over.is_set():
            clock.advance(1.0)  # a second passes for each byte of its
            yield b"2"
            threading.Event().wait(0.005)

    client = ExecutionClient(server_address(serve(drips)), 5.0, clock)

    def asks():
        try:
            client.ask("claims", "t-x.secret", None, ClaimAnswer, within_s=30.0)
        except ServerError as error:
            given_up.append(str(error))

    threading.Thread(target=asks, daemon=True).start()
    try:
        until(lambda: given_up, "it is given up")
    finally:
        over.set()
        client.close()
    assert "its answer takes longer than 30 s, and was given up" in given_up[0]


def certificate(tmp_path, stem, name="localhost", start=-1, end=1, issuer=None):
    """A certificate of some days from now on, as a file with its key."""
    key, today = ec.generate_private_key(ec.SECP256R1()), dt.datetime.now(dt.UTC)
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, stem)])
    by, signer = issuer or (subject, key)
    made = (
        x509.CertificateBuilder().subject_name(subject).issuer_name(by).public_key(key.public_key())
        .serial_number(x509.random_serial_number()).not_valid_before(today + dt.timedelta(days=start))
        .not_valid_after(today + dt.timedelta(days=end))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True).sign(signer, hashes.SHA256())
    )  # fmt: skip
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (tmp_path / stem).write_bytes(made.public_bytes(serialization.Encoding.PEM) + private)
    return tmp_path / stem, (subject, key)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"start": -9, "end": -1}, "certificate has expired. Have its certificate renewed; if that is in order, the clock of this"),
        ({"start": 1, "end": 9}, "certificate is not yet valid. Have its certificate renewed; if"),
        ({"name": "db.example"}, "Hostname mismatch, certificate is not valid for 'localhost'. Name the server as its"),
        ({"issuer": None}, "self-signed certificate. Its certificate has to be signed by an authority in "),
        ({}, None),
    ],
    ids=["expired", "future", "other name", "self-signed", "good"],
)  # fmt: skip
def test_a_certificate_that_is_of_no_use_is_told_with_what_to_do(serve, tmp_path, monkeypatch, options, told):
    authority, issuer = certificate(tmp_path, "authority")
    path, _ = certificate(tmp_path, "server", **{"issuer": issuer, **options})
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    monkeypatch.setenv("SSL_CERT_FILE", str(authority))
    content = msgspec.msgpack.encode(ClaimAnswer(()))
    url = serve(MSGPACK + b"Content-Length: %d\r\n\r\n%s" % (len(content), content), context)
    if told is None:
        assert ask(url) == ClaimAnswer(())
        return
    with pytest.raises(ServerError) as caught:
        ask(url)
    assert f"the server {url} is not who it says it is: {told}" in str(caught.value)


def test_an_address_by_tls_of_a_server_without_is_told(serve):
    url = serve(OK + HTML, until=b"\x16").replace("http:", "https:")
    with pytest.raises(ServerError, match=r"speaks no TLS that is understood here: .*begins with https://"):
        ask(url, RenewalAnswer, "renewals")


def test_an_address_without_tls_of_a_server_with_it_is_told(serve, tmp_path):
    path, _ = certificate(tmp_path, "server")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    url = serve(OK + HTML, context).replace("https:", "http:")
    with pytest.raises(ServerError, match=r"does not answer: .*; if it is one of TLS, its URL begins with https://"):
        ask(url, RenewalAnswer, "renewals")
