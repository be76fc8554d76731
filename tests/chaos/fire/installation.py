"""An installation whose processes can be seen by what they are, killed, and stopped."""

import contextlib
import os
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from penstock.app.compose import installation
from penstock.service.dags import trigger
from penstock.service.installation import Installation
from penstock.settings import load_settings
from penstock_testkit.beside import WITHOUT_SERVER
from penstock_testkit.commands.fork_server import ForkedCommand, penstock

LEASE_S = 3.0
WAIT_S = 1.0
MARK = "FIRE_FOLDER"
SHARED = {
    "PENSTOCK_SECRET_KEY": "ZmlyZSBmaXJlIGZpcmUgZmlyZSBmaXJlIGZpcmUgZmk=",
    "PENSTOCK_SCHEDULER__TAKEOVER_S": "5",
}
"""What several that share a database have in common: tries of one that is lost are soon known to have ended."""
DAGS = Path(__file__).with_name("dags")
FORKED = ("spawn server", "file server", "fork")
LISTENER = {
    "site/penstock_providers_hears-1.0.dist-info/METADATA": "Metadata-Version: 2.4\nName: penstock-providers-hears\nVersion: 1.0\n",
    "site/penstock_providers_hears-1.0.dist-info/entry_points.txt": "[penstock.providers]\nhears = penstock_hears:provider.toml\n",
    "site/penstock_hears/__init__.py": "",
    "site/penstock_hears/plugin.py": (
        "from penstock.spec.plugin import hookimpl\n@hookimpl\ndef penstock_run_state_changed(change): ...\n"
    ),
    "site/penstock_hears/provider.toml": (
        'schema = 1\nid = "hears"\nname = "hears"\ndoc = "A provider that listens."\nspec = ">=1,<2"\n'
        'imports = ["penstock_hears"]\nplugin = "penstock_hears.plugin"\n'
    ),
}


class StoodStillError(AssertionError):
    """Something did not happen in time."""


