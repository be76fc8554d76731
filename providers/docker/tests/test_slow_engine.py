"""An engine that drips, is full, or has lost an image: nothing is held for ever, and what to do is told."""

import contextlib
import socket
import threading
import time

import pytest

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


@pytest.fixture(params=DRIPS)
def dripping(request):
    """A hook whose engine answers a byte at a time, each well within the limit of a socket."""
    first, drop = DRIPS[request.param]
    over, taken = threading.Event(), []

    def answer(connection):
        with contextlib.suppress(OSError):
            while asked := connection.recv(65536):
                if b" /version" in asked:
                    connection.sendall(VERSION)
                    continue
                connection.sendall(first)
                while not over.wait(0.02):
                    connection.sendall(drop)

    def serve():
        with contextlib.suppress(OSError):
            while True:
                taken.append(listening.accept()[0])
                threads.append(threading.Thread(target=answer, args=(taken[-1],)))
                threads[-1].start()

    with socket.create_server(("127.0.0.1", 0)) as listening:
        threads = [threading.Thread(target=serve)]
        threads[0].start()
        url = f"tcp://127.0.0.1:{listening.getsockname()[1]}"
        limits = {"connect_timeout_s": 0.1, "read_timeout_s": 0.2, "max_attempts": 1, "stalled_pull_s": 0.2}
        yield DockerHook(connection=Connection("d", "docker", extra={"docker_url": url, **limits}))
        over.set()
        listening.shutdown(socket.SHUT_RDWR)
    for each in taken:
        with contextlib.suppress(OSError):
            each.shutdown(socket.SHUT_RDWR)
        each.close()
    for each in threads:
        each.join(60)


@pytest.mark.parametrize(
    "ask",
    [
        lambda hook: hook.image("x"),
        lambda hook: hook.create("n", "x", host={}),
        lambda hook: hook.container("n"),
        lambda hook: list(hook.read_log("n", LogPlace(), terminal=True)),
        lambda hook: hook.stop("n", 0),
        lambda hook: hook.file("n", "/x", 1_000_000),
        lambda hook: hook.pull("x", wait_s=20),
    ],
    ids=["image", "create", "inspect", "logs", "stop", "file", "pull"],
)  # fmt: skip
def test_an_answer_that_drips_is_given_up(dripping, ask):
    """It held its thread for as long as the engine went on."""
    began_s = time.monotonic()
    with pytest.raises(ProviderError, match="was not whole after 0") as caught:
        ask(dripping)
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
