"""Two versions of Penstock over one PostgreSQL: the next one upgrades the schema while this one works, and both go on side by side."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
import zipfile
from pathlib import Path

import pytest

from penstock.store import new_key
from penstock.store.sql import tables

pytestmark = pytest.mark.timeout(240)

CORE = Path(__file__).parents[2] / "core"
NEXT = f"{int(tables.REVISIONS[-1]) + 1:04}"
MIGRATION = f'''
"""A table that this version knows nothing of."""

import os
import time
from pathlib import Path

import sqlalchemy as sa
from alembic import op

revision = "{NEXT}"
down_revision = "{tables.REVISIONS[-1]}"


def upgrade() -> None:
    """Add it; who makes the file of this name sees the upgrade stand in its middle."""
    op.create_table("later", sa.Column("name", sa.Text(), primary_key=True))
    stop = Path(os.environ.get("STOP", "absent"))
    if stop.exists():
        stop.with_name("stands").touch()
    while stop.exists():
        time.sleep(0.02)
'''
DOOR = """
import time
from pathlib import Path

from penstock import DAG, task

for name in ("first", "second"):
    with DAG(name):

        @task
        def hold():
            while not Path(DOOR).exists():
                time.sleep(0.02)

        hold()
"""
PATIENCE_S = 60.0


def until(found, otherwise=str):
    end = time.monotonic() + PATIENCE_S
    while not (seen := found()):
        assert time.monotonic() < end, otherwise()
        time.sleep(0.05)  # real processes are waited for, from outside
    return seen


@pytest.fixture(scope="module")
def next_version(tmp_path_factory):
    """A folder with the core of the next version, from a wheel: one migration more, which only adds."""
    work = tmp_path_factory.mktemp("next")
    copied = work / "core"
    shutil.copytree(CORE, copied, ignore=shutil.ignore_patterns("tests", "__pycache__"))
    _replace(copied / "pyproject.toml", r'^version = ".*"', 'version = "9.0.0"')
    _replace(copied / "src" / "penstock" / "__init__.py", r'^__version__ = ".*"', '__version__ = "9.0.0"')
    sql = copied / "src" / "penstock" / "store" / "sql"
    (sql / "migrations" / "versions" / f"{NEXT}_later.py").write_text(MIGRATION)
    _replace(sql / "tables.py", rf'"{tables.REVISIONS[-1]}",', f'"{tables.REVISIONS[-1]}", "{NEXT}",')
    _replace(sql / "compatibility.py", r"EXPANDING = frozenset\(\{", f'EXPANDING = frozenset({{"{NEXT}", ')
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(work)]
    subprocess.run(build, cwd=copied, check=True, capture_output=True)
    (wheel,) = work.glob("*.whl")
    zipfile.ZipFile(wheel).extractall(work / "site")
    return work / "site"


def _replace(path, pattern, text):
    new, count = re.subn(pattern, lambda _: text, path.read_text(), flags=re.MULTILINE)
    assert count == 1, (path, pattern)
    path.write_text(new)


class Version:
    """A version of Penstock, with a state folder of its own, over the database of all."""

    def __init__(self, folder, name, **environ):
        kept = {key: value for key, value in os.environ.items() if not key.startswith("PENSTOCK_")}
        self.folder, self.name = folder, name
        self.environ = kept | environ | {"PENSTOCK_CORE__STATE_FOLDER": str(folder / name)}
        self._up, self.url = None, ""

    def words(self, *words):
        return [sys.executable, "-m", "penstock", *words]

    def says(self, *words):
        done = subprocess.run(
            self.words(*words), cwd=self.folder, env=self.environ, capture_output=True, text=True, check=False
        )
        return done.returncode, done.stdout + done.stderr

    def up(self):
        with (self.folder / f"{self.name}.log").open("wb") as log:
            self._up = subprocess.Popen(
                self.words("up"), cwd=self.folder, env=self.environ, stdout=log, stderr=log, start_new_session=True
            )
        self.url = until(lambda: re.search(r"listening on (http://[^ ;]+)[;. ]", self.log()), self.log)[1]

    def log(self):
        return (self.folder / f"{self.name}.log").read_text()

    def ask(self, path, **body):
        token = (self.folder / self.name / "server.token").read_text()
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        data = json.dumps(body).encode() if body else None
        with urllib.request.urlopen(urllib.request.Request(self.url + path, data, headers), timeout=30) as answer:
            return json.loads(answer.read())

    def state(self, dag):
        return self.ask(f"/api/v1/dags/{dag}/runs/one")["run"]["state"]

    def end(self):
        if self._up is not None:
            self._up.send_signal(signal.SIGINT)
            assert self._up.wait(PATIENCE_S) == 0, self.log()
            self._up = None


@pytest.fixture
def both(tmp_path, postgres_url, next_version):
    """This version and the next one, in one project."""
    (tmp_path / "penstock.toml").write_text('[services.server]\ntype = "server.server"\nport = 0\n')
    (tmp_path / "dags").mkdir()
    (tmp_path / "dags" / "doors.py").write_text(DOOR.replace("DOOR", repr(str(tmp_path / "door"))))
    shared = {"PENSTOCK_DATABASE__URL": postgres_url, "PENSTOCK_SECRET_KEY": new_key(), "STOP": str(tmp_path / "stop")}
    found = [Version(tmp_path, "this", **shared), Version(tmp_path, "next", PYTHONPATH=str(next_version), **shared)]
    yield found
    for each in found:
        each.end()


def test_the_next_version_upgrades_beneath_this_one_and_both_serve_and_schedule_side_by_side(both, tmp_path):
    this, following = both
    this.up()
    until(lambda: len(this.ask("/api/v1/dags")["items"]) == 2, this.log)
    this.ask("/api/v1/dags/first/runs", run_id="one")
    until(lambda: this.state("first") == "running", this.log)
    assert following.says("--version")[1].split()[-1] == "9.0.0"

    stop, stands = tmp_path / "stop", tmp_path / "stands"
    stop.touch()
    upgrading = subprocess.Popen(
        following.words("db", "upgrade"), cwd=tmp_path, env=following.environ, stdout=subprocess.DEVNULL
    )
    until(stands.exists)
    assert this.state("first") == "running", "who reads waits for nothing"
    upgrading.kill()
    upgrading.wait()
    stop.unlink()
    _, said = following.says("db", "upgrade", "--check")
    assert "online" in said
    assert NEXT in said
    this.ask("/api/v1/dags/second/runs", run_id="one")
    code, said = following.says("db", "upgrade")
    assert code == 0, said

    following.up()
    assert this.state("first") == this.state("second") == "running"
    assert following.state("first") == following.state("second") == "running"
    (tmp_path / "door").touch()
    for each in both:
        for dag in ("first", "second"):
            until(lambda each=each, dag=dag: each.state(dag) == "success", each.log)
    for number, each in enumerate(both):
        each.ask("/api/v1/dags/first/runs", run_id=f"more-{number}")
        path = f"/api/v1/dags/first/runs/more-{number}"
        until(lambda path=path: {other.ask(path)["run"]["state"] for other in both} == {"success"}, each.log)