class Fire:
    """A project under ``penstock up``, with short leases.

    Args:
        folder: The project's folder; made with what it needs.
        database: URL of its database; "" for SQLite.
        schedulers: How many ``penstock up`` share it, each with a state folder of its own.
    """

    def __init__(self, folder: Path, database: str = "", schedulers: int = 1) -> None:
        self.folder = folder
        self._seen: Installation | None = None
        self._ups: list[ForkedCommand | None] = [None] * schedulers
        for name, text in LISTENER.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text)
        (folder / "penstock.toml").write_text("")
        (folder / "dags").mkdir()
        for each in DAGS.glob("*.py"):
            (folder / "dags" / each.name).write_text(each.read_text())
        self.environ = {
            **{name: value for name, value in os.environ.items() if not name.startswith("PENSTOCK_")},
            **WITHOUT_SERVER,
            MARK: str(folder),
            "PYTHONPATH": os.pathsep.join([str(folder / "site"), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep),
            "PENSTOCK_EXECUTOR__PARALLELISM": "12",
            "PENSTOCK_EXECUTOR__STOP_GRACE_S": "0.5",
            "PENSTOCK_EXECUTOR__IMPORT_TIMEOUT_S": "20",
            "PENSTOCK_SCHEDULER__LEASE_S": str(LEASE_S),
            "PENSTOCK_DATABASE__WAIT_S": str(WAIT_S),
            "PENSTOCK_LOADER__TIMEOUT_S": "8",
            **({"PENSTOCK_DATABASE__URL": database} if database else {}),
            **(SHARED if schedulers > 1 else {}),
        }

    @contextlib.contextmanager
    def looking(self) -> Iterator[Installation]:
        """The installation, as a command sees it; it stays open for the next look unless something is raised."""
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

    def up(self) -> None:
        """Start each ``penstock up`` that does not run, and wait until the DAGs are known."""
        for number, running in enumerate(self._ups):
            if running is not None and running.poll() is None:
                continue
            self.look_away()
            state = {"PENSTOCK_CORE__STATE_FOLDER": str(self.folder / f".penstock{number}")} if number else {}
            with (self.folder / "up.log").open("ab") as log:
                self._ups[number] = penstock().start(["up"], self.folder, self.environ | state, output=log)
            # A database that was deleted is made anew by the scheduler, not by whoever looks.
            self.wait_for(self._ready, "the DAGs")

    def _ready(self) -> bool:
        assert self.ended() is None, f"penstock up ended with {self.ended()}\n{self.told()[-2000:]}"
        if len(self.pids("scheduler")) < sum(each is not None for each in self._ups):
            return False
        with self.looking() as found:
            return {"fire", "other", "kept", "poison", "flood", "flood4", "maker", "taker", "dated"} <= set(
                found.store.dags.ids()
            )

    def down(self) -> int:
        """Stop every ``penstock up``; the exit code of the first that did not end with 0, or 0."""
        ups = [each for each in self._ups if each is not None]
        assert ups
        for each in ups:
            each.send_signal(signal.SIGTERM)
        try:
            return next((code for each in ups if (code := each.wait(60))), 0)
        finally:
            self._ups = [None] * len(self._ups)

    def stop(self) -> None:
        """Stop, and check that nothing is left and that all was told in sentences."""
        code = self.down()
        assert code == 0, f"penstock up ended with {code}"
        self.wait_for(lambda: not self.processes(), "the end of all processes", 60)
        assert "Traceback" not in self.told(), "a traceback on the terminal"

    def ended(self) -> int | None:
        """The exit code of a ``penstock up`` that has ended, None while all run."""
        codes = (each.poll() for each in self._ups if each is not None)
        return next((code for code in codes if code is not None), None)

    def trigger(self, dag_id: str, run_id: str) -> None:
        """Ask for a run."""
        with self.looking() as found:
            trigger(found, dag_id, run_id=run_id)

    def state(self, dag_id: str, run_id: str) -> str:
        """State of a run."""
        with self.looking() as found:
            return str(found.store.runs.state(dag_id, run_id))

    def end_of(self, dag_id: str, run_id: str) -> str:
        """The state in which a run ends."""
        done = ("success", "failed", "cancelled")
        return str(
            self.wait_for(lambda: (s := self.state(dag_id, run_id)) in done and s, f"the end of {dag_id} {run_id}")
        )

    def told(self) -> str:
        """What stands on the terminal of ``penstock up``."""
        return (self.folder / "up.log").read_text()

    def lines(self, run_id: str) -> list[tuple[str, str, int]]:
        """What the tries of a run have noted: what, task and process."""
        path = self.folder / "lines"
        found = [line.split() for line in path.read_text().splitlines()] if path.exists() else []
        return [(what, task, int(pid)) for what, run, task, pid in found if run == run_id]

    def wait_for(self, ready: Callable[[], Any], what: str, seconds: float = 180.0) -> Any:
        """Wait for something to be true; raises StoodStillError with the end of the terminal."""
        until = time.monotonic() + seconds
        while not (found := ready()):
            if time.monotonic() > until:
                raise StoodStillError(f"{what}: not in {seconds:g} s\n{self.told()[-2000:]}")
            time.sleep(0.1)  # real processes are waited for, from outside
        return found

    def processes(self) -> dict[str, list[int]]:
        """Every process of this installation, by what it is."""
        found = {}
        for entry in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError, ValueError):
                if f"{MARK}={self.folder}".encode() in (entry / "environ").read_bytes().split(b"\0"):
                    parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
                    found[int(entry.name)] = (parent, (entry / "cmdline").read_bytes().decode().split("\0"))
        kinds: dict[str, list[int]] = {}
        for pid in found:
            kinds.setdefault(kind(pid, found), []).append(pid)
        return kinds

    def pids(self, what: str) -> list[int]:
        """Process ids of a kind."""
        return self.processes().get(what, [])

    def end_all(self) -> None:
        """Kill whatever is there."""
        self.look_away()
        while left := [pid for each in self.processes().values() for pid in each]:
            for pid in left:
                send(signal.SIGKILL, [pid])
            time.sleep(0.02)
        for each in self._ups:
            if each is not None:
                each.wait()


def kind(pid: int, found: dict[int, tuple[int, list[str]]]) -> str:
    """What a process is; those that were forked without a program of their own are told apart by their depth."""
    parent, command = found[pid]
    module = next((word for word in command if word.startswith("penstock")), "")
    if module != "penstock.app.spawn_server":
        return {"penstock": "up", "": "command"}.get(module, module.rpartition(".")[2].replace("_", " "))
    depth = 0
    while parent in found and "penstock.app.spawn_server" in found[parent][1]:
        depth, parent = depth + 1, found[parent][0]
    return FORKED[min(depth, 2)]


def send(number: int, pids: Sequence[int]) -> None:
    """Send a signal to processes, one right after the other."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
