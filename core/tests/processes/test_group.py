"""Ended processes are collected once, with their exit in words."""

import subprocess
import sys

import pytest

from penstock.processes.group import describe_exit, kill_group

EXITS = [
    (0, "ended with exit code 0"),
    (3, "ended with exit code 3"),
    (-9, "was killed by SIGKILL (Killed)"),
    (-11, "was killed by SIGSEGV (Segmentation fault)"),
    (-40, "was killed by signal 40 (Real-time signal 6)"),
]


@pytest.mark.parametrize(("code", "words"), EXITS)
def test_an_exit_is_put_into_words(code, words):
    assert describe_exit(code) == words


def test_killing_a_group_that_is_gone_does_nothing():
    process = subprocess.Popen(["true"], start_new_session=True)
    process.wait()
    kill_group(process.pid)


REAPS = """
import os, select
from penstock.processes.group import Reaper
reaper = Reaper()
pids = []
for code in (0, 3):
    pid = os.fork()
    if pid == 0:
        os._exit(code)
    pids.append(pid)
found = []
while len(found) < 2:
    select.select([reaper], [], [])
    found += reaper.reap()
assert sorted(found) == sorted(zip(pids, (0, 3))), found
assert list(reaper.reap()) == []  # one that was collected with the other may be told of still
assert not select.select([reaper], [], [], 0)[0]
"""


def test_a_reaper_tells_of_each_ended_child_once():
    # A process of its own: signal handlers belong to the whole process.
    subprocess.run([sys.executable, "-c", REAPS], check=True, timeout=30)
