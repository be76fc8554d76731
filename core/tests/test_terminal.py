"""A line for the terminal is written, or lost, and never the end of who writes it."""

import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = "from penstock.terminal import write_line; write_line('a\\x1bb'); print('goes on')"


def test_a_line_is_shown_without_what_would_change_the_terminal():
    found = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    assert (found.stderr, found.stdout) == ("a\\x1bb\n", "goes on\n")


@pytest.mark.parametrize("closed", [False, True])
def test_a_terminal_that_takes_nothing_stops_nobody(closed):
    closing = "import sys; sys.stderr.close(); " if closed else ""
    with Path("/dev/full").open("w") as full:
        found = subprocess.run(
            [sys.executable, "-c", closing + PROGRAM], check=False, stdout=subprocess.PIPE, stderr=full, text=True
        )
    assert (found.returncode, found.stdout) == (0, "goes on\n")
