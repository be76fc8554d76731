"""The stage on which the pipeline plays: the servers, the service, a project and ``penstock up``, each a process.

Everything that is started is stopped again, in the opposite order, whatever happens in between.
"""

import contextlib
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple, TypeVar
from urllib.request import Request, urlopen

from outside import SLACK_TOKEN, Outside

HERE = Path(__file__).parent
POLL_S = 0.2
T = TypeVar("T")

_OWN = ("PENSTOCK_", "AWS_", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy")
_FAKES = ("penstock_testkit.gcs:Gcs", "penstock_testkit.slack:SlackWorkspace")


class StageError(Exception):
    """Something on the stage did not do what it should; the message says what."""


class Process:
    """A process of its own group, with its output in a file.

    Args:
        command: What to run.
        log: File of its standard error, and of its output unless that is read.
        env: Its environment.
        cwd: Its working folder.
        says: Whether it prints a line of JSON when it is ready.
    """

    def __init__(self, command: list[str], log: Path, env: Mapping[str, str], cwd: Path, *, says: bool = False) -> None:
        self.log = log
        with log.open("ab") as file:
            self._popen = subprocess.Popen(
                command, cwd=cwd, env=dict(env), stdin=subprocess.DEVNULL, start_new_session=True,
                stdout=subprocess.PIPE if says else file, stderr=file,
            )  # fmt: skip

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._popen.pid

    def said(self) -> dict[str, Any]:
        """The line of JSON that it prints when it is ready; raises StageError if it ends without."""
        assert self._popen.stdout is not None  # noqa: S101 - it was started to be read
        line = self._popen.stdout.readline()
        if not line:
            code = self._popen.wait()
            raise StageError(f"{self.log.stem} ended with exit code {code} before it was ready:\n{tail(self.log)}")
        facts: dict[str, Any] = json.loads(line)
        return facts

    def ended(self) -> int | None:
        """Its exit code, None while it runs."""
        return self._popen.poll()

    def wait(self, seconds: float) -> int:
        """Wait for its end; raises StageError if it takes longer."""
        try:
            return self._popen.wait(seconds)
        except subprocess.TimeoutExpired:
            raise StageError(f"{self.log.stem} still runs after {seconds:g} s:\n{tail(self.log)}") from None

    def stop(self, number: int = signal.SIGTERM, patience_s: float = 30.0) -> int:
        """Signal it and wait for its end; one that does not end is killed with its group. Returns the exit code."""
        if self._popen.poll() is None:
            self._popen.send_signal(number)
            try:
                self._popen.wait(patience_s)
            except subprocess.TimeoutExpired:
                self.kill()
        code = self._popen.wait()
        if self._popen.stdout is not None:
            self._popen.stdout.close()
        return code

    def kill(self) -> None:
        """End it and its group at once, if it still runs."""
        if self._popen.poll() is None:
            os.killpg(self._popen.pid, signal.SIGKILL)
            self._popen.wait()


class Progress(NamedTuple):
    """How far the customers' DAGs are.

    Attributes:
        runs: Number of runs by state.
        tasks: Tasks that have succeeded, or were skipped because their hour has no such event.
        seconds: Time from the first of them to be queued to the last to end.
    """

    runs: dict[str, int]
    tasks: int
    seconds: float


class Stage:
    """Servers and a project; a context manager.

    Args:
        folder: Empty or new folder for everything.
        python: Interpreter with the core and the four providers.
        tools: Interpreter with the testkit.
        customers: What the service tracks at first.
        environ: Further environment of every process.

    Attributes:
        network: Environment that leads clients of Cloud Storage and Slack to the servers, once they have started.
        outside: Those two.
    """

    network: dict[str, str]
    outside: Outside

    def __init__(
        self,
        folder: Path,
        python: str,
        tools: str,
        customers: Mapping[str, list[str]],
        environ: Mapping[str, str] | None = None,
    ) -> None:
        self.folder, self.python, self.tools = folder, python, tools
        self.project, self.customers_file = folder / "project", folder / "customers.json"
        self.env = {name: value for name, value in os.environ.items() if not name.startswith(_OWN)}
        self.env |= {"PYTHONUNBUFFERED": "1", "NO_COLOR": "1", **(environ or {})}
        self.env.pop("PYTHONPATH", None)
        self.warehouse: dict[str, Any] = {}
        self.endpoint_url = self.service_url = ""
        self._customers = dict(customers)
        self._service: Process | None = None
        self._up: Process | None = None
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> "Stage":
        with contextlib.ExitStack() as stack:
            self._stack = stack
            self._start()
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def _start(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "logs").mkdir(exist_ok=True)
        self.customers_file.write_text(json.dumps(self._customers), encoding="utf-8")
        store = self._testkit("s3", "--bucket", "clickstream", "--stream", "flights:2")
        others = self._testkit("saas", *_FAKES)
        self.endpoint_url = store.said()["endpoint_url"]
        warehouse = self._testkit("redshift", "--s3-endpoint", self.endpoint_url)
        self.start_service()
        self.network = others.said()["env"]
        self.env |= self.network
        self.outside = Outside(self.env)
        self.outside.make_bucket()
        self.warehouse = warehouse.said()
        self.env |= self._connections()
        self.penstock("init", "--no-example", str(self.project))
        with (self.project / "penstock.toml").open("a", encoding="utf-8") as file:
            file.write((HERE / "penstock.toml").read_text(encoding="utf-8"))
        shutil.copytree(HERE / "dags", self.project / "dags", dirs_exist_ok=True)

    def _testkit(self, name: str, *words: str) -> Process:
        return self._serve(name, [self.tools, "-m", "penstock_testkit", name, *words])

    def _serve(self, name: str, command: list[str]) -> Process:
        process = Process(command, self.folder / "logs" / f"{name}.log", self.env, self.folder, says=True)
        self._stack.callback(process.stop)
        return process

    def _connections(self) -> dict[str, str]:
        """The connections, as the environment of every process of Penstock gives them."""
        aws = {"endpoint_url": self.endpoint_url, "region_name": "us-east-1", "addressing_style": "path"}
        found = {
            "aws_default": {"conn_type": "aws", "login": "testing", "password": "testing", "extra": aws},
            "redshift_default": {
                "conn_type": "redshift", "host": self.warehouse["host"], "port": self.warehouse["port"],
                "login": self.warehouse["user"], "password": self.warehouse["password"],
                "schema": self.warehouse["dbname"], "extra": {"sslmode": "disable"},
            },
            "gcp_default": {"conn_type": "gcp", "extra": {"anonymous": True}},
            "slack_default": {"conn_type": "slack", "password": SLACK_TOKEN},
        }  # fmt: skip
        uris = {"PENSTOCK_CONN_CLICKSTREAM_SERVICE": self.service_url}
        return uris | {f"PENSTOCK_CONN_{name.upper()}": json.dumps(fields) for name, fields in found.items()}

    # The service.

    def start_service(self) -> None:
        """Start the service; after `stop_service`, on the same port."""
        port = self.service_url.rpartition(":")[2] or "0"
        command = [self.tools, str(HERE / "service.py"), "--file", str(self.customers_file), "--port", port]
        self._service = self._serve("service", command)
        self.service_url = self._service.said()["url"]

    def stop_service(self) -> None:
        """An outage."""
        if self._service is not None:
            self._service.stop()

    def ask(self, method: str, path: str, body: Any = None) -> dict[str, Any]:  # noqa: ANN401 - any JSON
        """A request to the service; returns its answer."""
        data = json.dumps(body).encode() if body is not None else None
        request = Request(self.service_url + path, data=data, method=method)  # noqa: S310 - http by its words
        with urlopen(request, timeout=10) as response:  # noqa: S310 - as above
            answer: dict[str, Any] = json.load(response)
            return answer

    # Penstock.

    def penstock(self, *words: str) -> Any:  # noqa: ANN401 - the JSON of the command
        """A command of ``penstock`` with ``--json``; raises StageError with what it said if it fails."""
        command = [self.python, "-m", "penstock", *words, "--json"]
        cwd = self.project if self.project.is_dir() else self.folder
        done = subprocess.run(command, cwd=cwd, env=self.env, capture_output=True, text=True, timeout=60, check=False)
        if done.returncode:
            raise StageError(f"penstock {' '.join(words)} failed with exit code {done.returncode}: {done.stderr}")
        return json.loads(done.stdout)

    def set_variable(self, key: str, value: Any) -> None:  # noqa: ANN401 - any JSON
        """Store a Variable's JSON."""
        self.penstock("variables", "set", key, json.dumps(value))

    def up(self) -> Process:
        """``penstock up`` in the background; its output is ``logs/penstock.log``."""
        if self._up is None or self._up.ended() is not None:
            command = [self.python, "-m", "penstock", "up"]
            self._up = Process(command, self.folder / "logs" / "penstock.log", self.env, self.project)
            self._stack.callback(self._up.stop, signal.SIGINT)
        return self._up

    def down(self) -> int:
        """Stop ``penstock up`` as Ctrl-C does; returns its exit code."""
        return self._up.stop(signal.SIGINT) if self._up is not None else 0

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """A SELECT on the database of Penstock, whose tables are those of its store room.

        A command costs a second of a core, which the tasks that are watched would lack.
        """
        file = self.project / ".penstock" / "penstock.db"
        with contextlib.closing(sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True, timeout=30)) as database:
            return database.execute(query).fetchall()

    def progress(self) -> Progress:
        """How far the customers' DAGs are."""
        runs = dict(self.rows("SELECT state, count(*) FROM run WHERE dag_id LIKE 'clickstream%' GROUP BY state"))
        tasks, first, last = self.rows(
            "SELECT count(*), min(t.queued_at), max(t.ended_at) FROM task_instance t JOIN run USING (run) "
            "WHERE dag_id LIKE 'clickstream%' AND t.state IN ('success', 'skipped')"
        )[0]
        return Progress(runs, tasks, (last - first) / 1e6 if tasks else 0.0)

    def wait_for_runs(self, number: int, seconds: float) -> Iterator[Progress]:
        """Yield how far it is, again and again, until so many runs of customers have succeeded.

        Raises:
            StageError: A run failed, ``penstock up`` ended, or it took too long; with what its log says.
        """
        now = self.progress()
        while now.runs.get("success", 0) < number:
            yield now
            if "failed" in now.runs:
                raise StageError(f"a run failed:\n{self._first_failures()}")
            before = now
            now = self.wait_for(lambda: _other(self.progress(), before), f"{number} runs", seconds)  # noqa: B023 - called at once
        yield now

    def wait_for(self, look: Callable[[], T | None], what: str, seconds: float) -> T:
        """Look again and again until there is something; returns it.

        Raises:
            StageError: ``penstock up`` ended, or nothing came in this time; with the end of its log.
        """
        until, log = time.monotonic() + seconds, self.folder / "logs" / "penstock.log"
        while (found := look()) is None:
            if self._up is None or self._up.ended() is not None:
                raise StageError(f"penstock up ended, and there will be no {what}:\n{tail(log)}")
            if time.monotonic() > until:
                raise StageError(f"waited {seconds:g} s for {what}; there are {self.progress()}:\n{tail(log)}")
            time.sleep(POLL_S)
        return found

    def _first_failures(self) -> str:
        found = self.rows(
            "SELECT dag_id, run_id, task_id, error FROM try JOIN run USING (run) "
            "WHERE outcome NOT IN ('success', 'skipped') ORDER BY try.ended_at LIMIT 3"
        )
        return "\n".join(" ".join(map(str, row)) for row in found)


def tasks_of(tracked: Mapping[str, list[str]]) -> int:
    """How many tasks an hour of these customers is: each waits once, and loads and mirrors each event."""
    return sum(1 + 2 * len(events) for events in tracked.values())


def _other(now: Progress, before: Progress) -> Progress | None:
    return now if now != before else None


def tail(log: Path, lines: int = 30) -> str:
    """The last lines of a log."""
    return "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:]) if log.exists() else ""
