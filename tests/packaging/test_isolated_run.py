"""One DAG uses two providers that pin incompatible versions of one library: the manager isolates one, the core runs both."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from penstock_testkit.remote.network_namespace import NetworkNamespace
from penstock_testkit.remote.remote_installation import RemoteInstallation
from penstock_testkit.wheels import small_manifest, write_provider, write_wheel

PATIENCE_S = 60.0
pytestmark = [pytest.mark.timeout(240), pytest.mark.xdist_group("isolated run")]
OPERATOR = """
from penstock import Operator

class Tell(Operator):
    def __init__(self, *, greeting, **kwargs):
        super().__init__(**kwargs)
        self.greeting = greeting

    template_fields = ("greeting",)

    def execute(self, context):
        import lib_c
        return f"{self.greeting} {lib_c.VERSION}"
"""
DAG_FILE = """
from penstock import DAG, operator

with DAG("both", schedule=None):
    left = operator("left.tell", task_id="left", greeting="run {{ run_id }} has")
    right = operator("right.tell", task_id="right", greeting=left.output)
    operator.partial("right.tell", task_id="each").expand(greeting=["{{ run_id }}", right.output])
"""


@pytest.fixture(scope="module")
def wheels(tmp_path_factory, workspace_wheels):
    """The core's wheel, a library of two versions, and two providers that do not agree on it."""
    folder = tmp_path_factory.mktemp("wheels")
    for package in ("manifest", "core", "server"):
        (wheel,) = workspace_wheels.glob(f"penstock_{package}-*.whl")
        shutil.copy(wheel, folder)
    for version in ("1.0", "2.0"):
        write_wheel(folder, "lib-c", version, files={"lib_c.py": f"VERSION = {version!r}\n"})
    for name, wanted in (("left", "lib-c<2"), ("right", "lib-c>=2")):
        tables = (
            f'[[operators]]\nid = "{name}.tell"\nobject = "penstock_{name}.operators:Tell"\ndoc = "Tells a version."\n'
            'parameters = [{ name = "greeting", type = "str", required = true, doc = "How to begin." }]\n'
        )
        write_provider(
            folder,
            name,
            requires=["penstock-core>=0.1", wanted],
            manifest=small_manifest(name, tables=tables),
            files={f"penstock_{name}/operators.py": OPERATOR},
        )
    return folder


def manager(folder: Path, wheels: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "penstock_plugin_manager", *words, "--yes", "--find-links", str(wheels)]
    command += ["--env", str(folder / ".venv"), "--project", str(folder)]
    # an index of the machine's pip.conf would come before the one that has what the core needs
    environ = {**os.environ, "PIP_CONFIG_FILE": os.devnull}
    return subprocess.run(command, cwd=folder, env=environ, check=False, capture_output=True, text=True)


@pytest.fixture(scope="module")
def shop(tmp_path_factory, wheels):
    """A folder with an environment that has one provider, and one of its own for the other."""
    folder = tmp_path_factory.mktemp("shop")
    subprocess.run([sys.executable, "-m", "uv", "venv", "-q", folder / ".venv"], check=True)
    installed = manager(folder, wheels, "install", "left", "server")
    assert installed.returncode == 0, installed.stderr
    refused = manager(folder, wheels, "install", "right")
    assert refused.returncode == 5
    assert "lib-c" in refused.stderr
    isolated = manager(folder, wheels, "isolate", "right")
    assert isolated.returncode == 0, isolated.stderr
    return folder


