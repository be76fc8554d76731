"""An engine that answers nonsense, or something before it that does: it fails no task, loses no line, and leaves no container."""

import pytest

from penstock import Connection
from penstock.errors import ErrorKind, ProviderError
from penstock_docker.errors import OddAnswerError
from penstock_docker.hooks import DockerHook, clients
from penstock_docker.hooks.container_logs import frames_of, lines_of
from penstock_testkit.saas import HttpAnswer
from penstock_testkit.saas.http_faults import Order

CREATE, START = "POST /{version}/containers/create", "POST /{version}/containers/{name}/start"
INSPECT, LOGS = "GET /{version}/containers/{name}/json", "GET /{version}/containers/{name}/logs"
REMOVE, IMAGE = "DELETE /{version}/containers/{name}", "GET /{version}/images/{name}/json"
EVENTS, VERSION = "GET /{version}/events", "GET /version"
PRINTS = ["sh", "-c", "echo '|one'; echo '|two'"]
NONSENSE = {
    "null": b"null", "list": b"[]", "empty": b"{}", "wrong": b'{"Id": 5, "State": "odd", "Config": null, "ApiVersion": {}}',
    "html": b"<html>login</html>", "half": b'{"Id": "abc',
}  # fmt: skip
FRAMES = {
    "endless": b"\x01\0\0\0\xff\xff\xff\xffabc", "no stamp": b"\x01\0\0\0\0\0\0\x05hello",
    "no stream": b"\x09\0\0\0\0\0\0\x2a2026-11-28T00:20:50.039958713Z hello world\n",
}  # fmt: skip


@pytest.fixture(autouse=True)
def every_fault_has_struck(engine):
    yield
    assert engine.faults.unfilled() == []


def answers(engine, when, body, status=200):
    """Have an engine answer something else once, before it has done what was asked."""
    kind = {"Content-Type": "application/json"}
    engine.faults.append(Order(lambda _request: HttpAnswer(status, kind, body), when=when))


@pytest.mark.parametrize("body", NONSENSE.values(), ids=NONSENSE)
@pytest.mark.parametrize("when", [VERSION, IMAGE, CREATE, INSPECT])
def test_nonsense_is_asked_again(run, engine, lines, when, body):
    answers(engine, when, body)
    run(PRINTS).check()
    assert lines() == ["one", "two"]
    assert len(engine.made) == 1


@pytest.mark.parametrize("when", [VERSION, IMAGE, CREATE, INSPECT, START])
def test_a_refusal_in_the_words_of_no_engine_is_asked_again(run, engine, lines, when):
    answers(engine, when, b'["message"]', 500)
    run(PRINTS).check()
    assert lines() == ["one", "two"]


@pytest.mark.parametrize("body", FRAMES.values(), ids=FRAMES)
def test_a_log_that_is_none_is_read_again(run, engine, lines, body):
    answers(engine, LOGS, body)
    run(PRINTS).check()
    assert lines() == ["one", "two"]


def test_a_log_that_is_refused_for_a_full_disk_is_read_again(run, engine, lines):
    answers(engine, LOGS, b'{"message": "no space left on device"}', 500)
    run(PRINTS).check()
    assert lines() == ["one", "two"]


def test_what_is_made_and_answered_by_nonsense_is_found_and_not_made_twice(run, engine):
    def spoilt(_request):
        def change(answer):
            return HttpAnswer(200, answer.headers, b"{}")

        return change

    engine.faults.append(Order(spoilt, when=CREATE))
    run(PRINTS).check()
    assert len(engine.made) == 1


def test_events_that_are_none_fail_a_task_as_before(run, engine):
    answers(engine, EVENTS, b"null")
    error = run(["sh", "-c", "exit 3"]).tasks["load"].errors[0]
    assert "its container ended with exit code 3" in error


def test_a_container_that_cannot_be_removed_fails_no_task_whose_work_is_done(run, engine, caplog):
    answers(engine, REMOVE, b'{"message": "no space left on device"}', 500)
    run(PRINTS).check()
    engine.kept = [each.name for each in engine.containers.values()]
    assert "no space left on device" in caplog.text
    assert "Remove it by hand." in caplog.text


class Endless:
    """A streamed response of bytes without an end."""

    def __init__(self, piece):
        self.raw, self._piece, self.given = self, piece, 0

    def read(self, size):
        self.given += size
        return self._piece * size


def test_a_line_of_a_terminal_without_an_end_is_not_kept_in_memory():
    answer = Endless(b"x")
    with pytest.raises(OddAnswerError, match="writes a line of more than"):
        list(lines_of(answer))
    assert answer.given < 8 << 20


def test_a_frame_of_gigabytes_is_not_read():
    answer = Endless(b"\x01")
    with pytest.raises(OddAnswerError, match="16,843,009 bytes of stream 1"):
        list(frames_of(answer))
    assert answer.given == 8


def test_an_answer_without_an_end_is_not_read_as_a_whole(engine, hook, monkeypatch):
    monkeypatch.setattr(clients, "_LARGEST", 100)
    answers(engine, "GET /{version}/images/{name}/json", b'{"Id": "%s"}' % (b"x" * 1000))
    with pytest.raises(ProviderError, match="no engine answers more than 100 bytes") as caught:
        hook.image("busybox")
    assert caught.value.kind is ErrorKind.TRANSIENT


def test_an_engine_that_sends_elsewhere_is_not_followed(engine, hook):
    elsewhere = HttpAnswer(302, {"Location": "http://127.0.0.1:1/secrets"}, b"")
    engine.faults.append(Order(lambda _request: elsewhere, when=IMAGE))
    with pytest.raises(ProviderError, match="HTTP 302"):
        hook.image("busybox")


@pytest.mark.parametrize("text", ["NaN", "[Infinity]", '"\\ud800"', "[" * 5000])
def test_a_result_that_only_python_takes_for_json_is_refused(run, tmp_path, text):
    (tmp_path / "r").write_text(text)
    result = run(["cp", str(tmp_path / "r"), "r"], working_dir="/out", result_file="/out/r")
    assert "/out/r of the container is no JSON: " in result.tasks["load"].errors[0]


def test_a_missing_sdk_is_told_with_what_to_do(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "docker", None)
    hook = DockerHook(connection=Connection("docker_default", "docker", extra={"docker_url": "unix:///no/such"}))
    assert "`plugin-manager doctor` shows which distribution is missing" in hook.test_connection().detail
