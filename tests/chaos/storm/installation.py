"""Schedulers, a server and workers that share a database and a broker, each of which can be killed or stopped at any moment.

Nobody keeps workers and servers alive but this: what was killed is started again a moment later, as a cluster would.
"""

import contextlib
import os
import random
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
from storm.stuck import serves

from penstock.app.compose import installation
from penstock.service.dags import trigger
from penstock.service.installation import Installation
from penstock.settings import load_settings
from penstock_testkit.beside import WITHOUT_SERVER
from penstock_testkit.commands.fork_server import ForkedCommand, penstock
from penstock_testkit.processes import free_port

MARK = "STORM_FOLDER"
LEASE_S = 10.0
"""Seconds after which a silent worker has lost its tries; short, so that a test sees many end."""
SETTINGS = """
[executors.far]
server = "{url}"
doorbell_s = 2.0
worker_lease_s = {lease}
{table}

[queues]
far = "far"

[scheduler]
role_lease_s = 3.0
takeover_s = 5.0
"""
DAG = """
import os, random, time
from penstock import DAG, task

def note(word, number):
    line = f"{number} {os.getpid()} {time.time_ns()} {word}\\n"
    lines = os.open(os.environ["STORM_LINES"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(lines, line.encode())
    os.close(lines)

with DAG("storm", max_active_tasks=1000):

    @task(queue="far", retries=0)
    def work(number):
        note("begin", number)
        for _ in range(random.randrange(8)):
            time.sleep(0.02)
            note("lives", number)
        note("end", number)

    work.expand(number=list(range(TASKS)))
"""


