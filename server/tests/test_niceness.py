"""How far the server stands back: said of its process, and of its session where that is its own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from penstock.errors import ConfigError
from penstock_server.niceness import check_niceness
from penstock_server.server_settings import read_niceness

PROGRAM = """
import os
from pathlib import Path
from penstock_server.niceness import give_way
give_way({0})
group = Path("/proc/self/autogroup")
of_group = group.read_text().split() if group.exists() else []
print(os.getpriority(os.PRIO_PROCESS, 0), of_group[-1] if of_group else "none")
"""


def said(niceness, *, own_session):
    program = [sys.executable, "-c", PROGRAM.format(niceness)]
    done = subprocess.run(program, capture_output=True, text=True, check=True, start_new_session=own_session)
    return done.stdout.split()


def test_a_process_is_nicer_and_so_is_a_session_that_is_its_own():
    group = Path("/proc/self/autogroup")
    before = (
        group.read_text().split() if group.exists() else []
    )  # none, too, of what began without a session of its own
    own = str(max(7, os.getpriority(os.PRIO_PROCESS, 0)))  # who is nicer already stays so
    niceness, of_session = said(7, own_session=True)
    assert niceness == own
    assert of_session in ("7", "none")
    niceness, of_session = said(7, own_session=False)
    assert niceness == own
    assert of_session == (before[-1] if before else "none"), "others are in it, too"


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (
            {"niceness": -1},
            "the server cannot run at niceness = -1. Write 0, to be served like scheduler and tries, to 19.",
        ),
        (
            {"niceness": 20},
            "the server cannot run at niceness = 20. Write 0, to be served like scheduler and tries, to 19.",
        ),
        ({"niceness": "low"}, "The server cannot run: niceness: it is a text, and must be a whole number."),
    ],
)
def test_what_is_no_niceness_is_told_in_a_sentence(options, told):
    with pytest.raises(ConfigError) as error:
        read_niceness(options)
    assert str(error.value) == told


def test_it_is_ten_unless_the_settings_say_otherwise():
    assert (read_niceness({}), read_niceness({"niceness": 0})) == (10, 0)
    check_niceness(19)
