"""A container's log as the engine's ``json-file`` driver keeps it: pieces of lines with an instant of nanoseconds each.

A line of more than 16 KiB is several pieces with one instant (moby's `daemon/logger/copier.go`). Frames: "Stream format" at
ContainerAttach in the Docker Engine API.
"""

import struct
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import NamedTuple

_PIECE = 16 * 1024
_HEADER = struct.Struct(">BxxxL")


class LogPiece(NamedTuple):
    """A line, or a part of a long one.

    Attributes:
        stream: 1 for the standard output, 2 for the standard error.
        at_ns: When its line was written.
        content: With the end of the line, if it has that.
    """

    stream: int
    at_ns: int
    content: bytes


class JsonLog:
    """What a container wrote.

    Attributes:
        pieces: In the order in which they came.
    """

    def __init__(self) -> None:
        self.pieces: list[LogPiece] = []
        self._news = threading.Condition()
        self._ended = False

    def write(self, stream: int, line: bytes) -> None:
        """Keep a line."""
        now = time.time_ns()
        with self._news:
            for begin in range(0, len(line), _PIECE):
                self.pieces.append(LogPiece(stream, now, line[begin : begin + _PIECE]))
            self._news.notify_all()

    def end(self) -> None:
        """Note that nothing comes any more."""
        with self._news:
            self._ended = True
            self._news.notify_all()

    def read(
        self, streams: frozenset[int], since_ns: int, until_ns: int, tail: int, *, follow: bool
    ) -> Iterator[LogPiece]:
        """Pieces of some streams between two instants, both included; the last ``tail`` of what is there, and what follows.

        Args:
            streams: Which.
            since_ns: From when on.
            until_ns: Until when; 0 without a bound.
            tail: How many of those that are there; below 0 for all.
            follow: Whether to go on until the container ends.
        """

        def meant(piece: LogPiece) -> bool:
            return piece.stream in streams and piece.at_ns >= since_ns and not (until_ns and piece.at_ns > until_ns)

        with self._news:
            place = len(self.pieces)
            there = [piece for piece in self.pieces if meant(piece)]
        yield from there[len(there) - tail :] if 0 <= tail < len(there) else there
        while follow:
            with self._news:
                while len(self.pieces) == place and not self._ended:
                    self._news.wait()
                news, place = self.pieces[place:], len(self.pieces)
                over = self._ended
            yield from filter(meant, news)
            if over and not news:
                return


def framed(pieces: Iterator[LogPiece], *, timestamps: bool, terminal: bool) -> Iterator[bytes]:
    """What is sent of pieces: each a frame, or, of a terminal, as it is."""
    for piece in pieces:
        content = f"{stamp(piece.at_ns)} ".encode() + piece.content if timestamps else piece.content
        yield content if terminal else _HEADER.pack(piece.stream, len(content)) + content


def stamp(at_ns: int) -> str:
    """An instant as the engine writes it: RFC 3339 with nine digits."""
    return f"{datetime.fromtimestamp(at_ns // 10**9, UTC):%Y-%m-%dT%H:%M:%S}.{at_ns % 10**9:09d}Z"


def parsed_instant(text: str) -> int:
    """Nanoseconds of a query's ``since``: seconds, with a fraction if need be; raises ValueError as the engine does."""
    seconds, _, fraction = text.partition(".")
    return int(seconds) * 10**9 + int(fraction.ljust(9, "0")[:9] or 0)
