import subprocess
import sys

DAG_FILE = """\
from penstock import DAG, Variable, task

with DAG("d_" + Variable.get("name")):

    @task
    def one():
        return 1

    one()
"""

TESTS = """\
from pathlib import Path

import pytest

from penstock import Variable
from penstock.errors import AuthoringError


def test_a_dag_of_a_file(run_dag, load_dags):
    dags = load_dags(Path(__file__).parent / "pipeline.py", variables={"name": "x"})
    assert run_dag(dags["d_x"]).check().value("one") == 1


def test_a_file_that_is_wrong(load_dags):
    with pytest.raises(AuthoringError, match="no Variable is named 'name'"):
        load_dags(Path(__file__).parent / "pipeline.py")


def test_a_world(penstock_runtime, fake_clock):
    penstock_runtime.variables["a"] = "b"
    fake_clock.advance(60)
    assert (Variable.get("a"), fake_clock.slept.total_seconds()) == ("b", 60)
"""


def test_a_users_tests_find_the_fixtures(tmp_path):
    (tmp_path / "pipeline.py").write_text(DAG_FILE)
    (tmp_path / "test_pipeline.py").write_text(TESTS)
    found = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "3 passed" in found.stdout, found.stdout + found.stderr


def test_loading_the_plugin_imports_nothing_of_the_core_but_itself():
    code = (
        "import sys, penstock.testing.pytest_plugin; print(sorted(m for m in sys.modules if m.startswith('penstock')))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "['penstock', 'penstock.testing', 'penstock.testing.pytest_plugin']"
