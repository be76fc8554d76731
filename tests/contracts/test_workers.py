"""Tests that share servers run on one worker, and nightly ones on none, which is said.

Releases of pytest and xdist that do not fit each other would say nothing of it.
"""

import os
import subprocess
import sys
from pathlib import Path

from penstock_testkit.nightly import VARIABLE

GROUP = """
import os
from pathlib import Path

import pytest

pytestmark = pytest.mark.xdist_group("shared")


@pytest.mark.parametrize("n", range(4))
def test_of_the_group(n):
    with Path("workers").open("a") as seen:
        seen.write(os.environ["PYTEST_XDIST_WORKER"] + " ")


@pytest.mark.nightly
@pytest.mark.parametrize("n", range(3))
def test_at_night(n):
    raise AssertionError(n)
"""


EACH = """
import os
from pathlib import Path

import pytest


@pytest.mark.parametrize("n", range(4))
def test_each(n):
    with Path(__file__).with_suffix(".workers").open("a") as seen:
        seen.write(os.environ["PYTEST_XDIST_WORKER"] + " ")
"""
ROOT = Path(__file__).parents[2]


def run(folder, *words):
    command = [sys.executable, "-m", "pytest", "-q", "-n", "2", "--dist", "loadgroup", "-p", "no:cacheprovider", *words]
    variables = {name: text for name, text in os.environ.items() if not name.startswith(("PYTEST_", VARIABLE))}
    done = subprocess.run(command, cwd=folder, env=variables, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_tests_of_a_module_run_on_every_other_worker_and_those_across_packages_begin_on_the_others(tmp_path):
    (tmp_path / "pytest.ini").write_text(f"[pytest]\npythonpath = {ROOT / 'tools'}\ntimeout = 60\n")
    (tmp_path / "conftest.py").write_text((ROOT / "conftest.py").read_text())
    files = [tmp_path / folder / name for folder, name in (("core", "test_each.py"), ("tests", "test_across.py"))]
    for file in files:
        file.parent.mkdir()
        file.write_text(EACH)
    run(tmp_path, "--no-loadscope-reorder", "core", "tests")
    of_module, across = (file.with_suffix(".workers").read_text().split() for file in files)
    assert of_module == ["gw1"] * 4
    assert "gw0" in across
    assert len(across) == 4


def test_the_tests_of_a_group_run_on_one_worker_and_nightly_ones_on_none(tmp_path):
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    (tmp_path / "test_group.py").write_text(GROUP)
    out = run(tmp_path)
    workers = (tmp_path / "workers").read_text().split()
    assert (len(workers), len(set(workers))) == (4, 1)
    assert "3 nightly tests were left out: `nox -s nightly` runs them" in out
