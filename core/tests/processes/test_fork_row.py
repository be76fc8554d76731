"""Processes are forked in a row, each with its lines, as many as there is room for."""

import errno
import os
from pathlib import Path

import pytest

from penstock.processes.fork_row import fork_row


def answer(channel):
    """A process that says its number."""
    channel.sendall(str(os.getpid()).encode())
    os._exit(0)


def open_descriptors():
    return {path.name for path in Path("/proc/self/fd").iterdir() if path.exists()}


def answers(made):
    found = []
    for each in made:
        found.append(int(each.sock.recv(100)))
        os.waitpid(each.pid, 0)
        each.sock.close()
        os.close(each.pipe)
    return found


def test_each_has_a_channel_of_its_own():
    before = open_descriptors()
    made = fork_row(answer, (), 3)
    assert answers(made) == [each.pid for each in made]
    assert len({each.pid for each in made}) == 3
    assert open_descriptors() == before


@pytest.mark.parametrize("room", [0, 1, 2])
def test_those_for_which_there_was_room_are_made_and_nothing_is_left_of_the_others(monkeypatch, room):
    before, real, forks = open_descriptors(), os.fork, []

    def fork():
        if len(forks) == room:
            raise BlockingIOError(errno.EAGAIN, "no room")
        forks.append(1)
        return real()

    monkeypatch.setattr(os, "fork", fork)
    if room:
        made = fork_row(answer, (), 3)
        assert answers(made) == [each.pid for each in made]
        assert len(made) == room
    else:
        with pytest.raises(BlockingIOError):
            fork_row(answer, (), 3)
    assert open_descriptors() == before
