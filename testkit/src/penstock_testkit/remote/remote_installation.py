"""An installation whose server answers workers, as real processes: ``penstock up`` with a server on a port of its own."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Self, TypeVar

from penstock.app.compose import installation
from penstock.processes.group import kill_group
from penstock.service.installation import Installation
from penstock.settings import load_settings
from penstock_testkit.commands.fork_server import ForkedCommand, penstock
from penstock_testkit.processes import free_port

PATIENCE_S = 90.0
"""Seconds for what takes a second or two on a machine that does nothing else."""

Found = TypeVar("Found")


class RemoteInstallation:
    """A project, and the processes that are started in it; a context manager that ends all of them.

    Args:
        folder: The project's folder; made if need be.
        settings: Text of its penstock.toml beside the server's table, in which ``{url}`` is the URL of the server.
        dags: Texts of DAG files by name.
        environ: Variables of all its processes.
        python: Interpreter of all of them.

    Attributes:
        url: Of the server.
    """

    def __init__(
        self,
        folder: Path,
        settings: str,
        dags: Mapping[str, str],
        environ: Mapping[str, str] = MappingProxyType({}),
        python: str = sys.executable,
    ) -> None:
        self.folder, self.port, self._python = folder, free_port(), python
        self.url = f"http://127.0.0.1:{self.port}"
        self._environ = {**os.environ, **environ}
        self._processes: list[subprocess.Popen[bytes] | ForkedCommand] = []
        self._seen: Installation | None = None
        (folder / "dags").mkdir(parents=True, exist_ok=True)
        for name, text in dags.items():
            (folder / "dags" / name).write_text(text)
        server = f'[services.server]\ntype = "server.server"\nport = {self.port}\nniceness = 0\n'
        (folder / "penstock.toml").write_text(f"{settings.replace('{url}', self.url)}\n{server}")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def up(self) -> subprocess.Popen[bytes] | ForkedCommand:
        """Start everything, and wait until the server answers."""
        process = self.start("up")
        self.wait(lambda: "listening on" in self.output("up"), "the server listens")
        return process

    def start(
        self, *words: str, name: str = "", environ: Mapping[str, str] = MappingProxyType({})
    ) -> subprocess.Popen[bytes] | ForkedCommand:
        """Start a command that goes on, such as ``worker --executor celery``; what it prints is its `output`."""
        variables = {**self._environ, **environ}
        process: subprocess.Popen[bytes] | ForkedCommand
        with (self.folder / f"{name or words[0]}.out").open("ab") as out:
            if self._python == sys.executable:
                process = penstock().start(words, self.folder, variables, output=out)
            else:
                process = subprocess.Popen(
                    [self._python, "-m", "penstock", *words], cwd=self.folder, env=variables, stdin=subprocess.DEVNULL,
                    stdout=out, stderr=out, start_new_session=True,
                )  # fmt: skip
        self._processes.append(process)
        return process

    def worker(
        self, *words: str, name: str = "worker", environ: Mapping[str, str] = MappingProxyType({})
    ) -> subprocess.Popen[bytes] | ForkedCommand:
        """Start a worker, which knows the server and a token that lets a pool in."""
        known = {"PENSTOCK_SERVER": self.url, "PENSTOCK_TOKEN": self.token}
        return self.start("worker", *words, name=name, environ={**known, **environ})

    @property
    def token(self) -> str:
        """What programs of this machine show the server."""
        return (self.folder / ".penstock" / "server.token").read_text()

    def output(self, name: str) -> str:
        """What a command has printed so far."""
        path = self.folder / f"{name}.out"
        return path.read_text() if path.exists() else ""

    def run(self, *words: str) -> str:
        """What a command prints; fails the test if it fails."""
        if self._python == sys.executable:
            done = penstock().run(words, self.folder, self._environ, seconds=PATIENCE_S)
            code, out, errors = done.code, done.out, done.err
        else:
            ended = subprocess.run(
                [self._python, "-m", "penstock", *words], cwd=self.folder, env=self._environ, stdin=subprocess.DEVNULL,
                capture_output=True, text=True, timeout=PATIENCE_S, check=False,
            )  # fmt: skip
            code, out, errors = ended.returncode, ended.stdout, ended.stderr
        if code:
            raise AssertionError(f"{words}: {out}{errors}\n{self.output('up')[-4000:]}")
        return out

    def look(self, read: Callable[[Installation], Found]) -> Found:
        """Read something of the installation from this process, which keeps it open: a command takes longer than a look."""
        for _ in range(2):  # what was opened before an outage is opened anew
            first = self._seen is None
            found = self._seen = self._seen or installation(load_settings(self._environ, self.folder))
            try:
                return read(found)
            except Exception:
                self._look_away()
                if first:
                    raise
        raise AssertionError("a look at what was just opened returns or raises")

    def _look_away(self) -> None:
        if self._seen is not None:
            self._seen.store.close()
            self._seen = None

    def trigger(self, dag_id: str, run_id: str, *words: str) -> None:
        """Have a run made, once its DAG is known."""
        self.wait(lambda: dag_id in self.look(lambda seen: seen.store.dags.ids()), f"DAG {dag_id!r} is there")
        self.run("dags", "trigger", dag_id, "--run-id", run_id, *words)

    def tasks(self, dag_id: str, run_id: str) -> dict[str, Any]:
        """The task instances of a run by id, with ``[i]`` for mapped ones, as ``tasks list --json`` shows them."""
        rows = json.loads(self.run("tasks", "list", dag_id, "--run", run_id, "--json"))["tasks"]
        return {
            f"{row['task_id']}[{row['map_index']}]" if row.get("map_index", -1) >= 0 else row["task_id"]: row
            for row in rows
        }

    def ended(self, dag_id: str, run_id: str, patience_s: float = PATIENCE_S) -> str:
        """Wait until a run has ended; its state."""
        found = ""

        def is_over() -> bool:
            nonlocal found
            found = str(self.look(lambda seen: seen.store.runs.state(dag_id, run_id)))
            return found in {"success", "failed", "cancelled"}

        self.wait(is_over, f"run {run_id!r} of {dag_id!r} has ended", patience_s)
        return found

    def log(self, dag_id: str, run_id: str, task_id: str) -> str:
        """The log of a task's newest try."""
        return self.run("tasks", "logs", dag_id, task_id, "--run", run_id)

    def pids(self, what: str) -> list[int]:
        """Ids of the processes of this project whose command line holds a text."""
        found = []
        for entry in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                here = (entry / "cwd").resolve() == self.folder.resolve()
                if here and what in (entry / "cmdline").read_bytes().decode(errors="replace"):
                    found.append(int(entry.name))
        return found

    def wait(self, ready: Callable[[], bool], what: str, patience_s: float = PATIENCE_S) -> None:
        """Wait for something that real processes do; fails the test if it takes too long."""
        end = time.monotonic() + patience_s
        while not ready():
            if time.monotonic() >= end:
                outputs = "".join(f"\n== {path.name}\n{path.read_text()[-3000:]}" for path in self.folder.glob("*.out"))
                raise AssertionError(f"{what}: not after {patience_s:g} s{outputs}")
            time.sleep(0.05)  # real processes are waited for, from outside

    def stop(self) -> None:
        """End everything that was started, workers last."""
        self._look_away()
        for process in self._processes:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        for process in self._processes:
            try:
                process.wait(60.0)
            except subprocess.TimeoutExpired:
                kill_group(process.pid)
                process.wait()
        self._processes.clear()
