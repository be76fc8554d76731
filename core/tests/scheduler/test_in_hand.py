"""A try is blamed for the end of its scheduler if that was dealing with it, and for no other end."""

import os
import resource
import signal
import subprocess
import sys

import pytest

from penstock.model.run import TaskKey
from penstock.model.state import Outcome
from penstock.scheduler.in_hand import InHand
from penstock.spec.executor import TryFinished, TryStarted

from .conftest import NOW, SUCCESS

MINE, OTHER = (TaskKey(1, "count"), 1), (TaskKey(1, "other", 3), 2)
KILLED = """
import os, signal, sys
from pathlib import Path
from penstock.model.run import TaskKey
from penstock.scheduler.in_hand import InHand
note = InHand(Path(sys.argv[1]))
with note.dealing([(TaskKey(7, "before"), 1)]):
    pass
if sys.argv[2] == "dealing":
    with note.dealing([(TaskKey(1, "count"), 1), (TaskKey(1, "other", 3), 2)]):
        os.kill(os.getpid(), signal.SIGKILL)
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize(("when", "suspects"), [("dealing", {MINE, OTHER}), ("idle", set())])
def test_the_note_of_a_process_that_was_killed_names_what_it_was_dealing_with(tmp_path, when, suspects):
    path = tmp_path / "note"
    done = subprocess.run([sys.executable, "-c", KILLED, str(path), when], check=False)
    assert done.returncode == -signal.SIGKILL
    assert InHand(path).suspects == suspects
    assert InHand(path).suspects == set(), "it is read once"


def test_an_error_that_a_program_can_catch_leaves_no_note(tmp_path):
    note = InHand(tmp_path / "note")
    with pytest.raises(ValueError, match="odd"), note.dealing([MINE]):
        raise ValueError("odd")
    note.close()
    assert InHand(tmp_path / "note").suspects == set()


def test_a_disk_that_takes_no_note_ends_nothing(tmp_path):
    note, usual = InHand(tmp_path / "note"), resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, usual[1]))
    try:
        with note.dealing([MINE]):
            pass
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, usual)
    note.close()
    assert InHand(tmp_path / "note").suspects == set()


def test_a_note_that_cannot_be_read_names_nobody(tmp_path):
    (tmp_path / "note").write_bytes(os.urandom(40))
    assert InHand(tmp_path / "note").suspects == set()


def test_what_is_dealt_with_alone_is_noted_alone_and_the_others_again_afterwards(tmp_path):
    path = tmp_path / "note"
    note = InHand(path)
    seen = []
    with note.dealing([MINE, OTHER]):
        with note.dealing([MINE]):
            seen.append(path.read_bytes())
        seen.append(path.read_bytes())
        with note.dealing([(TaskKey(2**80, "nobody"), 1)]):
            seen.append(path.read_bytes())
    note.close()
    noted = []
    for content in seen:
        path.write_bytes(content)
        noted.append(InHand(path).suspects)
    assert noted == [{MINE}, {MINE, OTHER}, set()]


@pytest.mark.parametrize("suspected", [False, True])
def test_an_answer_at_which_the_scheduler_ended_is_a_loss_when_it_is_told_again(house, suspected):
    house.define(house.simple())
    house.trigger()
    house.answer = lambda request: [TryStarted(request.key, request.epoch, 7, NOW)]
    house.settled = lambda: bool(house.workers.requests)
    house.schedule()
    house.kept = [TryFinished(*MINE, NOW, SUCCESS)]
    note = InHand(house.folder / "note")
    note.suspects = frozenset({MINE} if suspected else ())
    house.in_hand = note
    house.settled = lambda: True
    house.schedule()
    row, attempt = house.store.runs.tasks(1)[0], house.store.runs.tries(1)[0].attempt
    assert (row.losses, attempt.outcome) == ((1, Outcome.LOST) if suspected else (0, Outcome.SUCCESS))


@pytest.mark.parametrize("suspected", [False, True])
def test_after_a_restart_only_a_suspect_has_a_loss_counted(house, suspected):
    house.define(house.simple())
    house.trigger()
    house.answer = lambda request: [TryStarted(request.key, request.epoch, 7, NOW)]
    house.settled = lambda: bool(house.workers.requests)
    house.schedule()
    note = InHand(house.folder / "note")
    if suspected:
        with note.dealing([MINE]):
            (house.folder / "kept").write_bytes((house.folder / "note").read_bytes())
        (house.folder / "kept").rename(house.folder / "note")
    note.close()
    house.in_hand = InHand(house.folder / "note")
    house.schedule()
    row = house.store.runs.tasks(1)[0]
    assert (row.epoch, row.try_number, row.losses) == (2, 1, int(suspected))
    assert house.store.runs.tries(1)[0].attempt.outcome is Outcome.LOST
