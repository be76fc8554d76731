"""Services are started again with longer and longer pauses, and stopped together."""

import select
import signal
import subprocess
import sys
from functools import partial

from penstock.processes.fork import spawn
from penstock.processes.supervise import (
    ALL_DONE,
    FIRST_PAUSE_S,
    LONGEST_PAUSE_S,
    Backoff,
    ServiceEnd,
    SupervisedProcess,
)

SUPERVISES = """
import sys
from functools import partial
from penstock.processes import supervise
from penstock.processes.fork import spawn

supervise.FIRST_PAUSE_S = 0.01
def log(line):
    print(line, flush=True)
services = [
    supervise.SupervisedProcess(f"s{n}", partial(spawn, [sys.executable, "-c", code]), vital=not code.startswith("# extra"))
    for n, code in enumerate(sys.argv[1:])
]
sys.exit(supervise.Supervisor(services, final=4, final_at_start=5, stop_s=20, log=log).run())
"""
STARTS_ON_DEMAND = """
import os, sys
from functools import partial
from penstock.processes import supervise
from penstock.processes.fork import spawn

reading, writing = os.pipe()
def service(code, mark="", pass_fds=(), **options):
    start = partial(spawn, [sys.executable, "-c", code], pass_fds=pass_fds)
    return supervise.SupervisedProcess("s", start, mark=mark.encode(), **options)
services = [service(f"print({mark!r}); raise SystemExit(4)", mark, wanted=False) for mark in "nw"]
services.append(service(f"import os; os.write({writing}, b'w')", pass_fds=(writing,)))
supervisor = supervise.Supervisor(services, starts=reading, final=4, final_at_start=5, stop_s=20, log=print)
services[-1].vital = False
sys.exit(supervisor.run())
"""
STAYS = (
    "import signal, sys; signal.signal(signal.SIGTERM, lambda *_: sys.exit(0)); print('up', flush=True); signal.pause()"
)
STUBBORN = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); [signal.pause() for _ in iter(int, 1)]"


def supervised(*codes):
    """A supervisor in a process of its own: its signal handlers belong to the whole process."""
    return subprocess.Popen([sys.executable, "-c", SUPERVISES, *codes], stdout=subprocess.PIPE, text=True)


def test_pauses_double_up_to_half_a_minute_and_start_over():
    backoff = Backoff(0.5, 30)
    pauses = [backoff.pause() for _ in range(9)]
    assert pauses[:4] == [0.5, 1.0, 2.0, 4.0]
    assert pauses[-1] == LONGEST_PAUSE_S
    backoff.reset()
    assert backoff.pause() == 0.5


def test_a_service_that_is_not_wanted_is_started_once_its_own_mark_arrives():
    said = subprocess.run(
        [sys.executable, "-c", STARTS_ON_DEMAND], capture_output=True, text=True, timeout=60, check=False
    )
    printed = [
        line for line in said.stdout.splitlines() if line in ("n", "w")
    ]  # beside what the supervisor itself says
    assert (said.returncode, printed, said.stderr) == (4, ["w"], "")


def test_a_service_that_ends_is_started_again_until_one_ends_with_the_final_code(tmp_path):
    mark = tmp_path / "mark"
    second_is_final = f"import os, sys; p = {str(mark)!r}; sys.exit(4) if os.path.exists(p) else open(p, 'w').close()"
    process = supervised(STAYS, second_is_final)
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 4
    assert "the s1 ended with exit code 0. It is started again in 0.01 s" in said


def test_a_signal_stops_all_services_and_a_second_one_kills_them_at_once():
    process = supervised(STAYS)
    assert process.stdout.readline() == "up\n"
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)
    assert process.returncode == 0
    process = supervised(STUBBORN)
    assert process.stdout.readline() == "up\n"
    process.send_signal(signal.SIGINT)
    assert process.stdout.readline().startswith("stopping")
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode == 130


def test_a_service_that_cannot_work_from_the_start_ends_all_and_one_that_has_worked_is_started_again(tmp_path):
    process = supervised(STAYS, "raise SystemExit(5)")
    process.communicate(timeout=60)
    assert process.returncode == 5
    later = (
        f"import os, sys; left = [p for p in {[str(tmp_path / n) for n in 'ab']!r} if not os.path.exists(p)]\n"
        "if not left: sys.exit(4)\n"
        "open(left[0], 'w').close(); sys.exit(5 if len(left) == 1 else 0)"
    )
    process = supervised(STAYS, later)
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 4
    assert "the s1 ended with exit code 5. It is started again" in said


def test_one_without_which_the_others_are_of_use_ends_nobody(tmp_path):
    mark = tmp_path / "mark"
    extra = (
        f"# extra\nimport os, sys; p = {str(mark)!r}; sys.exit(4 if os.path.exists(p) else open(p, 'w').close() or 5)"
    )
    process = supervised(STAYS, extra)
    told = [process.stdout.readline() for _ in range(3)]
    assert sum("the s1 ended with exit code" in line for line in told) == 2
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)
    assert process.returncode == 0


def test_one_that_cannot_be_started_now_is_started_later(tmp_path):
    program = tmp_path / "program"
    process = SupervisedProcess("s", partial(spawn, [str(program)]))
    ended = process.keep_alive()
    assert ended == ServiceEnd("cannot be started: No such file or directory", None, FIRST_PAUSE_S, at_start=False)
    assert 0 < process.due_in <= FIRST_PAUSE_S
    program.write_text("#!/bin/sh\nsleep 60\n")
    program.chmod(0o700)
    while process.due_in:
        select.select([], [], [], process.due_in)
    assert process.keep_alive() is None
    assert process.due_in is None
    process.kill()


def test_a_service_that_says_that_all_is_done_ends_the_others_with_no_error():
    process = supervised(STAYS, f"raise SystemExit({ALL_DONE})")
    process.communicate(timeout=60)
    assert process.returncode == 0
