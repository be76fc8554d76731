"""What a spawn server holds before it forks: rehearsed tries, and nothing that makes each fork dearer."""

import os
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path

import msgspec
import pytest

from penstock.author.dag import DAG
from penstock.author.operators.taskflow import task
from penstock.execute.rehearsal import run_preforked
from penstock.execute.runner import Providers, Runner
from penstock.execute.serving.jobs import fork_processes
from penstock.execute.try_process import run_one
from penstock.model.attempt import TryEnd, TryFacts
from penstock.processes.frames import frame
from penstock.spec.executor import FileCode, TryRequest
from penstock.spec.wire import FrameKind

SCRIPT = """
import signal, sys
import penstock.app.try_environment
from penstock.execute.rehearsal import rehearse
from penstock.processes.log_lines import write_log_lines

write_log_lines()
rehearse()
before = set(sys.modules)
print(sorted({"asyncio", "concurrent.futures", "jinja2", "logging", "random", "sqlalchemy", "ssl"} & before))
rehearse()
print(sorted(set(sys.modules) - before), signal.getsignal(signal.SIGTERM) is signal.SIG_DFL)
import logging
logging.getLogger("mine").info("told")
logging.getLogger("mine").debug("not told")
print(sum("ImportListener" in type(each).__name__ for each in sys.meta_path))
"""


def test_it_has_run_tries_holds_no_module_that_acts_at_forks_and_writes_what_is_logged():
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, timeout=60, check=False)
    held, imported, logged, finders = done.stdout.splitlines() or [done.stderr] * 4
    assert (held, imported, finders) == ("[]", "[] True", "0"), done.stderr
    assert logged.endswith(" INFO mine: told")
    assert done.stderr == ""


@pytest.fixture(params=[run_one, run_preforked])
def waiting(request):
    """A process that waits for a try of a task that prints and returns 7."""
    with DAG("d") as dag:
        task(task_id="t")(_written)()
    runner = Runner(None, Path(), Providers(None, None))
    runner.know([dag])
    [made] = fork_processes(partial(_with_standard_output, request.param, runner), (), 1, kept=False)
    made.sock.setblocking(True)
    yield made
    made.sock.close()
    os.close(made.pipe)


def _written():
    sys.stdout.write("hello\n")
    return 7


def _with_standard_output(code, runner, channel):
    sys.stdout = os.fdopen(1, "w")  # pytest has put its own in the place
    code(channel, runner)


def test_a_preforked_process_runs_its_try_and_shows_nothing_of_its_rehearsal(waiting):
    request = TryRequest(1, 1, TryFacts("d", "r", "t"), FileCode("", "", {}), "")
    waiting.sock.sendall(frame(FrameKind.RUN, 9, msgspec.msgpack.encode(request)))
    [(kind, serial, payload)] = waiting.reader.feed(waiting.sock.recv(1 << 16))
    end = msgspec.msgpack.decode(payload, type=TryEnd)
    assert (kind, serial, end.outcome, end.xcoms["return_value"].json) == (FrameKind.FINISHED, 9, "success", b"7")
    assert os.waitpid(waiting.pid, 0)[1] == 0
    assert os.read(waiting.pipe, 100) == b"hello\n"


def test_a_preforked_process_ends_when_it_is_told_before_its_try_has_come(waiting):
    os.kill(waiting.pid, signal.SIGTERM)
    assert os.WTERMSIG(os.waitpid(waiting.pid, 0)[1]) == signal.SIGTERM
