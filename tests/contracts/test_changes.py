"""What three common changes cost: each is made to a copy of the sources, tried there, and its files are counted (ADR 14)."""

import os
import shutil
import subprocess
import sys
import tempfile

import pytest

ENDING_FILES, KIND_FILES, COLUMN_FILES = 3, 2, 4

# A new field of an ending: what user code raised says it, the engine shows it.
ENDING = [
    (
        "core/src/penstock/model/attempt.py",
        '    skip_downstream: Literal["", "all", "direct"] = ""\n',
        '    skip_downstream: Literal["", "all", "direct"] = ""\n    advice: str = ""\n',
    ),
    (
        "core/src/penstock/author/run/failed.py",
        "retry_after_s=_seconds_to_wait(error))",
        'retry_after_s=_seconds_to_wait(error), advice=getattr(error, "advice", ""))',
    ),
    (
        "core/src/penstock/engine/tries.py",
        '    summary = shortened(event.end.error.partition("\\n")[0]',
        '    summary = shortened(event.end.advice or event.end.error.partition("\\n")[0]',
    ),
]
TRY_ENDING = """
import msgspec
from penstock import DAG, task
from penstock.model.attempt import TryEnd
from penstock.testing import run_dag
with DAG("d", schedule=None) as dag:
    @task
    def t():
        error = ValueError("boom")
        error.advice = "ask ann"
        raise error
    t()
assert run_dag(dag).tasks["t"].reason == "ask ann"
end = TryEnd("failed", advice="ask ann")
wire = msgspec.msgpack.decode(msgspec.msgpack.encode(end), type=TryEnd)
assert wire.advice == "ask ann"
"""

# A new kind of capability: a row of the table, and what its objects must be.
KIND = [
    (
        "manifest/src/penstock_manifest/kinds.py",
        "_TABLE = (\n",
        '_TABLE = (\n    Kind("lamps", "lights", "by nobody", "penstock_lamps", "penstock.spec.lamp:Lamp", ("lamps",), 3),\n',
    ),
    (
        "core/src/penstock/spec/lamp.py",
        "",
        "from typing import Protocol\n\nclass Lamp(Protocol):\n    def shine(self) -> str: ...\n",
    ),
]
TRY_KIND = """
import sys
from pathlib import Path
from penstock.errors import PluginError
from penstock.plugins.host import PluginHost
site = Path("site")
(site / "penstock_acme").mkdir(parents=True)
(site / "penstock_acme" / "__init__.py").write_text("")
(site / "penstock_acme" / "lamps.py").write_text(
    "class Good:\\n    def shine(self): return 'light'\\nclass Bad: pass\\n"
)
entry = "[[lamps]]\\nid = 'acme.{name}'\\nobject = 'penstock_acme.lamps:{cls}'\\ndoc = 'A lamp.'\\n"
(site / "penstock_acme" / "provider.toml").write_text(
    "schema = 1\\nid = 'acme'\\nname = 'Acme'\\ndoc = 'Acme.'\\nspec = '>=1,<2'\\nimports = []\\n"
    + entry.format(name="good", cls="Good") + entry.format(name="bad", cls="Bad")
)
info = site / "penstock_providers_acme-1.0.dist-info"
info.mkdir()
(info / "METADATA").write_text("Metadata-Version: 2.1\\nName: penstock-providers-acme\\nVersion: 1.0\\n")
(info / "entry_points.txt").write_text("[penstock.providers]\\nacme = penstock_acme:provider.toml\\n")
sys.path.insert(0, str(site.resolve()))
host = PluginHost.discover()
assert host.resolve("acme.good", "lamps")().shine() == "light"
try:
    host.resolve("acme.bad", "lamps")
except PluginError as error:
    assert "shine" in str(error), error
else:
    raise AssertionError("an object that is no lamp was taken for one")
"""