class Storm:
    """An installation in a storm; a context manager that ends all of its processes.

    Args:
        folder: The project's folder.
        database: URL of its PostgreSQL database.
        table: Lines of the executor's table in the settings.
        tasks: Tasks of its run.
        workers: How many workers there are, and what starts each beside its folder.
    """

    def __init__(self, folder: Path, database: str, table: str, tasks: int, workers: int = 3) -> None:
        self.folder, self.tasks, self._port = folder, tasks, free_port()
        self.url = f"http://127.0.0.1:{self._port}"
        (folder / "dags").mkdir(parents=True)
        (folder / "dags" / "storm.py").write_text(DAG.replace("TASKS", str(tasks)))
        text = SETTINGS.format(lease=LEASE_S, url=self.url, table=table)
        (folder / "penstock.toml").write_text(text)
        self.lines = folder / "lines"
        self.environ = {
            **{name: value for name, value in os.environ.items() if not name.startswith("PENSTOCK_")},
            MARK: str(folder),
            "STORM_LINES": str(self.lines),
            "PENSTOCK_SECRET_KEY": "ZmlyZSBmaXJlIGZpcmUgZmlyZSBmaXJlIGZpcmUgZmk=",
            "PENSTOCK_DATABASE__URL": database,
            "PENSTOCK_DATABASE__WAIT_S": "2",
        }
        self._commands: dict[str, tuple[list[str], dict[str, str]]] = {
            "up": (["up"], dict(WITHOUT_SERVER)),
            "second up": (["up"], {**WITHOUT_SERVER, "PENSTOCK_CORE__STATE_FOLDER": str(folder / "second")}),
            "server": (["server", "start", "--port", str(self._port)], {}),
        }
        self.workers = [f"worker {number}" for number in range(workers)]
        self._processes: dict[str, ForkedCommand] = {}
        self._seen: Installation | None = None
        self.strikes: list[tuple[float, str]] = []

    def __enter__(self) -> "Storm":
        return self

    def __exit__(self, *_: object) -> None:
        self.look_away()
        for process in self._processes.values():
            if process.poll() is None:
                process.kill()
                process.wait()
        for pid in self.left():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def start(self) -> None:
        """Start everything, and wait until the DAG is known and workers are there."""
        for name in self._commands:
            self.revive(name)
            self.wait(lambda name=name: self.output(name), f"{name} says something", 60)
        self.wait(lambda: "listening on" in self.output("server"), "the server listens", 60)
        with self.looking() as found:
            self.wait(lambda: "storm" in found.store.dags.ids(), "the DAG is there", 60)
        words = ["worker", "--executor", "far", "--queues", "far", "--concurrency", "4"]
        token = (self.folder / ".penstock" / "server.token").read_text()
        for name in self.workers:
            own = {"PENSTOCK_SERVER": self.url, "PENSTOCK_TOKEN": token}
            self._commands[name] = ([*words, "--folder", str(self.folder / name.replace(" ", "-"))], own)
            self.revive(name)

    def revive(self, name: str) -> None:
        """Start a process unless it lives."""
        process = self._processes.get(name)
        if process is not None and process.poll() is None:
            return
        words, own = self._commands[name]
        made = self._processes[name] = penstock().start(words, self.folder, self.environ | own)
        threading.Thread(target=self._keep, args=(name, made), daemon=True).start()

    def _keep(self, name: str, process: ForkedCommand) -> None:
        """Keep what a process prints, each line with its instant."""
        with process.stdout, (self.folder / f"{name}.out").open("ab", 0) as out:
            for line in process.stdout:
                out.write(f"{datetime.now(UTC):%H:%M:%S.%f} ".encode() + line)

    def revive_all(self) -> None:
        """Start whatever does not live."""
        for name in self._commands:
            self.revive(name)

    def send(self, name: str, number: int) -> None:
        """Send a process a signal, if it lives."""
        process = self._processes[name]
        if process.poll() is None:
            process.send_signal(number)

    def pid(self, name: str) -> int:
        """Id of a process."""
        return self._processes[name].pid

    def note(self, strike: str) -> None:
        """Keep when something strikes."""
        self.strikes.append((time.time(), strike))
        with (self.folder / "strikes").open("a") as out:
            out.write(f"{datetime.now(UTC):%H:%M:%S} {strike}\n")

    def serves(self) -> bool:
        """Whether server and database answer, and some scheduler lives and stands not still."""
        return serves(self.url) and any(_goes(pid) for pid in self.schedulers())

    def schedulers(self) -> list[int]:
        """Ids of the processes of schedulers."""
        return [pid for pid, words in self.processes().items() if "penstock.app.scheduler" in " ".join(words)]

    def output(self, name: str) -> str:
        """What a process has printed."""
        path = self.folder / f"{name}.out"
        return path.read_text(errors="replace") if path.exists() else ""

    @contextlib.contextmanager
    def looking(self) -> Iterator[Installation]:
        """The installation, as a command sees it."""
        found = self._seen = self._seen or installation(load_settings(self.environ, self.folder))
        try:
            yield found
        except BaseException:
            self.look_away()
            raise

    def look_away(self) -> None:
        """Close what was opened to look."""
        if self._seen is not None:
            self._seen.store.close()
            self._seen = None

    def trigger(self) -> None:
        """Ask for the run."""
        with self.looking() as found:
            trigger(found, "storm", run_id="one")

    def state(self) -> str:
        """State of the run; "" while the database cannot be asked."""
        try:
            with self.looking() as found:
                return str(found.store.runs.state("storm", "one"))
        except Exception:  # noqa: BLE001 - it is away, as it may be in a storm
            return ""

    def offered(self) -> int:
        """Tries that are offered or claimed, or of whose end its scheduler has not heard."""
        with psycopg.connect(self.environ["PENSTOCK_DATABASE__URL"]) as session:
            return int(session.execute("SELECT count(*) FROM remote_try").fetchone()[0])

    def stop(self) -> None:
        """Have all end as they end in peace, and see that they do."""
        for name in [*self.workers, "up", "second up", "server"]:
            self.send(name, signal.SIGTERM)
        for name, process in self._processes.items():
            try:
                process.wait(40)
            except subprocess.TimeoutExpired:
                raise AssertionError(f"{name} does not end\n{self.output(name)[-2000:]}") from None
        self.wait(lambda: not self.left(), "every process has ended", 60)

    def processes(self) -> dict[int, list[str]]:
        """Command lines of all processes of this installation."""
        found = {}
        for entry in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if f"{MARK}={self.folder}".encode() in (entry / "environ").read_bytes().split(b"\0"):
                    found[int(entry.name)] = (entry / "cmdline").read_bytes().decode().split("\0")
        return found

    def left(self) -> list[int]:
        """Ids of all its processes."""
        return list(self.processes())

    def wait(self, ready: Callable[[], Any], what: str, seconds: float) -> None:
        """Wait for something that real processes do; raises AssertionError with the ends of what they have printed."""
        until = time.monotonic() + seconds
        while not ready():
            if time.monotonic() > until:
                told = "".join(f"\n== {name}\n{self.output(name)[-1500:]}" for name in self._commands)
                raise AssertionError(f"{what}: not in {seconds:g} s{told}")
            time.sleep(0.1)  # real processes are waited for, from outside


def _goes(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "T"
    except OSError:
        return False


def pick(chance: random.Random, weights: dict[str, float]) -> str:
    """One of several words, each as often as its weight says."""
    return chance.choices(list(weights), list(weights.values()))[0]
