"""Workers that cannot do what they were started for are refused with a sentence, and look like no success to what started them."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from penstock.app.workers.remote_worker import WorkerChoice, run_worker
from penstock.errors import ExitCode

SERVER = {"PENSTOCK_SERVER": "http://127.0.0.1:9"}


@pytest.mark.parametrize("ticket", ["@@@@", "t-x", "t-x.", "t-x.abc\n", "T-X.abc", "t-x.abc d", "$(ticket)"])
def test_a_ticket_that_is_none_is_refused(capsys, ticket):
    assert run_worker({**SERVER, "PENSTOCK_TICKET": ticket}, WorkerChoice()) is ExitCode.UNAVAILABLE
    assert "PENSTOCK_TICKET holds what is no ticket" in capsys.readouterr().err


@pytest.fixture
def signals():
    """Gives this process its own handlers back: a worker takes those of its process."""
    kept = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield
    for number, handler in kept.items():
        signal.signal(number, handler)


@pytest.mark.usefixtures("signals")
def test_a_worker_whose_server_never_answers_leaves_within_its_bound_with_a_line_and_a_code(tmp_path, capsys):
    choice = WorkerChoice(folder=str(tmp_path), lost_s=0.5)
    assert run_worker({**SERVER, "PENSTOCK_TICKET": "t-x.abc"}, choice) is ExitCode.UNAVAILABLE
    first, last = capsys.readouterr().err.splitlines()
    assert first.startswith("worker: the server http://127.0.0.1:9 does not answer: ")
    assert last == (
        "worker: no server answers, and 0.5 s are over: it leaves without having told that its ticket is to be claimed."
    )


def test_a_worker_whose_lines_nobody_takes_leaves_all_the_same(tmp_path):
    command = [sys.executable, "-m", "penstock", "worker", "--ticket", "--lost-s", "0.5", "--folder", str(tmp_path)]
    with Path("/dev/full").open("w") as full:
        environ = {**os.environ, **SERVER, "PENSTOCK_TICKET": "t-x.abc"}
        found = subprocess.run(command, check=False, stderr=full, stdout=full, env=environ, timeout=30)
    assert found.returncode == ExitCode.UNAVAILABLE
