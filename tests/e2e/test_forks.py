"""Acceptance: a process may fork after its hooks were used; the bench of the same name does it ten thousand times.

The symptoms elsewhere were DECRYPTION_FAILED_OR_BAD_RECORD_MAC and answers to another's question (boto/botocore#1246,
fsspec/s3fs#56, kserve/kserve#5393, spack/spack#52089).
"""

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.timeout(900)
BENCH = Path(__file__).parents[2] / "bench" / "forks.py"


def test_children_and_parent_use_the_same_hooks_at_once_and_no_call_fails():
    command = [sys.executable, str(BENCH), "--forks", "8"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=880, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.startswith("8 forks, 128 calls of four services, no error")
