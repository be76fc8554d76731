"""The worker of the remote executor, told by an executor that is nothing but a socket."""

import os
import socket
import subprocess
import sys

import pytest
from fleet import EXAMPLE
from penstock_remote.messages import (
    LARGEST,
    Answered,
    Beat,
    Cancel,
    Fetch,
    FromWorker,
    Hello,
    MessageReader,
    Printed,
    Received,
    Refused,
    Report,
    Run,
    Welcome,
    encode,
)

from penstock.load.snapshot import Snapshots
from penstock.model.attempt import TryFacts
from penstock.spec.executor import FileCode, Outcome, TryAsked, TryFinished, TryRequest, TryStarted
from penstock.spec.snapshot import pack
from penstock.spec.wire import Reply

TOKEN = "0123456789abcdef"
PATIENCE_S = 60.0
DAG = """
import os, time
from penstock import DAG, Variable, task
with DAG("d", schedule=None):
    @task
    def asks():
        os.write(1, b"one\\n")
        os.write(1, Variable.get("greeting").encode())
    @task
    def hangs():
        print("begun", flush=True)
        time.sleep(600)
    asks(); hangs()
"""


class FakeExecutor:
    """An executor that is nothing but where its worker connects."""

    def __init__(self):
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(PATIENCE_S)
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self._line = None

    def accept(self):
        """Wait for the worker; its Hello is returned."""
        self.cut()
        self._line, _ = self._listener.accept()
        self._line.settimeout(PATIENCE_S)
        self._reader, self._messages = MessageReader(FromWorker, LARGEST), []
        return self.hear(Hello)

    def welcome(self):
        """Wait for the worker and let it in."""
        hello = self.accept()
        self.say(Welcome(6.0))
        return hello

    def say(self, message):
        self._line.sendall(encode(message))

    def hear(self, kind, event=object):
        """The next message of a kind, of reports the next of an event; others before it are passed over."""
        while True:
            while self._messages:
                message = self._messages.pop(0)
                if isinstance(message, kind) and isinstance(getattr(message, "event", None), event):
                    return message
            data = self._line.recv(1 << 16)
            assert data, "it hung up"
            self._messages += self._reader.feed(data)

    def cut(self):
        if self._line is not None:
            self._line.close()

    def close(self):
        self.cut()
        self._listener.close()


@pytest.fixture
def executor():
    made = FakeExecutor()
    yield made
    made.close()


@pytest.fixture
def command(tmp_path, executor):
    (tmp_path / "token").write_text(TOKEN)
    return [
        sys.executable, "-m", "penstock_remote.worker", "--connect", executor.address,
        "--token-file", str(tmp_path / "token"), "--folder", str(tmp_path / "far"), "--slots", "3",
    ]  # fmt: skip


@pytest.fixture
def environ():
    return os.environ | {"PYTHONPATH": str(EXAMPLE / "src")}


@pytest.fixture
def worker(command, environ, tmp_path):
    with (tmp_path / "worker.log").open("wb") as log:
        process = subprocess.Popen(command, env=environ, stdout=log, stderr=log)
    yield process
    process.kill()
    process.wait()


@pytest.fixture
def source(tmp_path):
    (tmp_path / "dags").mkdir()
    (tmp_path / "dags" / "d.py").write_text(DAG)
    return Snapshots(tmp_path / "dags", tmp_path / "state").take().path


@pytest.fixture
def request_of(source):
    def make(task_id):
        code = FileCode(source.name, "d.py")
        return TryRequest(run=1, epoch=2, facts=TryFacts("d", "r", task_id), code=code, log="file:///nowhere")

    return make


def test_what_was_not_received_is_sent_again_after_the_connection_was_cut(worker, executor, source, request_of):
    hello, request = executor.welcome(), request_of("asks")
    name = (request.key, request.epoch)
    assert (hello.token, hello.slots, hello.tries) == (TOKEN, 3, ())
    executor.say(Run(request))
    fetch = executor.hear(Fetch)
    executor.cut()

    assert executor.welcome().tries == (name,)
    assert executor.hear(Fetch) == fetch
    executor.say(Answered(fetch.number, Reply(pack(source))))
    started, printed = executor.hear(Report, TryStarted), executor.hear(Report, Printed)
    assert (printed.event.offset, printed.event.data) == (0, b"one\n")
    asked = executor.hear(TryAsked)
    executor.cut()

    assert executor.welcome().tries == (name,)
    assert executor.hear(Report) == started
    assert executor.hear(Report) == printed
    assert executor.hear(TryAsked) == asked
    executor.say(Received(printed.serial))
    executor.say(Answered(asked.number, Reply("two")))
    more, end = executor.hear(Report, Printed), executor.hear(Report, TryFinished)
    assert (more.event.offset, more.event.data, end.event.end.outcome) == (4, b"two", Outcome.SUCCESS)
    executor.cut()

    assert executor.welcome().tries == (name,)
    assert executor.hear(Report) == more
    executor.say(Received(end.serial))
    executor.cut()
    assert executor.welcome().tries == ()
    assert executor.hear(Beat).tries == ()


def test_a_try_is_ended_that_the_worker_is_told_to_end(worker, executor, source, request_of):
    executor.welcome()
    request = request_of("hangs")
    executor.say(Run(request))
    executor.say(Answered(executor.hear(Fetch).number, Reply(pack(source))))
    executor.hear(Report, Printed)
    executor.say(Cancel(((request.key, request.epoch),), "by ann"))
    end = executor.hear(Report, TryFinished).event.end
    assert (end.outcome, end.error) == (Outcome.CANCELLED, "by ann")


def test_a_try_whose_code_is_not_there_fails_at_once(worker, executor, request_of):
    executor.welcome()
    executor.say(Run(request_of("asks")))
    executor.say(Answered(executor.hear(Fetch).number, Reply(error="it is gone", error_type="NotFoundError")))
    end = executor.hear(Report, TryFinished).event.end
    assert (end.outcome, end.error) == (Outcome.FAILED, "its worker could not run it: it is gone")


def test_a_worker_that_was_refused_says_why_and_comes_again(worker, executor, tmp_path):
    executor.accept()
    executor.say(Refused("the token is wrong."))
    executor.welcome()
    assert "the token is wrong." in (tmp_path / "worker.log").read_text()


def test_a_folder_serves_one_worker(worker, executor, command, environ):
    executor.welcome()
    second = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    assert second.returncode == 1
    assert "the worker cannot start in" in second.stderr
