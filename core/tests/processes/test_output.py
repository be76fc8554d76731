"""The log of a try: its bound, and a disk that is full, or nearly so, for a while."""

import resource
import signal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.processes.output import MOST_HELD, MOST_LAST, KeptOutput, Output
from penstock_testkit.disk import small_disk


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


CUT = (
    "\n[penstock: this log has come to its bound of {:,} bytes, [logs] try_mb. Of the rest, the last {:,} bytes are kept: "
    "they follow when the try ends.]\n"
)


@pytest.mark.parametrize(
    ("most", "printed", "kept"),
    [
        (0, ["a\n" * 99], "a\n" * 99),
        (16, ["12\n", "45\n", "789012"], "12\n45\n789012"),
        (16, ["12\n", "45\n", "7890123"], "12\n45\n789012" + CUT.format(16, 4) + "3"),
        (16, ["1234567890123"], "123456789012" + CUT.format(16, 4) + "3"),
        (16, ["12\n456789012", "3456", "7\n", "9\n"], "12\n456789012" + CUT.format(16, 4)
         + "[penstock: 6 bytes are left out here.]\n9\n"),
        (16, ["1\n", "x" * 20], "1\n" + "x" * 10 + CUT.format(16, 4) + "[penstock: 6 bytes are left out here.]\nxxxx"),
        (16, ["1\n", "x" * 19, "\n"], "1\n" + "x" * 10 + CUT.format(16, 4) + "[penstock: 6 bytes are left out here.]\nxxx\n"),
    ],
)  # fmt: skip
def test_of_a_log_beyond_its_bound_the_head_and_the_end_are_kept(tmp_path, most, printed, kept):
    output = Output((tmp_path / "1.log").as_uri(), most)
    for each in printed:
        output.write(each.encode())
    output.close()
    assert (tmp_path / "1.log").read_text() == kept


@given(most=st.integers(1, 60), pieces=st.lists(st.binary(max_size=40).map(lambda data: data.replace(b"[", b"("))))
def test_whatever_the_pieces_are_no_byte_is_lost_uncounted_and_none_is_kept_beyond_the_bound(most, pieces):
    bound, whole = KeptOutput(most), b"".join(pieces)
    head, cut, _ = b"".join([bound.feed(piece) for piece in pieces]).partition(b"\n[penstock: this log")
    told, left_out, end = 0, *bound.finish().rpartition(b"[penstock: ")[1:]
    if left_out:
        number, _, end = end.partition(b" bytes are left out here.]\n")
        told = int(number.replace(b",", b""))
    assert (whole.startswith(head), whole.endswith(end), len(head) + told + len(end)) == (True, True, len(whole))
    assert len(head) + len(end) <= most
    assert bool(cut) == (len(whole) > len(head))


def test_what_is_held_of_the_end_is_bounded_too():
    bound = KeptOutput(1 << 30)
    bound._room = 0
    for _ in range(40):
        bound.feed(b"x" * (1 << 18))
    assert len(bound._last) <= 2 * MOST_LAST


def test_logs_leave_room_on_their_disk_and_say_what_is_missing(tmp_path):
    with small_disk(tmp_path, 64 << 20) as disk:
        begun, late = (Output((tmp_path / name).as_uri(), least_free_bytes=4 << 20) for name in ("begun", "late"))
        begun.write(b"before\n")
        disk.leave(3 << 20)
        begun.write(b"x" * (1 << 16))
        late.write(b"x" * (MOST_HELD + 5))
        assert ((tmp_path / "begun").read_text(), (tmp_path / "late").read_text()) == ("before\n", "")
        begun.close()
        gap = "\n[penstock: 65,536 bytes of output are missing here: they could not be written]\n"
        assert (tmp_path / "begun").read_text() == "before\n" + gap
        disk.empty()
        late.close()
        assert (tmp_path / "late").read_text().startswith("\n[penstock: 5 bytes of output are missing here")
        assert (tmp_path / "late").stat().st_size > MOST_HELD


def test_of_a_small_disk_logs_leave_a_tenth_free(tmp_path):
    with small_disk(tmp_path, 8 << 20):
        output = Output((tmp_path / "log").as_uri(), least_free_bytes=100 << 20)
        output.write(b"words")
        output.close()
        assert (tmp_path / "log").read_text() == "words"
