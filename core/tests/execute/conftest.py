"""A local executor over real processes, and the DAG files that its tries come from."""

import json
import os
import select
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest

from penstock.execute.environment import Environment, spawn_command
from penstock.execute.executor_lock import lock_executor
from penstock.execute.local import LocalExecutor
from penstock.model.attempt import TryEnd, TryFacts
from penstock.settings.executor import ExecutorSettings
from penstock.spec.executor import ExecutorEvent, FileCode, TryAsked, TryFinished, TryRequest, TryStarted
from penstock.spec.wire import Ask, Reply

_LOOK_S = 0.01
HEAD = "from penstock import *\nimport os, sys, time, threading, subprocess\nwith DAG('d', schedule=None):\n"


class Bench:
    """A DAG file, an executor over it, and what came back."""

    def __init__(
        self,
        folder: Path,
        slots: int,
        *,
        import_timeout_s: float,
        threads: int = 32,
        lease_s: float = 30.0,
        grace_s: float = 5.0,
    ) -> None:
        self.folder, self._grace_s = folder, grace_s
        self.events: list[ExecutorEvent] = []
        self.secret = "hunter2-hunter2"
        self.asked: list[Ask] = []
        self.left: dict[str, str] = {}
        self.kept: dict[str, str] = {}
        self._lock = lock_executor(folder / "executor.lock", patience_s=5)
        self.environment = Environment(
            spawn_command(sys.executable, poke_threads=threads), self._lock, folder / "servers.log"
        )
        self.executor = LocalExecutor(
            folder.parent,
            {"": self.environment},
            ExecutorSettings(parallelism=slots, import_timeout_s=import_timeout_s, stop_grace_s=grace_s),
            lambda: datetime.now(UTC),
            lease_s=lease_s,
            dags_folder="/project/dags",
        )
        self.executor.start()
        self._epoch = 0

    def _answer(self, ask: Ask) -> Reply:
        self.asked.append(ask)
        if ask.method == "variable":
            return Reply(self.secret, secrets=(self.secret,))
        if ask.method == "set_checkpoint":
            self.kept[ask.args[0]] = ask.args[1]
            return Reply()
        if ask.method == "checkpoint":
            return Reply(self.kept.get(ask.args[0]))
        if ask.method == "xcom":
            return Reply(self.left.get(ask.args[0]))
        if ask.method == "xcom_page":
            task_id, _, first = ask.args
            return Reply(json.dumps(list(enumerate(json.loads(self.left[task_id])))[first : first + 100]))
        return Reply(error=f"nothing answers {ask.method}", error_type="NotFoundError")

    def write(self, body: str, head: str = HEAD) -> None:
        """Write the DAG file; its body stands inside ``with DAG('d')``."""
        (self.folder / "d.py").write_text(head + "".join(f"    {line}\n" for line in body.strip().splitlines()))

    def request(self, task_id: str, *, map_index: int = -1, run_id: str = "r", **given: Any) -> TryRequest:
        self._epoch += 1
        made: dict[str, Any] = {
            "facts": TryFacts("d", run_id, task_id, map_index),
            "code": FileCode(self.folder.name, "d.py"),
            "log": (self.folder / "logs" / f"{task_id}-{self._epoch}.log").as_uri(),
        }
        return TryRequest(run=1, epoch=self._epoch, **{**made, **given})

    def submit(self, *task_ids: str, **given: Any) -> list[TryRequest]:
        requests = [self.request(task_id, **given) for task_id in task_ids]
        self.executor.submit(requests)
        return requests

    def until(self, enough: Callable[[], bool], seconds: float = 60.0) -> None:
        end = time.monotonic() + seconds
        while not enough():
            assert time.monotonic() < end, f"not in {seconds} s; events: {self.events}; {self.servers_log()}"
            for event in self.executor.events():
                if isinstance(event, TryAsked):
                    self.executor.reply(event, self._answer(event.ask))
                else:
                    self.events.append(event)
            select.select([self.executor], [], [], _LOOK_S)  # what is waited for may be a file, too

    def finished(self, request: TryRequest) -> TryFinished | None:
        mine = [e for e in self.events if isinstance(e, TryFinished) and e.epoch == request.epoch]
        assert len(mine) <= 1, f"a try was answered twice: {mine}"
        return mine[0] if mine else None

    def started(self, request: TryRequest) -> TryStarted | None:
        mine = [e for e in self.events if isinstance(e, TryStarted) and e.epoch == request.epoch]
        return mine[0] if mine else None

    def wait(self, *requests: TryRequest, seconds: float = 60.0) -> list[TryEnd]:
        self.until(lambda: all(self.finished(r) for r in requests), seconds)
        return [finished.end for r in requests if (finished := self.finished(r)) is not None]

    def wait_started(self, request: TryRequest) -> int:
        self.until(lambda: self.started(request) is not None)
        started = self.started(request)
        assert started is not None
        return started.pid

    def run(self, task_id: str, **given: Any) -> TryEnd:
        [request] = self.submit(task_id, **given)
        return self.wait(request)[0]

    def cancel(self, request: TryRequest, reason: str = "cancelled by a person") -> TryEnd:
        self.executor.cancel([(request.key, request.epoch)], reason)
        return self.wait(request)[0]

    def log_path(self, request: TryRequest) -> Path:
        return Path(unquote(urlsplit(request.log).path))

    def log(self, request: TryRequest | None = None) -> str:
        paths = [self.log_path(request)] if request else sorted((self.folder / "logs").glob("*.log"))
        return "".join(path.read_text() for path in paths if path.exists())

    def alive(self, pid: int) -> bool:
        return alive(pid)

    def servers_log(self) -> str:
        return (self.folder / "servers.log").read_text()

    def close(self) -> None:
        self.executor.stop(self._grace_s)
        os.close(self._lock)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path, slots=2, import_timeout_s=60)
    yield made
    made.close()


@pytest.fixture(scope="session")
def make_bench() -> type[Bench]:
    """For tests that share one among them."""
    return Bench


@pytest.fixture
def narrow_bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path, slots=2, import_timeout_s=60, threads=2)
    yield made
    made.close()


@pytest.fixture
def alert_bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path, slots=4, import_timeout_s=8, lease_s=3.0, grace_s=0.5)
    yield made
    made.close()


@pytest.fixture
def hasty_bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path, slots=2, import_timeout_s=2)
    yield made
    made.close()


def alive(pid: int) -> bool:
    """Whether a process exists and is no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False
