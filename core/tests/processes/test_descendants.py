"""What a process started is ended with it, however it detached itself."""

import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from penstock.processes.descendants import end_marked

# Each leaves `sleep 600` behind and ends; `MARK` names it.
DETACHES = {
    "in a session of its own": "subprocess.Popen(['sleep', '600'], start_new_session=True)",
    "by a double fork": "os.fork() or (os.setsid(), os.fork() and os._exit(0), os.execvp('sleep', ['sleep', '600']))",
    "by a shell in the background": "subprocess.run(['bash', '-c', 'setsid nohup sleep 600 & disown'])",
    "as a chain": "subprocess.Popen(['setsid', 'bash', '-c', 'setsid sleep 600 & setsid sleep 600 & wait'])",
}
SERVES = """
import os, select, subprocess, sys, time
from penstock.processes.descendants import end_children, kill_orphans
from penstock.processes.fork import become_subreaper, fork
from penstock.processes.group import Reaper

become_subreaper()
reaper = Reaper()
def starts(kept):
    CODE
    time.sleep(0.2)
    os._exit(0)
def stays(kept):
    time.sleep(600)
own = {fork(starts, ()), fork(stays, ())}
while len(own) > 1 or open("/proc/thread-self/children").read().split() != [str(pid) for pid in own]:
    select.select([reaper], [], [])
    for pid, _ in reaper.reap():
        own.discard(pid)
    kill_orphans(own)
print("one left", flush=True)
assert end_children(10)
print("none left", flush=True)
"""


def alive(mark):
    """Processes whose environment began with the mark, zombies aside."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if f"TEST_MARK={mark}".encode() in (entry / "environ").read_bytes().split(b"\0"):
                found.append(int(entry.name))
        except OSError:
            continue
    return found


@pytest.fixture
def environ(tmp_path):
    return {"PATH": "/usr/bin:/bin", "TEST_MARK": str(tmp_path)}


@pytest.mark.parametrize("code", DETACHES.values(), ids=DETACHES)
def test_what_a_child_leaves_behind_is_killed_and_no_other_child(code, environ, tmp_path):
    server = SERVES.replace("CODE", code)
    done = subprocess.run(
        [sys.executable, "-c", server], env=environ, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stdout == "one left\nnone left\n", done.stderr
    assert alive(tmp_path) == []


def test_what_outlived_its_server_is_found_by_its_environment(environ, tmp_path):
    code = textwrap.dedent(
        """
        import subprocess
        for _ in range(2):
            subprocess.Popen(["sleep", "600"], start_new_session=True)
        """
    )
    subprocess.run([sys.executable, "-c", code], env=environ, check=True, timeout=60)
    other = subprocess.Popen(["sleep", "600"], env={**environ, "TEST_MARK": "other"})
    try:
        _until(lambda: len(alive(tmp_path)) == 2)
        assert end_marked("TEST_MARK", str(tmp_path), 10)
        assert alive(tmp_path) == []
        assert other.poll() is None
    finally:
        other.kill()
        other.wait()


def _until(true):
    deadline = time.monotonic() + 60
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)  # real processes, seen from outside
