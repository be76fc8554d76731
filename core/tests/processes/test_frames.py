"""Frames survive any way in which a stream is cut, and a reader that is slow."""

import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.processes.frames import (
    HEADER,
    MOST_BYTES,
    FrameReader,
    FrameRefusedError,
    FrameSocket,
    SendBuffer,
    frame,
    read_available,
)

FRAMES = st.lists(st.tuples(st.integers(0, 255), st.integers(0, 2**32 - 1), st.binary(max_size=50)), max_size=8)


@pytest.fixture
def pair():
    ours, theirs = socket.socketpair()
    yield ours, theirs
    ours.close()
    theirs.close()


@given(FRAMES, st.integers(1, 20))
def test_frames_come_out_as_they_went_in_however_the_stream_is_cut(frames, step):
    stream = b"".join(frame(*each) for each in frames)
    reader = FrameReader()
    found = [each for at in range(0, len(stream), step) for each in reader.feed(stream[at : at + step])]
    assert found == frames


def test_an_outbox_never_blocks_and_keeps_what_the_kernel_does_not_take(pair):
    ours, theirs = pair
    ours.setblocking(False)
    send_buffer, wanted = SendBuffer(ours), bytes(8 << 20)
    send_buffer.put(frame(1, 2, wanted))
    send_buffer.flush()
    assert send_buffer
    reader, found = FrameReader(), []
    while not found:
        found += reader.feed(theirs.recv(1 << 20))
        send_buffer.flush()
    assert found == [(1, 2, wanted)]
    assert not send_buffer


def test_nothing_yet_is_told_from_the_end(pair):
    ours, theirs = pair
    ours.setblocking(False)
    assert read_available(ours) == b""
    theirs.close()
    assert read_available(ours) is None


def test_a_frame_socket_sends_receives_and_tells_of_the_end(pair):
    ours, theirs = map(FrameSocket, pair)
    ours.send(3, 4, b"payload")
    assert theirs.receive() == [(3, 4, b"payload")]
    ours.close()
    assert theirs.receive() is None


def test_a_frame_that_nobody_keeps_is_refused_before_it_comes():
    with pytest.raises(FrameRefusedError, match="a message of 536,870,913 bytes"):
        list(FrameReader().feed(HEADER.pack(MOST_BYTES + 1, 1, 1)))
    with pytest.raises(FrameRefusedError, match="a message of 11 bytes; at most 10 are taken"):
        list(FrameReader(10).feed(HEADER.pack(11, 1, 1)))
