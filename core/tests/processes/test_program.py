"""A forked program is in all that others see of it as one that was started."""

import atexit
import ctypes
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from penstock.processes.program import fork_program, show_as

WORDS = ["/somewhere/python", "-P", "-m", "some.program", "argument " * 40]


def ended(main, *keep, cwd=Path("/")):
    """Fork a program, and wait for its exit code."""
    return fork_program(WORDS, main, keep, cwd).wait()


def test_it_has_words_a_session_a_folder_and_no_input_of_its_own(pipe, tmp_path):
    def main(kept):
        cmdline = Path("/proc/self/cmdline").read_bytes().split(b"\0")
        environment = Path("/proc/self/environ").read_bytes()
        told = (cmdline, os.getsid(0) == os.getpid(), Path.cwd() == tmp_path, os.read(0, 1), bool(environment))
        os.write(kept[0], repr(told).encode())
        return 7

    assert ended(main, pipe[1], cwd=tmp_path) == 7
    assert os.read(pipe[0], 4096) == repr(([*(word.encode() for word in WORDS), b""], True, True, b"", True)).encode()


def test_it_is_shown_with_other_variables_for_as_long_as_it_lives(pipe):
    def main(kept):
        shown = show_as(["a", "program"], {"MARK": "x", "NAME": "ö"}), show_as(["others"])
        read = [Path(f"/proc/self/{name}").read_bytes() for name in ("cmdline", "environ")]
        os.write(kept[0], repr((*shown, *read)).encode())
        return 0

    assert ended(main, pipe[1]) == 0
    assert os.read(pipe[0], 4096) == repr((True, True, b"others\0", "MARK=x\0NAME=ö\0".encode())).encode()


def test_its_parent_keeps_its_own_words():
    before = Path("/proc/self/cmdline").read_bytes()
    assert ended(lambda _: 0) == 0
    assert Path("/proc/self/cmdline").read_bytes() == before


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_signal_in_its_first_moment_ends_it_although_its_parent_takes_such_signals(number):
    came = []
    before = signal.signal(signal.SIGTERM, lambda *_: came.append(1))
    try:
        for _ in range(20):
            program = fork_program(WORDS, lambda _: signal.pause() or 0, (), Path("/"))
            program.terminate() if number == signal.SIGTERM else program.kill()
            assert program.wait() == -number
            program.terminate()  # whose number may be another's by now
    finally:
        signal.signal(signal.SIGTERM, before)
    assert came == []


def test_it_ends_as_a_program_does_and_does_not_run_what_its_parent_does_at_its_end(pipe):
    atexit.register(os.write, pipe[1], b"parent")
    try:

        def main(kept):
            atexit.register(os.write, kept[0], b" functions")
            threading.Thread(target=os.write, args=(kept[0], b"threads")).start()
            return 0

        assert ended(main, pipe[1]) == 0
    finally:
        atexit.unregister(os.write)
    assert os.read(pipe[0], 100) == b"threads functions"


def test_what_its_parent_has_yet_to_write_is_written_once():
    code = (
        "import sys; from pathlib import Path; from penstock.processes.program import fork_program\n"
        "print('before')\nfork_program(['p'], lambda _: print('in it') or 0, (), Path('/')).wait()"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert said.stdout == "before\nin it\n"


def test_a_folder_that_is_gone_is_named(tmp_path):
    code = (
        "import sys; from pathlib import Path; from penstock.processes.program import fork_program\n"
        "sys.exit(fork_program(['some.program'], lambda _: 0, (), Path(sys.argv[1])).wait())"
    )
    gone = str(tmp_path / "gone")
    said = subprocess.run([sys.executable, "-c", code, gone], capture_output=True, text=True, timeout=60, check=False)
    assert (said.returncode, said.stderr) == (
        1,
        f"some.program cannot be started in {gone}: No such file or directory\n",
    )


def test_what_its_descendants_leave_behind_does_not_become_its_child():
    get_child_subreaper = 37  # prctl(2)

    def main(_kept):
        adopts = ctypes.c_int()
        ctypes.CDLL(None).prctl(get_child_subreaper, ctypes.byref(adopts), 0, 0, 0)
        return 10 + adopts.value

    assert ended(main) == 10
