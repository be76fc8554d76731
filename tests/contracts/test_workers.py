"""Tests that share servers run on one worker, and nightly ones on none, which is said.

Releases of pytest and xdist that do not fit each other would say nothing of it.
"""

import os
import subprocess
import sys

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


def test_the_tests_of_a_group_run_on_one_worker_and_nightly_ones_on_none(tmp_path):
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    (tmp_path / "test_group.py").write_text(GROUP)
    command = [sys.executable, "-m", "pytest", "-q", "-n", "2", "--dist", "loadgroup", "-p", "no:cacheprovider"]
    variables = {name: text for name, text in os.environ.items() if not name.startswith(("PYTEST_", VARIABLE))}
    done = subprocess.run(command, cwd=tmp_path, env=variables, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    workers = (tmp_path / "workers").read_text().split()
    assert (len(workers), len(set(workers))) == (4, 1)
    assert "3 nightly tests were left out: `nox -s nightly` runs them" in done.stdout
