"""No test fails because the machine was busy: it waits for what others do, and long enough (CONTRIBUTING, Tests)."""

from pathlib import Path

import pytest

from house.tree import files_of
from house.waits import short_waits


def test_no_test_waits_less_than_a_busy_machine_takes(workspace):
    paths = [path for path in files_of(workspace, ".py") if {"tests", "testkit"} & {*path.parts}]
    paths.remove(Path(__file__).relative_to(workspace))  # it shows some
    assert [each for path in paths for each in short_waits(str(path), (workspace / path).read_text())] == []


@pytest.mark.parametrize(
    ("line", "count"),
    [
        ("wait_until(ready, seconds=10)", 1),
        ("made.wait_for(ready, 'it is there', 15)", 1),
        ("thread.join(5.0)", 1),
        ("assert begun.acquire(timeout=20)", 1),
        ("PATIENCE_S = 20.0", 1),
        ("end = time.monotonic() + 5", 1),
        ("thread.join(60)", 0),
        ("PATIENCE_S = 90.0", 0),
        ("assert not thread.join(1.0)", 0),
        ("stop.wait(0.05)", 0),
    ],
)
def test_the_contract_sees_short_waits(line, count):
    assert len(list(short_waits("a.py", f"    {line}\n"))) == count