def test_a_dag_runs_over_two_providers_that_conflict(tmp_path, shop):
    environ = {name: text for name, text in os.environ.items() if not name.startswith("PENSTOCK_")}
    penstock = [str(shop / ".venv" / "bin" / "python"), "-m", "penstock"]
    (tmp_path / "penstock.toml").touch()
    (tmp_path / "dags").mkdir()
    (tmp_path / "dags" / "both.py").write_text(DAG_FILE)
    with (tmp_path / "up.log").open("wb") as log:
        up = subprocess.Popen([*penstock, "up"], cwd=tmp_path, env=environ, stdout=log, stderr=log)
    try:
        wait_for(tmp_path, "SELECT 1 FROM dag WHERE dag_id = 'both'")
        subprocess.run([*penstock, "dags", "trigger", "both", "--run-id", "one"], cwd=tmp_path, env=environ, check=True)
        wait_for(tmp_path, "SELECT 1 FROM run WHERE run_id = 'one' AND state = 'success'")
    finally:
        up.send_signal(signal.SIGINT)
        up.wait(PATIENCE_S)
    values = rows(tmp_path, "SELECT task_id, map_index, value FROM xcom WHERE key = 'return_value'")
    assert {(task_id, index): json.loads(value) for task_id, index, value in values} == {
        ("left", -1): "run one has 1.0",
        ("right", -1): "run one has 1.0 2.0",
        ("each", 0): "one 2.0",
        ("each", 1): "run one has 1.0 2.0 2.0",
    }


FAR = """
[executors.commands]
type = "command.executor"
server = "{{url}}"
command = {command}
doorbell_s = 2.0

[queues]
far = "commands"
"""
FAR_FILE = """
from penstock import DAG, operator

with DAG("far", schedule=None):
    first = operator("right.tell", task_id="first", queue="far", greeting="{{ run_id }} has")
    operator.partial("right.tell", task_id="each", queue="far").expand(greeting=[first.output, "another has"])
"""


def test_a_worker_that_reaches_the_server_alone_runs_an_isolated_provider_that_it_does_not_have(tmp_path, shop):
    """It sees neither the shop's environments nor any network but the server's port, and gets what it lacks by content hash."""
    site, worker = tmp_path / "site", tmp_path / "worker"
    example = Path(__file__).parents[2] / "examples" / "command_executor"
    uv = [sys.executable, "-m", "uv", "pip", "install", "-q", "--no-deps", "--python", sys.executable, "--target"]
    subprocess.run([*uv, site, example], check=True)
    (tmp_path / "way").mkdir()
    environ = {"PYTHONPATH": str(site)}
    project = RemoteInstallation(
        tmp_path / "project", FAR.format(command='["{worker}"]'), {"far.py": FAR_FILE}, environ,
        str(shop / ".venv" / "bin" / "python"),
    )  # fmt: skip
    way = NetworkNamespace(tmp_path / "way", project.port)
    words = [sys.executable, "-m", "penstock", "worker", "--ticket", "--folder", str(worker)]
    config = project.folder / "penstock.toml"
    config.write_text(config.read_text().replace('["{worker}"]', json.dumps(way.command(words, hidden=[shop]))))
    with way, project:
        project.up()
        project.trigger("far", "one")
        assert project.ended("far", "one") == "success"
        values = rows(project.folder, "SELECT task_id, map_index, value FROM xcom WHERE key = 'return_value'")
    assert {(task_id, index): json.loads(value) for task_id, index, value in values} == {
        ("first", -1): "one has 2.0",
        ("each", 0): "one has 2.0 2.0",
        ("each", 1): "another has 2.0",
    }
    [made] = (worker / "environments").iterdir()
    assert (made / "pyvenv.cfg").exists()


def rows(folder: Path, sql: str) -> list[tuple[Any, ...]]:
    try:
        database = sqlite3.connect(f"file:{folder}/.penstock/penstock.db?mode=ro", uri=True)
        try:
            return database.execute(sql).fetchall()
        finally:
            database.close()
    except sqlite3.OperationalError:
        return []  # the database or its tables are not there yet


def wait_for(folder: Path, sql: str) -> None:
    end = time.monotonic() + PATIENCE_S
    while not rows(folder, sql):
        assert time.monotonic() < end, (sql, (folder / "up.log").read_text())
        time.sleep(0.1)  # real processes are waited for, from outside
