"""The process at a line ends when it ends, whatever it has left behind, and takes that along."""

import os
import select
import sys
from pathlib import Path

import pytest

from penstock.processes.frames import frame
from penstock.processes.line_process import LONGEST_LOG, LineProcess

DETACHED = """
import os, socket, sys, time
line = socket.socket(fileno=int(sys.argv[1]))
ready, detached = os.pipe()
if os.fork() == 0:
    os.setsid()
    os.write(1, str(os.getpid()).encode() + b"\\n")
    os.write(detached, b"1")
    time.sleep(600)
os.read(ready, 1)
os._exit(3)
"""


@pytest.fixture
def started(tmp_path):
    made = []
    yield lambda code: made.append(LineProcess([sys.executable, "-c", code], tmp_path / "log")) or made[-1]
    for each in made:
        if each.sock.fileno() >= 0:
            each.end()


def alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_its_end_is_seen_although_a_detached_child_holds_the_line_and_is_ended_too(started, tmp_path):
    process = started(DETACHED)
    while process.frames() is not None:
        assert select.select(process.readable, [], [], 60)[0], "its end wakes who waits for it"
        process.keep_output()
    assert process.end() == "ended with exit code 3"
    child = int((tmp_path / "log").read_text())
    assert not alive(child)


def test_what_it_sent_before_its_end_is_read(started):
    process = started(f"import os, sys; os.write(int(sys.argv[1]), {frame(7, 5, b'words')!r})")
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    assert process.frames() == [(7, 5, b"words")]
    assert process.frames() is None


def test_a_log_is_put_aside_at_its_bound_and_but_one_before_it_is_kept(started, tmp_path):
    pieces = 5 * LONGEST_LOG // 2 // 65_536
    process = started(f"for number in range({pieces}): print(f'{{number:065535d}}', flush=True)")
    while process.frames() is not None:
        assert select.select(process.readable, [], [], 60)[0]
        process.keep_output()
    process.end()
    assert {path.name for path in tmp_path.iterdir()} == {"log", "log.1"}
    assert int((tmp_path / "log").read_bytes()[-100:]) == pieces - 1
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) < 2 * LONGEST_LOG
