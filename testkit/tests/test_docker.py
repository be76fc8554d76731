"""The fake engine answers the official client as an engine does, and refuses what it does not know."""

import contextlib
import io
import tarfile
import threading
import time

import docker
import pytest
import requests
from docker.errors import APIError, ImageNotFound, NotFound
from docker.tls import TLSConfig

from penstock_testkit.docker import DockerEngine, RemoteImage, tls_address, unix_address
from penstock_testkit.processes import wait_until

SHELL = "for n in 1 2 3; do echo $n; echo e$n >&2; sleep 0.05; done; exit 4"


@pytest.fixture(autouse=True)
def each_is_closed(nothing_left_open):
    """A client is part of a cycle, and so is what it attaches to."""


@pytest.fixture
def engine():
    made = DockerEngine()
    yield made
    made.close()
    assert made.complaints() == []


@pytest.fixture
def client(engine):
    """The SDK's own client, which agrees on a version with the engine."""
    with unix_address(engine) as url:
        made = docker.APIClient(url, version="auto", timeout=60)
        yield made
        made.close()


@pytest.fixture
def made(client):
    """A function that makes a container of a shell's script, and starts it."""

    def make(script, name="box", **arguments):
        host = client.create_host_config(**arguments.pop("host", {"network_mode": "none"}))
        found = client.create_container("busybox", ["sh", "-c", script], name=name, host_config=host, **arguments)["Id"]
        client.start(found)
        return found

    return make


def refused(call, *args, **kwargs):
    with pytest.raises(APIError) as raised:
        call(*args, **kwargs)
    return raised.value.response.status_code, raised.value.explanation


def test_a_container_lives_from_creation_to_removal(client, made, engine):
    box = made(SHELL, labels={"a": "b"})
    assert client.inspect_container("box")["State"]["Running"]
    assert [each["Id"] for each in client.containers(filters={"label": "a=b"})] == [box]
    assert client.wait(box) == {"Error": None, "StatusCode": 4}
    state = client.inspect_container(box)["State"]
    assert (state["Status"], state["ExitCode"], state["OOMKilled"]) == ("exited", 4, False)
    client.remove_container(box)
    assert refused(client.inspect_container, box) == (404, f"No such container: {box}")
    assert [each["Action"] for each in engine.events] == ["create", "start", "die", "destroy"]


def test_a_log_is_read_followed_and_attached_to(client, made):
    box = made(SHELL)
    attached = client.attach(box, stream=True, logs=True)
    followed = client.logs(box, stream=True, follow=True)
    everything = sorted(["1", "2", "3", "e1", "e2", "e3"])

    for each in (attached, followed):
        with contextlib.closing(each):
            assert sorted(b"".join(each).decode().split()) == everything
            each._response.close()  # the SDK closes the socket, and leaves what reads from it to the garbage collector
    assert client.logs(box, stderr=False) == b"1\n2\n3\n"
    assert client.logs(box, stderr=False, tail=1) == b"3\n"
    stamps = [line.split()[0] for line in client.logs(box, stderr=False, timestamps=True).decode().splitlines()]
    assert stamps == sorted(stamps)
    assert all(len(each) == len("2026-11-28T00:20:50.039958713Z") for each in stamps)
    assert client.logs(box, since=int(time.time()) + 5) == b""


def test_ends_are_those_of_an_engine(client, made, engine):
    stubborn = made("trap '' TERM; echo; while true; do sleep 0.01; done", "stubborn")
    wait_until(
        lambda: client.logs(stubborn), seconds=30, otherwise=lambda: "it wrote nothing"
    )  # it does not listen now
    time_before = time.monotonic()
    client.stop(stubborn, timeout=1)
    assert time.monotonic() - time_before >= 1
    assert client.inspect_container(stubborn)["State"]["ExitCode"] == 137
    sleeps = made("exec sleep 100", "sleeps")
    assert refused(client.remove_container, sleeps)[0] == 409
    client.kill(sleeps, signal="SIGTERM")
    assert client.wait(sleeps)["StatusCode"] == 143
    assert refused(client.kill, sleeps)[0] == 409
    client.stop(sleeps)  # 304 is no error
    big = made("exec sleep 100", "big", host={"mem_limit": "64m"})
    engine.container(big).out_of_memory()
    assert client.wait(big)["StatusCode"] == 137
    assert client.inspect_container(big)["State"]["OOMKilled"]
    now = int(time.time())
    found = client.events(since=now - 60, until=now + 1, filters={"container": "stubborn"}, decode=True)
    kills = [each["Actor"]["Attributes"]["signal"] for each in found if each["Action"] == "kill"]
    assert kills == ["15", "9"]


def test_the_end_of_a_container_is_that_of_all_its_processes(client, made, tmp_path):
    box = made(f"(sleep 0.5; touch {tmp_path}/lived) & exit 0")
    assert client.wait(box)["StatusCode"] == 0
    threading.Event().wait(0.7)
    assert not (tmp_path / "lived").exists()


