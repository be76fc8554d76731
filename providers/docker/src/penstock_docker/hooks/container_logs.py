"""A container's log, piece by piece: each line once, whatever is cut when.

An engine has no place in a log that it could be asked to go on at but an instant (``since``), which includes its own, and
writes several lines at one instant, so a place here is an instant and how many frames of it were read, for each stream by
itself: within a stream instants never go back, while the engine may write a line of the other stream a moment late.
A line of more than 16 KiB comes in several frames that bear the same instant; it is one line again here.

Frames: "Stream format" at ContainerAttach in the Docker Engine API. Of a terminal there are no frames, only lines.
"""

import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple, Self

from penstock_docker.errors import OddAnswerError

_HEADER = struct.Struct(">BxxxL")
_LATE_NS = 2_000_000_000
"""By how much a line of one stream may come after later ones of the other."""
_LONGEST_LINE = 256 * 1024
_LARGEST_FRAME = 4 * 1024 * 1024
_PIECE = 64 * 1024
STDOUT, STDERR = 1, 2


class LogLine(NamedTuple):
    """A line.

    Attributes:
        stream: 1 for the standard output, 2 for the standard error.
        text: The line, without its end.
    """

    stream: int
    text: str


@dataclass
class _StreamPlace:
    """Up to where a stream was read: the instant of the last frame of the last whole line, and how many had that instant."""

    instant_ns: int = 0
    frames: int = 0
    open_ns: int = 0  # instant of the line that has begun and not ended


@dataclass
class LogPlace:
    """Up to where a log was read.

    Attributes:
        streams: By number of the stream.
    """

    streams: dict[int, _StreamPlace] = field(default_factory=lambda: {STDOUT: _StreamPlace(), STDERR: _StreamPlace()})

    @classmethod
    def of_plain(cls, value: Any) -> Self:  # noqa: ANN401 - JSON
        """The place that `plain` wrote."""
        return cls({int(number): _StreamPlace(*place) for number, place in value.items()})

    def plain(self) -> dict[str, list[int]]:
        """The place as JSON."""
        return {str(number): [place.instant_ns, place.frames, place.open_ns] for number, place in self.streams.items()}

    @property
    def since(self) -> str:
        """From when on the engine is asked, such as ``1700000000.000000001``; "0" for the beginning."""
        latest = max(place.instant_ns for place in self.streams.values())
        begun = [place.open_ns for place in self.streams.values() if place.open_ns]
        first = max(0, min([latest - _LATE_NS, *begun]))
        return f"{first // 10**9}.{first % 10**9:09d}" if first else "0"


class LogReader:
    """Makes lines of what an engine answers, from a place on.

    Args:
        place: Where to go on; it is moved as whole lines are taken.
    """

    def __init__(self, place: LogPlace) -> None:
        self.place = place
        self._now = dict.fromkeys(place.streams, (0, 0))  # the instant of the newest frame, and how many had it
        self._open: dict[int, list[str]] = {number: [] for number in place.streams}

    def lines(self, frames: Iterable[tuple[int, bytes]]) -> Iterator[LogLine]:
        """The lines that are new and whole; raises OddAnswerError for a frame that is of no log."""
        for stream, content in frames:
            stamp, _, text = content.partition(b" ")
            try:
                instant = instant_ns(stamp.decode("ascii"))
            except ValueError:
                raise OddAnswerError(f"no engine begins a line of a log by {stamp[:40]!r}") from None
            if not self._is_new(stream, instant):
                continue
            begun = self._open[stream]
            begun.append(text.decode(errors="replace"))
            self.place.streams[stream].open_ns = self._now[stream][0]
            if text.endswith(b"\n") or sum(map(len, begun)) > _LONGEST_LINE:
                yield self._ended(stream)

    def rest(self) -> Iterator[LogLine]:
        """The last line of each stream, if the container ended it with its end."""
        yield from [self._ended(stream) for stream, begun in self._open.items() if begun]

    def _is_new(self, stream: int, instant: int) -> bool:
        newest, count = self._now[stream]
        count = count + 1 if instant == newest else 1
        self._now[stream] = instant, count
        place = self.place.streams[stream]
        return (instant, count) > (place.instant_ns, place.frames)

    def _ended(self, stream: int) -> LogLine:
        self.place.streams[stream] = _StreamPlace(*self._now[stream])
        begun, self._open[stream] = self._open[stream], []
        return LogLine(stream, "".join(begun).rstrip("\r\n"))


def frames_of(answer: Any) -> Iterator[tuple[int, bytes]]:  # noqa: ANN401 - a streamed response of requests
    """The frames of an answer; one that breaks off within a frame is an error.

    Raises:
        EOFError: It broke off.
        OddAnswerError: It is none of a log.
    """
    while header := _read(answer, _HEADER.size):
        stream, size = _HEADER.unpack(header)
        if stream not in (0, STDOUT, STDERR) or size > _LARGEST_FRAME:
            raise OddAnswerError(f"no engine writes a frame of {size:,} bytes of stream {stream} into a log")
        content = _read(answer, size)
        if size and not content:
            raise EOFError("the log broke off within a frame")
        yield stream or STDOUT, content


def lines_of(answer: Any) -> Iterator[tuple[int, bytes]]:  # noqa: ANN401 - as above
    """The lines of a terminal's log, as frames of the standard output; raises OddAnswerError for one without an end."""
    left = b""
    while piece := answer.raw.read(_PIECE):
        *whole, left = (left + piece).split(b"\n")
        yield from ((STDOUT, line + b"\n") for line in whole)
        if len(left) > _LARGEST_FRAME:
            raise OddAnswerError(f"no engine writes a line of more than {_LARGEST_FRAME:,} bytes into a log")
    if left:
        yield STDOUT, left


def _read(answer: Any, size: int) -> bytes:  # noqa: ANN401 - as above
    """So many bytes, or none at the end."""
    pieces, left = [], size
    while left and (piece := answer.raw.read(left)):
        pieces.append(piece)
        left -= len(piece)
    if pieces and left:
        raise EOFError("the log broke off within a frame")
    return b"".join(pieces)


def instant_ns(stamp: str) -> int:
    """Nanoseconds of a stamp such as ``2026-11-28T00:20:50.039958713Z``; a datetime would lose the last three digits."""
    seconds, _, rest = stamp.partition(".")
    digits = rest[: len(rest) - len(rest.lstrip("0123456789"))]
    zone = rest[len(digits) :] if rest else ""
    whole = datetime.fromisoformat(seconds + zone.replace("Z", "+00:00"))
    return round(whole.timestamp()) * 10**9 + int(digits.ljust(9, "0")[:9] or 0)
