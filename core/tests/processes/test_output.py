"""The log of a try on a disk that is full for a while."""

import resource
import signal

import pytest

from penstock.processes.output import MOST_HELD, Output


@pytest.fixture
def disk(tmp_path):
    """Lets files of this process have so many bytes at most; see setrlimit(2)."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    yield lambda most: resource.setrlimit(resource.RLIMIT_FSIZE, (most or before[0], before[1]))
    resource.setrlimit(resource.RLIMIT_FSIZE, before)
    signal.signal(signal.SIGXFSZ, ignored)


def test_what_a_full_disk_does_not_take_follows_when_it_does(tmp_path, disk):
    log = tmp_path / "task" / "1.log"
    output = Output(log.as_uri())
    output.write(b"0123")
    disk(6)
    output.write(b"4567")
    output.write(b"89")
    assert log.read_bytes() == b"012345"
    disk(0)
    output.close()
    assert log.read_bytes() == b"0123456789"


def test_of_what_is_too_much_to_hold_the_newest_is_kept_and_the_gap_is_told(tmp_path, disk):
    log = tmp_path / "1.log"
    output = Output(log.as_uri())
    disk(1)
    for _ in range(3):
        output.write(b"a" * MOST_HELD)
    output.write(b"the end")
    disk(0)
    output.close()
    head, told, tail = log.read_text().split("\n")
    assert (head, len(tail), tail[-9:]) == ("a", MOST_HELD, "aathe end")
    assert told == f"[penstock: {2 * MOST_HELD + 6:,} bytes of output are missing here: they could not be written]"


def test_a_log_that_cannot_be_made_costs_nothing_but_itself(tmp_path):
    (tmp_path / "task").touch()
    output = Output((tmp_path / "task" / "1.log").as_uri())
    output.write(b"words")
    output.close()
    assert list(tmp_path.iterdir()) == [tmp_path / "task"]
