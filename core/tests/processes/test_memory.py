"""A process that runs a stranger's code has a limit on its memory."""

import subprocess
import sys

import pytest

CHILD = """
import resource, sys
from penstock.processes.bounds.memory import limit_memory
limits = resource.getrlimit(resource.RLIMIT_AS)
if sys.argv[1] == "tight":
    resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))
assert limit_memory(2048) == (limits if sys.argv[1] == "free" else (1 << 30, 1 << 30))
try:
    bytearray(int(sys.argv[2]) << 20)
except MemoryError:
    print("refused")
else:
    print("given")
"""


@pytest.mark.parametrize(
    ("kind", "megabytes", "answer"), [("free", 1500, "given"), ("free", 2500, "refused"), ("tight", 1500, "refused")]
)
def test_what_is_beyond_the_limit_is_refused_and_a_tighter_limit_stays(kind, megabytes, answer):
    done = subprocess.run(
        [sys.executable, "-c", CHILD, kind, str(megabytes)], capture_output=True, text=True, check=False
    )
    assert (done.stdout.strip(), done.stderr) == (answer, "")