def test_files_go_in_and_come_out(client, made):
    box = client.create_container(
        "busybox", ["sh", "-c", "cat given > /penstock/left"], working_dir="/penstock", name="box"
    )["Id"]
    kept = io.BytesIO()
    with tarfile.open(fileobj=kept, mode="w") as archive:
        entry = tarfile.TarInfo("penstock/given")
        entry.size = 5
        archive.addfile(entry, io.BytesIO(b"hello"))
    client.put_archive(box, "/", kept.getvalue())
    client.start(box)
    client.wait(box)

    pieces, stat = client.get_archive(box, "/penstock/given")
    with tarfile.open(fileobj=io.BytesIO(b"".join(pieces))) as archive:
        assert archive.extractfile("given").read() == b"hello"
    assert (stat["name"], stat["size"]) == ("given", 5)
    assert refused(client.get_archive, box, "/nowhere") == (404, "Could not find the file /nowhere in container " + box)


@pytest.mark.parametrize(
    ("arguments", "status", "says"),
    [
        ({"image": "nope:1"}, 404, "No such image: nope:1"),
        ({"name": "bad name"}, 400, "Invalid container name (bad name)"),
        ({"host": {"mem_limit": "1m"}}, 400, "Minimum memory limit allowed is 6MB"),
        ({"host": {"mounts": [{"Type": "bind", "Source": "/no/such", "Target": "/in"}]}}, 400, "bind source path does not exist: /no/such"),
        ({"name": "taken"}, 409, 'The container name "/taken" is already in use by container'),
    ],
)  # fmt: skip
def test_a_creation_is_refused_in_the_engines_words(client, arguments, status, says):
    client.create_container("busybox", "true", name="taken")
    given = {"image": "busybox", "command": "true", **arguments}
    given["host_config"] = client.create_host_config(**given.pop("host", {}))

    found = refused(client.create_container, **given)

    assert found[0] == status
    assert says in found[1]


def test_a_program_that_is_not_there_leaves_the_container_as_it_was(client):
    client.create_container("busybox", ["nosuch"], name="box")
    assert refused(client.start, "box")[0] == 400
    state = client.inspect_container("box")["State"]
    assert (state["Status"], state["ExitCode"]) == ("created", 127)
    assert "executable file not found in $PATH" in state["Error"]


def test_an_image_is_pulled_with_its_progress_and_its_digest(client, engine):
    engine.registry["team/app:1"] = RemoteImage({"Cmd": ["echo", "hi"]}, login=("ann", "pw"))
    pulled = list(
        client.pull("team/app", "1", stream=True, decode=True, auth_config={"username": "ann", "password": "pw"})
    )

    assert sum(each["status"] == "Pull complete" for each in pulled) == 2
    assert pulled[-2]["status"].removeprefix("Digest: ") in client.inspect_image("team/app:1")["RepoDigests"][0]
    assert client.login("ann", "pw", registry="https://registry.example")["Status"] == "Login Succeeded"
    with pytest.raises(ImageNotFound):
        client.inspect_image("team/app:2")
    with pytest.raises(NotFound, match="manifest unknown"):
        client.pull("team/app", "2")
    with pytest.raises(NotFound, match="pull access denied"):
        client.pull("nowhere/app", "1")
    wrong = {"username": "ann", "password": "wrong"}
    assert "unauthorized: incorrect username or password" in refused(client.pull, "team/app", "1", auth_config=wrong)[1]


def test_a_client_that_leaves_ends_its_pull(client, engine):
    engine.registry["app:1"] = RemoteImage(step_s=0.01)
    pulling = client.post(
        f"{client.base_url}/v1.47/images/create", params={"fromImage": "app", "tag": "1"}, stream=True
    )
    next(pulling.iter_lines())
    pulling.close()
    threading.Event().wait(0.3)
    assert engine.registry["app:1"].pulls == 0


def test_what_it_does_not_know_is_refused_and_fails_the_test(client, engine):
    base = f"{client.base_url}/v1.47"
    for answer in (
        client.post(f"{base}/containers/create", json={"Image": "busybox", "Cmd": ["true"], "Nonsense": 1}),
        client.post(f"{base}/containers/create", json={"Image": "busybox", "HostConfig": {"AutoRemove": True}}),
        client.post(f"{base}/containers/create", json={"Image": "busybox", "HostConfig": {"Memory": "1g"}}),
        client.get(f"{base}/containers/json?wrong=1"),
        client.get(f"{base}/swarm"),
    ):
        assert answer.status_code == 501
    assert len(engine.problems) == 5
    engine.problems.clear()
    too_new = client.get(f"{client.base_url}/v1.99/_ping")
    assert (too_new.status_code, too_new.json()["message"]) == (
        400,
        "client version 1.99 is too new. Maximum supported API version is 1.47",
    )


def test_tls_lets_nobody_in_without_a_certificate(engine, tmp_path, monkeypatch):
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):  # the client would take these before what it is given
        monkeypatch.delenv(name, raising=False)
    with tls_address(engine) as address:
        files = {name: tmp_path / name for name in ("ca", "cert", "key")}
        for name, path in files.items():
            path.write_text(getattr(address, name))
        tls = TLSConfig(client_cert=(str(files["cert"]), str(files["key"])), ca_cert=str(files["ca"]), verify=True)
        client = docker.APIClient(address.url, version="1.47", tls=tls, timeout=60)
        assert client.ping()
        client.close()
        with pytest.raises(requests.exceptions.ConnectionError):
            requests.get(address.url.replace("tcp", "https") + "/_ping", verify=str(files["ca"]), timeout=60)
