"""Workers of remote executors that are stopped for longer than their lease, and those that can reach a server and nothing else."""

import json
import os
import signal
import socket
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest
from fleet import WORKSPACE, install

from penstock.errors import ExitCode
from penstock.processes.group import kill_group
from penstock_testkit.nightly import nightly_but
from penstock_testkit.processes import has_ended
from penstock_testkit.remote.network_namespace import NetworkNamespace
from penstock_testkit.remote.remote_installation import RemoteInstallation

LEASE_S = 4.0
SETTINGS = """

{more}

[executors.commands]
type = "command.executor"
server = "{{url}}"
command = {command}
slots = 3
environ = ["BROKER_PORT", "DATABASE_PORT", "GATES", "HOME", "OTHER_PORT", "PATH", "PYTHONPATH", "TMPDIR"]
doorbell_s = 2.0
worker_lease_s = {lease_s}

[queues]
far = "commands"
"""
WORKER = [sys.executable, "-m", "penstock", "worker", "--ticket"]
BEATS = """
import os, time
from pathlib import Path
from penstock import DAG, task

with DAG("beats"):

    @task(queue="far", retries=0)
    def beat():
        gates = Path(os.environ["GATES"])
        with (gates / f"beats-{os.getpid()}").open("a", buffering=1) as file:
            while not (gates / "open").exists():
                file.write(f"{time.monotonic()}\\n")
                time.sleep(0.01)

    beat()
"""
LOOKS = """
import os, socket
from pathlib import Path
from penstock import DAG, Variable, task

with DAG("looks"):

    @task(queue="far", retries=0)
    def look():
        found = {"said": Variable.get("greeting")}
        for name in ("DATABASE_PORT", "BROKER_PORT", "OTHER_PORT"):
            try:
                socket.create_connection(("127.0.0.1", int(os.environ[name])), 5.0).close()
                found[name] = "reached"
            except OSError as error:
                found[name] = type(error).__name__
        found["interfaces"] = sorted(name for _, name in socket.if_nameindex())
        found["secrets"] = [name for name in os.environ if name in ("PENSTOCK_TICKET", "PENSTOCK_TOKEN", "PENSTOCK_SECRET_KEY")]
        return found

    @task(queue="far", retries=0)
    def give(size):
        return "x" * size

    @task(queue="far", retries=0)
    def take(given):
        return len(given)

    @task
    def take_here(given):
        return len(given)

    look()
    given = give(200_000)
    take(given), take_here(given)
    give.override(task_id="too_much")(2_000_000)
"""
pytestmark = pytest.mark.timeout(240)


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    install(folder, WORKSPACE / "examples" / "command_executor")
    return folder


@pytest.fixture
def gates(tmp_path):
    folder = tmp_path / "gates"
    folder.mkdir()
    return folder


def settings(command=WORKER, more=""):
    return SETTINGS.format(command=json.dumps(command), more=more, lease_s=LEASE_S)


def processes_of(made, *, sessions=False):
    """Ids of the workers of a project; with all that they have started, wherever that is."""
    found = []
    for each in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            command, environ = ((each / name).read_bytes().split(b"\0") for name in ("cmdline", "environ"))
            is_worker = b"worker" in command and b"--ticket" in command
            if f"PENSTOCK_SERVER={made.url}".encode() in environ and (is_worker or sessions):
                found.append(int(each.name))
    return found


def beats(path):
    return [float(line) for line in path.read_text().split()]


@pytest.mark.parametrize(
    "all_of_it",
    nightly_but([False], [False, True]),
    ids=lambda whole: "all of its processes" if whole else "its own process",
)
def test_a_worker_that_is_stopped_for_longer_than_its_lease_runs_no_try_beside_the_next_one(
    tmp_path, site, gates, all_of_it
):
    environ = {"PYTHONPATH": str(site), "GATES": str(gates), "TMPDIR": str(tmp_path)}
    with RemoteInstallation(tmp_path / "project", settings(), {"beats.py": BEATS}, environ) as made:
        made.up()
        made.trigger("beats", "one")
        made.wait(lambda: list(gates.glob("beats-*")), "the task runs")
        [first] = gates.glob("beats-*")
        stopped = processes_of(made, sessions=all_of_it)
        for pid in stopped:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGSTOP)
        try:
            made.wait(lambda: len(list(gates.glob("beats-*"))) == 2, "it runs again")
            [second] = set(gates.glob("beats-*")) - {first}
            made.wait(lambda: len(beats(second)) > 5, "the next one runs")
            before = beats(first)
            assert max(before) < min(beats(second))
        finally:
            for pid in stopped:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGCONT)
        pid = int(first.name.rpartition("-")[2])
        made.wait(lambda: has_ended(pid), "the first one has ended")
        # One that was frozen with its spawn server is ended as soon as that goes on: it does no work of its own meanwhile.
        assert len(beats(first)) - len(before) < 50
        (gates / "open").touch()
        assert made.ended("beats", "one") == "success"
        assert len(list(gates.glob("beats-*"))) == 2
        made.wait(lambda: not processes_of(made), "every worker has left")


