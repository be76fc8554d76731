"""Alerts show the end of a log wherever it is, and wait for none that is slow."""

import select
import sys
import time
from pathlib import Path

import msgspec
import pytest

from penstock.author.runtime import BaseRuntime
from penstock.errors import PluginError
from penstock.logs.reading import LogReader
from penstock.notify.alerts.log_tails import WAIT_S, LogTail, LogTailJob, LogTailPorts, LogTails
from penstock.service.alerts.log_tail import read_tail

PATIENCE_S = 60.0
# What reads from the log store: it has one log, `held`, fails at `refused`, and does not come back from any other.
READER = """
import socket, struct, sys, time
import msgspec
HEAD = struct.Struct("!IBI")
line = socket.socket(fileno=int(sys.argv[1]))

def say(kind, payload):
    line.sendall(HEAD.pack(len(payload), kind, 0) + payload)

say(15, b"")
stream = line.makefile("rb")
while head := stream.read(HEAD.size):
    job = msgspec.msgpack.decode(stream.read(HEAD.unpack(head)[0]))
    if job["name"] == "held":
        say(11, msgspec.msgpack.encode({"text": "no box"}))
    elif job["name"] == "refused":
        say(11, msgspec.msgpack.encode({"failure": "the store is down"}))
    else:
        stream.read(1)
"""


@pytest.fixture
def clock():
    return [1000.0]


@pytest.fixture
def tails(tmp_path, clock):
    program = tmp_path / "reader.py"
    program.write_text(READER)
    ports = LogTailPorts(
        lambda path: path.stem, [sys.executable, str(program)], tmp_path / "log", print, lambda: clock[0]
    )
    made = LogTails(2, ports)
    yield made
    made.close()


def found(tails, path):
    end = time.monotonic() + PATIENCE_S
    while (tail := tails.of(path)) is None:
        assert time.monotonic() < end
        tails.step()
        select.select(tails.readable, tails.writable, [], 0.05)
    return tail


def test_a_log_that_is_here_is_read_at_once_and_nothing_is_started(tails, tmp_path):
    here = tmp_path / "here.log"
    here.write_bytes(b"one\ntwo\nthree \x1b[31m\n")
    assert tails.of(here) == LogTail("two\nthree \\x1b[31m")
    assert (tails.due, tails.readable) == (None, ())
    bare = LogTails(2, tails._ports._replace(name_of=None))
    assert bare.of(tmp_path / "held.log") == LogTail(), "without a log store it has none"


def test_a_log_of_the_store_is_read_by_a_process_and_what_goes_wrong_is_a_sentence(tails):
    assert found(tails, Path("held.log")) == LogTail("no box")
    assert found(tails, Path("refused.log")) == LogTail("", "the store is down")


def test_a_store_that_does_not_answer_holds_up_nobody_longer_than_its_time(tails, clock):
    assert found(tails, Path("held.log")).text == "no box"
    for name in ("slow.log", "behind.log"):
        assert tails.of(Path(name)) is None
    tails.step()
    assert tails.due == clock[0] + WAIT_S
    clock[0] += WAIT_S
    tails.step()
    for name in ("slow.log", "behind.log"):
        assert tails.of(Path(name)) == LogTail("", "it was not read within 15 s")
    assert tails.readable == (), "the process was ended"
    assert found(tails, Path("held.log")).text == "no box", "and the next one is a new one"


class MemoryStore:
    """A log store of one log."""

    def __init__(self, data, *, sealed=True):
        self.data, self.whole, self.offsets = data, sealed, []

    def sealed(self, log):
        return len(self.data) if self.whole else None

    def read(self, log, offset=0):
        self.offsets.append(offset)
        for start in range(offset, len(self.data), 10_000):
            yield self.data[start : start + 10_000]


@pytest.mark.parametrize("sealed", [True, False])
def test_only_the_end_of_a_large_log_is_read_if_its_size_is_known(sealed):
    store = MemoryStore(b"x\n" * 500_000 + b"the end\n", sealed=sealed)
    reader = LogReader("mem://", lambda: store, BaseRuntime())
    job = msgspec.msgpack.encode(LogTailJob("/nowhere.log", "a", 2))
    assert read_tail(reader, job) == "x\nthe end"
    assert store.offsets == [len(store.data) - (1 << 16) if sealed else 0]


def test_a_log_store_that_cannot_be_opened_is_a_sentence():
    def broken():
        raise OSError("no way")

    reader = LogReader("mem://", broken, BaseRuntime())
    with pytest.raises(PluginError, match="log store mem:// does not give the log: OSError: no way"):
        read_tail(reader, msgspec.msgpack.encode(LogTailJob("/nowhere.log", "a", 2)))