# A new column of task instances: decided by the engine, stored, and read back.
MIGRATION = """import sqlalchemy as sa
from alembic import op

revision = "{next}"
down_revision = "{last}"


def upgrade() -> None:
    op.add_column("task_instance", sa.Column("advice", sa.Text, nullable=False, server_default=""))
"""
COLUMN = [
    ("core/src/penstock/model/run.py", "    losses: int = 0\n", '    losses: int = 0\n    advice: str = ""\n'),
    ("core/src/penstock/engine/live.py", '        "attempt",\n', '        "advice",\n        "attempt",\n'),
    (
        "core/src/penstock/engine/live.py",
        '        self.reason = ""\n',
        '        self.reason = ""\n        self.advice = ""\n',
    ),
    (
        "core/src/penstock/store/sql/tables.py",
        '    Column("losses", Integer, nullable=False, server_default="0"),\n',
        '    Column("losses", Integer, nullable=False, server_default="0"),\n    _free_text("advice"),\n',
    ),
    ("core/src/penstock/store/sql/tables.py", '"{last}",\n', '"{last}",\n    "{next}",\n'),
    (
        "core/src/penstock/store/sql/migrations/versions/{next}_advice.py",
        "",
        MIGRATION,
    ),
]
TRY_COLUMN = """
from datetime import UTC, datetime
from pathlib import Path
from penstock.engine.live import Instance
from penstock.model.changes import Changes
from penstock.model.run import NewRun, RunKind, TaskInstance
from penstock.model.state import TaskState
from penstock.store import Keyring, Store
now = datetime.now(UTC)
with Store.open("sqlite:///test.db", Keyring.of_file(Path("key"))) as store:
    with store.transaction() as tx:
        (run,) = tx.apply(Changes(new_runs=[NewRun("d", "r", RunKind.MANUAL, now, now, now)]), now)
    given = TaskInstance(run.run, "t", -1, TaskState.SCHEDULED, advice="ask ann")
    with store.transaction() as tx:
        tx.apply(Changes(tasks=[given]), now)
    (stored,) = store.runs.tasks(run.run)
    assert stored == given, stored
"""


@pytest.fixture
def copy(workspace, tmp_path):
    """A copy of the sources of core and manifest."""
    for package in ("core", "manifest"):
        shutil.copytree(
            workspace / package / "src", tmp_path / package / "src", ignore=shutil.ignore_patterns("__pycache__")
        )
    return tmp_path


def run(copy, code):
    paths = os.pathsep.join(str(copy / package / "src") for package in ("core", "manifest"))
    return subprocess.run(
        [sys.executable, "-c", code],
        check=False,
        cwd=tempfile.mkdtemp(dir=copy),
        env={**os.environ, "PYTHONPATH": paths},
        capture_output=True,
        text=True,
    )


@pytest.mark.parametrize(
    ("edits", "most", "code"),
    [
        pytest.param(ENDING, ENDING_FILES, TRY_ENDING, id="field of an ending"),
        pytest.param(KIND, KIND_FILES, TRY_KIND, id="kind of capability"),
        pytest.param(COLUMN, COLUMN_FILES, TRY_COLUMN, id="column of the store"),
    ],
)
def test_a_common_change_touches_few_files(copy, edits, most, code):
    last = max(each.name for each in (copy / "core/src/penstock/store/sql/migrations/versions").glob("0*.py"))[:4]
    words = {"{last}": last, "{next}": f"{int(last) + 1:04}"}
    assert run(copy, code).returncode != 0, "it works without the change"
    touched = set()
    for name, before, after in edits:
        for word, value in words.items():
            name, before, after = (each.replace(word, value) for each in (name, before, after))  # noqa: PLW2901
        path = copy / name
        text = path.read_text() if before else ""
        assert before in text, f"{name} has no {before!r} any more: write this change anew"
        path.write_text(text.replace(before, after, 1) if before else after)
        touched.add(name)
    done = run(copy, code)
    assert done.returncode == 0, done.stderr
    assert len(touched) <= most
