"""A whole installation: a project folder, `penstock up` as a real process, and the command line as people use it."""

import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from penstock.app.compose import keyring
from penstock.model.run import TaskInstance
from penstock.settings import load_settings
from penstock.store import Store
from penstock_testkit.beside import WITHOUT_SERVER
from penstock_testkit.commands.fork_server import ForkedCommand, penstock

PATIENCE_S = 60.0
HEAD = "from penstock import *\nfrom datetime import datetime, timedelta, timezone\nimport os, time, subprocess\n"


def processes_of(folder: Path) -> list[int]:
    """Every process of an installation, by the variable that its environment carries."""
    mark = f"PENSTOCK_TEST_MARK={folder}".encode()
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if mark in (entry / "environ").read_bytes().split(b"\0"):
                    found.append(int(entry.name))
            except OSError:
                continue
    return found


def processes_running(project: "Project", module: str, argument: str = "") -> list[int]:
    """Process ids of a module of the installation; what it starts is none of them, though for a moment it looks so."""
    wanted = f"-m\0{module}\0{argument}".encode()
    found = {}
    for pid in project.processes():
        try:
            if wanted in Path(f"/proc/{pid}/cmdline").read_bytes():
                found[pid] = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
    return [pid for pid, parent in found.items() if parent not in found]


class Project:
    """A project folder and the processes that work on it."""

    def __init__(self, folder: Path, database: str = "") -> None:
        self.folder = folder
        self.environ = {
            **{k: v for k, v in os.environ.items() if not k.startswith("PENSTOCK_")},
            **WITHOUT_SERVER,
            "PENSTOCK_TEST_MARK": str(folder),
            "PENSTOCK_EXECUTOR__PARALLELISM": "2",
        }
        if database:
            self.environ["PENSTOCK_DATABASE__URL"] = database
        self.process: ForkedCommand | None = None
        self.late_s = 0.0  # the most that this machine, which others may fill, had a process wait that could go on
        self._store: Store | None = None
        self.call("init")
        (folder / "dags" / "hello.py").unlink(missing_ok=True)

    def write(self, name: str, body: str) -> None:
        (self.folder / "dags" / name).write_text(HEAD + body)

    def call(self, *arguments: str, code: int | None = 0, given: str = "") -> str:
        done = penstock().run(arguments, self.folder, self.environ, given=given, seconds=PATIENCE_S)
        assert code is None or done.code == code, f"{arguments}: {done.code}\n{done.out}{done.err}"
        assert "Traceback" not in done.err, done.err
        return done.out + done.err if code else done.out

    def json(self, *arguments: str) -> Any:
        return json.loads(self.call(*arguments, "--json"))

    def up(self) -> None:
        with (self.folder / "up.log").open("ab") as log:
            self.process = penstock().start(["up"], self.folder, self.environ, output=log)

    def down(self, number: int = signal.SIGINT) -> int:
        assert self.process is not None
        self.process.send_signal(number)
        code = self.process.wait(PATIENCE_S)
        self.process = None
        return code

    def until(self, found: Callable[[], Any], what: str = "") -> Any:
        end = time.monotonic() + PATIENCE_S
        while not (value := found()):
            assert time.monotonic() < end, f"{what or found}: not in {PATIENCE_S} s\n{self.told()}"
            assert self.process is None or self.process.poll() is None, f"penstock up ended\n{self.told()}"
            began_s = time.monotonic()
            time.sleep(0.05)  # a real process is waited for, from outside
            self.late_s = max(self.late_s, time.monotonic() - began_s - 0.05)
        return value

    def told(self) -> str:
        log = self.folder / "up.log"
        return log.read_text() if log.exists() else ""

    def look(self, read: Callable[[Store], Any]) -> Any:
        """Read the database from this process, which keeps it open: to open it takes longer than a look."""
        if self._store is None:
            settings = load_settings({**self.environ}, self.folder)
            self._store = Store.open(settings.database_url, keyring(settings))
        try:
            return read(self._store)
        except BaseException:
            self._close()  # the next look takes what is there then
            raise

    def _close(self) -> None:
        if self._store is not None:
            self._store.close()
            self._store = None

    def wait_for_dags(self, *dag_ids: str) -> None:
        self.until(lambda: set(dag_ids) <= set(self.look(lambda store: store.dags.ids())), f"DAGs {dag_ids}")

    def trigger(self, dag_id: str, run_id: str, *more: str) -> None:
        self.call("dags", "trigger", dag_id, "--run-id", run_id, *more)

    def state(self, dag_id: str, run_id: str) -> str:
        return str(self.look(lambda store: store.runs.state(dag_id, run_id)))

    def wait_for_run(self, dag_id: str, run_id: str) -> str:
        done = ("success", "failed", "cancelled")
        return str(self.until(lambda: (s := self.state(dag_id, run_id)) in done and s, f"the end of {dag_id} {run_id}"))

    def runs(self, dag_id: str) -> list[str]:
        """States of a DAG's runs."""
        return [run.state.value for run in self.look(lambda store: store.runs.page(dag_id=dag_id, limit=100))]

    def tasks(self, dag_id: str, run_id: str) -> dict[str, TaskInstance]:
        """Task instances of a run by name; empty before it has started."""

        def read(store: Store) -> list[TaskInstance]:
            run = store.runs.find(dag_id, run_id)
            return [] if run is None else store.runs.tasks(run.run)

        return {str(row.key): row for row in self.look(read)}

    def states(self, dag_id: str, run_id: str) -> dict[str, str]:
        return {name: row.state.value for name, row in self.tasks(dag_id, run_id).items()}

    def processes(self) -> list[int]:
        return processes_of(self.folder)

    def clean_up(self) -> None:
        self._close()
        if self.process is not None:
            self.process.kill()
            self.process.wait()
        for _ in range(100):
            if not (left := self.processes()):
                return
            for pid in left:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    continue
            time.sleep(0.05)  # the kernel takes a moment to bury them
        raise AssertionError(f"processes of {self.folder} cannot be ended: {left}")


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    made = Project(tmp_path)
    yield made
    made.clean_up()


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """One installation that runs, for the tests that end none of its processes; each has DAGs of its own."""
    made = Project(tmp_path_factory.mktemp("running"))
    made.up()
    yield made
    made.clean_up()


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.nightly)])
def any_project(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Project]:
    """A project on each kind of database."""
    made = Project(tmp_path, request.getfixturevalue("postgres_url") if request.param == "postgresql" else "")
    yield made
    made.clean_up()
