"""The suite of remote executors: that of executors, with a server, a database, and workers that know neither."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from typing import ClassVar

import pytest

from penstock.app.compose import open_store
from penstock.app.parts.executors import build_executors
from penstock.clock import SystemClock
from penstock.model.changes import Changes
from penstock.model.run import NewRun, RunKind
from penstock.model.state import Outcome
from penstock.settings import Settings, load_settings
from penstock.spec.executor import Executor, ExecutorContext
from penstock.store import Store
from penstock.testing.suites.executor import COLOUR, ExecutorSuite, Place, Tries, snapshot
from penstock.testing.suites.expect import expect

_NAME = "suite"
_SETTINGS = '[core]\nstate_folder = "state"\nlogs_folder = "logs"\n'
_LISTENING = "listening on "


class RemoteExecutorSuite(ExecutorSuite):
    """Tests of a remote executor, which is made as the scheduler makes it; they need ``penstock-server``.

    A subclass says what stands in its table of the settings, in which ``{url}`` is the URL of the server::

        class TestAcmeExecutor(RemoteExecutorSuite):
            table = 'type = "acme.executor"'

    Attributes:
        table: Lines of ``[executors.suite]``; a fixture of the class may give them, too.
        pool: Whether its tickets are brought to a pool of workers, one of which is started then.
    """

    table: ClassVar[str] = ""
    pool: ClassVar[bool] = False

    @pytest.fixture(scope="class")
    @classmethod
    def executor_table(cls) -> str:
        """The lines of the executor's table, for those that know them only when they run."""
        return cls.table

    @pytest.fixture(scope="class")
    @classmethod
    def settings(cls, tmp_path_factory: pytest.TempPathFactory, executor_table: str) -> Iterator[Settings]:
        """A project whose server answers workers, and which has one run."""
        folder = tmp_path_factory.mktemp("remote")
        snapshot(folder)
        (folder / "penstock.toml").write_text(_SETTINGS, encoding="utf-8")
        environ = {**os.environ, "PENSTOCK_VAR_COLOUR": COLOUR, "PENSTOCK_CONFIG": str(folder / "penstock.toml")}
        with open_store(load_settings({}, folder)) as store:
            new = NewRun(_NAME, _NAME, RunKind.MANUAL, None, None, None)
            store.apply(Changes(new_runs=[new]), SystemClock().now())
        with _running(folder, ["server", "start", "--port", "0"], environ) as output:
            url = _printed(output, _LISTENING).split(_LISTENING, 1)[1].split()[0].rstrip(";.")
            text = f"{_SETTINGS}[executors.{_NAME}]\n{executor_table.replace('{url}', url)}\n"
            (folder / "penstock.toml").write_text(text, encoding="utf-8")
            if cls.pool:
                token = (folder / "state" / "server.token").read_text(encoding="utf-8")
                words = ["worker", "--executor", _NAME, "--concurrency", "2", "--folder", str(folder / "worker")]
                with _running(folder, words, {**environ, "PENSTOCK_SERVER": url, "PENSTOCK_TOKEN": token}):
                    yield load_settings({}, folder)
            else:
                yield load_settings({}, folder)

    @pytest.fixture(scope="class")
    @classmethod
    def place(cls, settings: Settings) -> Place:
        """Where the suite's snapshot and logs lie; a remote executor is made with no such context."""

        def packed(_wanted: str) -> Future[bytes]:
            raise AssertionError("workers fetch snapshots from the server")

        context = ExecutorContext(_NAME, {}, cls.lease_s, settings.state_folder / _NAME, packed, SystemClock().now)
        return Place(context, settings.state_folder / "snapshots", settings.logs_folder)

    @pytest.fixture(scope="class")
    @classmethod
    def store(cls, settings: Settings) -> Iterator[Store]:
        """The project's database."""
        with open_store(settings) as store:
            yield store

    @pytest.fixture(scope="class")
    @classmethod
    def executor(cls, settings: Settings, store: Store) -> Executor:
        """The executor, as the scheduler makes it."""
        problems: list[str] = []
        made = build_executors(settings, store, SystemClock(), problems.append)
        expect(_NAME in made, f"the executor cannot be made: {problems}")
        return made[_NAME]

    def test_a_cancelled_try_ends_alone(self, tries: Tries) -> None:
        """A lost try is cancelled while the next one of its task instance runs, which goes on."""
        old, new = tries.send("sleeps"), tries.send("sleeps")
        names = [(each.key, each.epoch) for each in (old, new)]
        tries.until(lambda: set(names) <= tries.held, "no heartbeat names a try that runs", self.lease_s)
        tries.executor.cancel(names[:1], "the suite counts it as lost")
        tries.until_answered(old)
        expect(not tries.ends(new), f"the try of epoch {old.epoch} is cancelled, and that of epoch {new.epoch} ended")
        tries.executor.cancel(names[1:], "the suite has seen it")
        expect(tries.until_answered(new)[0].outcome is Outcome.CANCELLED, "the next try is not cancelled by itself")


@contextmanager
def _running(folder: Path, words: list[str], environ: dict[str, str]) -> Iterator[Path]:
    """A command of Penstock that goes on; gives the file of what it prints."""
    output = folder / f"{words[0]}.out"
    with output.open("wb") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", "penstock", *words], cwd=folder, env=environ, stdin=subprocess.DEVNULL, stdout=file, stderr=file,
        )  # fmt: skip
    try:
        yield output
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(20.0)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _printed(output: Path, wanted: str, patience_s: float = 60.0) -> str:
    """The line of what a command has printed that holds something."""
    end = time.monotonic() + patience_s
    while True:
        text = output.read_text(encoding="utf-8")
        for line in text.splitlines():
            if wanted in line and len(line.split(wanted, 1)[1]) > 0:
                return line
        expect(time.monotonic() < end, f"the server does not listen: {text}")
        time.sleep(0.05)