def test_a_worker_whose_server_is_gone_for_ever_ends_its_try_and_leaves_with_a_line_and_a_code(tmp_path, site, gates):
    environ = {"PYTHONPATH": str(site), "GATES": str(gates), "TMPDIR": str(tmp_path)}
    command = ["sh", "-c", 'printf %s "$PENSTOCK_TICKET" > "$GATES/new" && mv "$GATES/new" "$GATES/ticket"; sleep 60']
    with RemoteInstallation(tmp_path / "project", settings(command), {"beats.py": BEATS}, environ) as made:
        up = made.up()
        made.trigger("beats", "one")
        made.wait((gates / "ticket").exists, "a ticket is rung for")
        known = {"PENSTOCK_SERVER": made.url, "PENSTOCK_TICKET": (gates / "ticket").read_text()}
        worker = made.start("worker", "--ticket", "--lost-s", "1", environ=known)
        made.wait(lambda: list(gates.glob("beats-*")), "the task runs")
        began_s = time.monotonic()
        kill_group(up.pid)
        up.wait()
        assert worker.wait(60) == ExitCode.UNAVAILABLE
        took_s = time.monotonic() - began_s
        [task] = gates.glob("beats-*")
        assert has_ended(int(task.name.rpartition("-")[2])), "its try was ended first"
        last = made.output("worker").rstrip().splitlines()[-1]
        assert last == "worker: no server answers, and 1 s are over: it leaves without having told how 1 tries ended."
        assert took_s < LEASE_S + 1 + 20, "within its lease and that, on a machine that is busy"


class _Listening:
    """A port of this machine that answers, as a broker would."""

    def __init__(self):
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._socket.close()


def test_a_worker_needs_a_way_to_the_server_and_to_nothing_else(tmp_path, site, gates, postgres_server):
    """Each worker is in a network namespace of its own, with a loopback in which one port leads to the server."""
    url = postgres_server.create_database()
    with _Listening() as broker, _Listening() as other:
        environ = {
            "PYTHONPATH": str(site), "GATES": str(gates), "TMPDIR": str(tmp_path), "PENSTOCK_VAR_GREETING": "hello",
            "DATABASE_PORT": str(postgres_server.port), "BROKER_PORT": str(broker.port), "OTHER_PORT": str(other.port),
        }  # fmt: skip
        made = RemoteInstallation(
            tmp_path / "project",
            settings(["{worker}"], f"[database]\nurl = {json.dumps(url)}"),
            {"looks.py": LOOKS},
            environ,
        )
        config = made.folder / "penstock.toml"
        way = NetworkNamespace(tmp_path, made.port)
        config.write_text(config.read_text().replace('["{worker}"]', json.dumps(way.command(WORKER))))
        with way, made:
            made.run("db", "upgrade")
            made.up()
            made.trigger("looks", "one")
            assert made.ended("looks", "one") == "failed"
            ended = made.tasks("looks", "one")
            shown = json.loads(made.run("tasks", "xcoms", "looks", "look", "--run", "one", "--json"))
    [found] = shown["items"]
    assert found["value"] == {
        "said": "hello", "interfaces": ["lo"], "secrets": [],
        "DATABASE_PORT": "ConnectionRefusedError", "BROKER_PORT": "ConnectionRefusedError", "OTHER_PORT": "ConnectionRefusedError",
    }  # fmt: skip
    # What one worker leaves on its disk, no other one can read.
    assert {name for name, each in ended.items() if each["state"] != "success"} == {"too_much"}
    assert "no object store is named that the workers of queue 'far' reach" in json.dumps(ended["too_much"])
    assert not (made.folder / ".penstock" / "xcom").exists()
    secret = (made.folder / ".penstock" / "server.token").read_text()
    for log in made.folder.glob("*.out"):
        assert secret not in log.read_text()
        assert url not in log.read_text() or log.name == "up.out"
