"""A forked process has a session, descriptors and a life of its own, and never runs on in its parent's code."""

import logging
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

from penstock.processes.fork import fork, spawn


def forked(code, *keep, output=None):
    """Run code in a fork; returns its process id and exit code."""
    pid = fork(code, keep, output=output)
    return pid, os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def test_kept_descriptors_get_the_lowest_numbers_and_all_others_are_closed(pipe):
    reading, writing = pipe

    def code(kept):
        names = sorted(int(path.name) for path in Path("/proc/self/fd").iterdir())
        os.write(kept[1], repr((kept, names[:-1])).encode())  # the last one is that of the listing
        os._exit(0)

    _, exit_code = forked(code, reading, writing)
    assert exit_code == 0
    assert os.read(reading, 1000) == b"((3, 4), [0, 1, 2, 3, 4])"


def test_it_needs_few_descriptors():
    code = """
import os, resource
from penstock.processes.fork import fork
resource.setrlimit(resource.RLIMIT_NOFILE, (16, 16))
pid = fork(lambda kept: os._exit(os.write(kept[1], b"here") - 4), os.pipe())
raise SystemExit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_programs_that_it_starts_inherit_no_kept_descriptor(pipe):
    reading, writing = pipe
    os.set_inheritable(writing, True)

    def code(kept):
        os.write(kept[0], str(os.get_inheritable(kept[0])).encode())
        os._exit(0)

    forked(code, writing)
    assert os.read(reading, 100) == b"False"


def test_it_spends_nothing_on_the_threads_that_its_parent_has_not_and_forgets_those_that_it_starts(pipe):
    reading, writing = pipe
    threads = threading._active_limbo_lock  # `threading` makes another when it forgets threads

    def code(kept):
        untouched = threading._active_limbo_lock is threads
        stop = threading.Event()
        threading.Thread(target=stop.wait, daemon=True).start()
        pid = os.fork()
        if pid == 0:
            os.write(kept[0], repr((untouched, threading.active_count())).encode())
            os._exit(0)
        os.waitpid(pid, 0)
        os._exit(0)

    forked(code, writing)
    assert os.read(reading, 100) == b"(True, 1)"
    assert threading._active_limbo_lock is threads


def test_it_leaves_the_locks_of_loggers_alone_and_what_it_forks_itself_makes_them_anew(pipe):
    reading, writing = pipe
    handler = logging.StreamHandler()
    handler.acquire()

    def code(kept):
        is_held = handler.lock._is_owned()
        if (pid := os.fork()) == 0:
            os.write(kept[0], repr((is_held, handler.lock._is_owned())).encode())
            os._exit(0)
        os.waitpid(pid, 0)
        os._exit(0)

    forked(code, writing)
    handler.release()
    can_be_left_out = hasattr(logging, "_acquireLock")  # until Python 3.12
    assert os.read(reading, 100) == repr((can_be_left_out, False)).encode()


def test_it_leads_a_group_of_its_own_with_default_signals(pipe):
    reading, writing = pipe

    def code(kept):
        found = (os.getpgrp() == os.getpid(), signal.getsignal(signal.SIGTERM) is signal.SIG_DFL)
        os.write(kept[0], repr(found).encode())
        os._exit(0)

    before = signal.signal(signal.SIGTERM, lambda *_: None)
    try:
        forked(code, writing)
    finally:
        signal.signal(signal.SIGTERM, before)
    assert os.read(reading, 100) == b"(True, True)"


def test_code_that_raises_leaves_its_traceback_and_exit_code_1(pipe):
    reading, writing = pipe

    def code(_kept):
        sys.stderr = os.fdopen(2, "w")  # pytest has put its own in the place
        raise ValueError("not here")

    _, exit_code = forked(code, output=writing)
    assert exit_code == 1
    assert b"ValueError: not here" in os.read(reading, 1 << 16)


def test_a_child_dies_with_its_parent():
    reading, writing = os.pipe()

    def child(kept):
        os.write(kept[0], b"x")
        signal.pause()

    def parent(kept):
        fork(child, kept[:1])
        os.read(kept[1], 1)
        os._exit(0)

    forked(parent, writing, reading)
    os.close(writing)
    assert os.read(reading, 1) == b"", "its end of the pipe was closed by its death"
    os.close(reading)


def test_a_program_has_no_input_and_a_session_of_its_own():
    code = "import os, sys; print(os.getsid(0) == os.getpid(), sys.stdin.read() == '')"
    reading, writing = os.pipe()
    process = spawn([sys.executable, "-c", code], output=writing)
    os.close(writing)
    with os.fdopen(reading, "rb") as said:
        assert said.read() == b"True True\n"
    assert process.wait(30) == 0
