"""An engine that drips, is full, or has lost an image: nothing is held for ever, and what to do is told."""

import contextlib
import socket
import ssl
import sys
import threading
import time

import pytest
import trustme

from penstock import Connection
from penstock.errors import ErrorKind, ProviderError
from penstock_docker.hooks import DockerHook, LogPlace
from penstock_testkit.docker import RemoteImage
from penstock_testkit.saas import HttpAnswer

VERSION = b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 21\r\n\r\n{"ApiVersion":"1.41"}'
DRIPS = {
    "head": (b"HTTP/1.1 200 OK\r\nX-Long: ", b"a"),
    "body": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\n\1\r\n"),
}
FULL = b'{"message": "write /var/lib/docker/x: no space left on device"}'
DF = "Free space on the engine's machine: `docker system df` shows what takes it"


SSH = """#!{python}
import os, socket, threading
engine = socket.create_connection(("127.0.0.1", {port}))
def back():
    while data := engine.recv(65536):
        os.write(1, data)
    os._exit(0)
threading.Thread(target=back, daemon=True).start()
while data := os.read(0, 65536):
    engine.sendall(data)
"""


def tcp(port, *_):
    return {"docker_url": f"tcp://127.0.0.1:{port}"}, lambda taken: taken


def tls(port, *_):
    authority, context = trustme.CA(), ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    extra = {"docker_url": f"tcp://127.0.0.1:{port}", "tls_ca": authority.cert_pem.bytes().decode()}
    return extra, lambda taken: context.wrap_socket(taken, server_side=True)


def through_ssh(port, folder, monkeypatch):
    """What stands in for the system's ssh connects to the engine."""
    (folder / "ssh").write_text(SSH.format(python=sys.executable, port=port))
    (folder / "ssh").chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    return {"docker_url": "ssh://far.example"}, lambda taken: taken


ASKS = {
    "image": lambda hook: hook.image("x"),
    "create": lambda hook: hook.create("n", "x", host={}),
    "inspect": lambda hook: hook.container("n"),
    "logs": lambda hook: list(hook.read_log("n", LogPlace(), terminal=True)),
    "stop": lambda hook: hook.stop("n", 0),
    "file": lambda hook: hook.file("n", "/x", 1_000_000),
    "pull": lambda hook: hook.pull("x", wait_s=20),
}
FAR = ("inspect", "logs", "pull")
"""What is asked by TLS and through ssh: the bound is the same one, and the socket another."""


@pytest.fixture
def dripping(way, drip, tmp_path, monkeypatch):
    """A hook whose engine answers a byte at a time, each well within the limit of a socket."""
    patience_s = 0.1 if way is tcp else 0.4  # a handshake, or a process, comes first
    first, drop = DRIPS[drip]
    over, taken = threading.Event(), []

    def answer(connection):
        with contextlib.suppress(OSError), spoken(connection) as line:
            while asked := line.recv(65536):
                if b" /version" in asked:
                    line.sendall(VERSION)
                    continue
                line.sendall(first)
                while not over.wait(0.02):
                    line.sendall(drop)

    def serve():
        with contextlib.suppress(OSError):
            while True:
                taken.append(listening.accept()[0])
                threads.append(threading.Thread(target=answer, args=(taken[-1],)))
                threads[-1].start()

    with socket.create_server(("127.0.0.1", 0)) as listening:
        extra, spoken = way(listening.getsockname()[1], tmp_path, monkeypatch)
        threads = [threading.Thread(target=serve)]
        threads[0].start()
        limits = {
            "connect_timeout_s": patience_s,
            "read_timeout_s": 2 * patience_s,
            "max_attempts": 1,
            "stalled_pull_s": 0.2,
        }
        yield DockerHook(connection=Connection("d", "docker", extra={**extra, **limits}))
        over.set()
        listening.shutdown(socket.SHUT_RDWR)
    for each in taken:
        with contextlib.suppress(OSError):
            each.shutdown(socket.SHUT_RDWR)
        each.close()
    for each in threads:
        each.join(60)


@pytest.mark.parametrize("drip", DRIPS)
@pytest.mark.parametrize(
    ("way", "ask"), [(tcp, ask) for ask in ASKS] + [(way, ask) for way in (tls, through_ssh) for ask in FAR]
)
def test_an_answer_that_drips_is_given_up(dripping, ask):
    """It held its thread for as long as the engine went on."""
    began_s = time.monotonic()
    with pytest.raises(ProviderError, match="was not whole after") as caught:
        ASKS[ask](dripping)
    assert caught.value.kind is ErrorKind.TIMEOUT
    assert time.monotonic() - began_s < 10


def refuse(engine, part, body, status=500, most=1000):
    """Have an engine refuse what is asked of it by POST, so many times."""
    left = iter(range(most))

    def answer(request):
        wanted = request.method == "POST" and part in request.target and next(left, None) is not None
        return HttpAnswer(status, {"Content-Type": "application/json"}, body) if wanted else None

    engine.faults.append(answer)


@pytest.mark.parametrize("part", ["/containers/create", "/start", "/images/create"])
def test_an_engine_without_space_is_told_with_what_to_do(run, engine, part):
    engine.registry["tool:3"] = RemoteImage({"Cmd": ["echo", "hi"]})
    refuse(engine, part, FULL)
    (error,) = run(None, image="tool:3").tasks["load"].errors
    assert "no space left on device" in error
    assert DF in error


def test_an_image_that_is_removed_before_it_is_used_is_pulled_anew(run, engine):
    engine.registry["tool:3"] = RemoteImage({"Cmd": ["echo", "hi"]})

    def remove(request):
        if "/containers/create" in request.target and engine.registry["tool:3"].pulls == 1:
            engine.images.pop("tool:3", None)

    engine.faults.append(remove)
    assert run(None, image="tool:3").check().value("load") == "hi"
    assert engine.registry["tool:3"].pulls == 2


def test_an_image_that_is_always_removed_fails_its_task(run, engine):
    refuse(engine, "/containers/create", b'{"message": "No such image: busybox:latest"}', 404)
    (error,) = run("true").tasks["load"].errors
    assert "No such image: busybox:latest" in error


def test_a_name_that_is_taken_by_a_foreign_container_is_told(run, engine):
    words = b'{"message": "Conflict. The container name \\"/x\\" is already in use by container \\"abc\\"."}'
    refuse(engine, "/containers/create", words, 409)
    (error,) = run("true").tasks["load"].errors
    assert 'already in use by container "abc"' in error
