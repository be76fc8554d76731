"""What a log has grown by, in chunks for the index."""

from collections.abc import Iterator
from datetime import UTC, datetime

from penstock.logs.local_logs import LocalLog
from penstock.model.logs.log_index import CHUNK_BYTES, CHUNK_LINES, IndexedChunk, IndexedPart, LogPosition, LogSubject
from penstock.model.logs.log_line import LONGEST_LINE, gravity, log_line, split_lines
from penstock.model.logs.log_words import words_of
from penstock.processes.files import open_file

TURN_BYTES = 8 << 20
"""Bytes of one log that are indexed before others have their turn."""

_BLOCK = 1 << 18


def next_part(
    log: LocalLog, subject: LogSubject, before: LogPosition, end_bytes: int, *, ended: bool
) -> IndexedPart | None:
    """The next part of a log that is to be indexed; None if there is none for the time being. Raises OSError.

    Args:
        log: The log as it was found.
        subject: Whose it is.
        before: How far it is indexed.
        end_bytes: Bytes at its beginning, and at its end, that are indexed: what is between is not.
        ended: Whether its try has ended; until then, nobody knows where the end of a long log is.
    """
    size, start, position = log.size, before.offset, before
    if start >= size:
        return None
    limit = min(size, end_bytes)
    if start >= end_bytes:
        if not ended:
            return None
        limit = size
        if start < size - end_bytes:
            start = max(start, _line_from(log, size - end_bytes - 1))
            position = LogPosition(start)
    stop = min(limit, start + TURN_BYTES)
    chunks = []
    for chunk, after in _chunks(log, position, stop, whole=(ended and stop == size) or stop == end_bytes < size):
        chunks.append(chunk)
        position = after
    return None if position.offset == before.offset else IndexedPart(subject, before, position, tuple(chunks))


def _line_from(log: LocalLog, offset: int) -> int:
    """Where the first line begins that does so after a byte; the byte itself if none does soon."""
    with open_file(log.path) as file:
        file.seek(offset)
        return offset + file.read(LONGEST_LINE).find(b"\n") + 1


def _chunks(
    log: LocalLog, position: LogPosition, stop: int, *, whole: bool
) -> Iterator[tuple[IndexedChunk, LogPosition]]:
    """Chunks from a position on, each with the position after it.

    Args:
        log: The log.
        position: Where to begin.
        stop: Bytes from there on are not read.
        whole: Whether a line that has no end there counts.
    """
    grown_at = datetime.fromtimestamp(log.changed_at, UTC)
    builder = _ChunkBuilder(position, grown_at)
    for offset, data in split_lines(_read(log, position.offset, stop), position.offset):
        if not (whole or data.endswith(b"\n") or len(data) >= LONGEST_LINE):
            break
        builder.add(offset, data)
        if builder.full:
            yield builder.chunk(), builder.position
            builder = _ChunkBuilder(builder.position, grown_at)
    if builder.position.offset > builder.start:
        yield builder.chunk(), builder.position


def _read(log: LocalLog, start: int, stop: int) -> Iterator[bytes]:
    with open_file(log.path) as file:
        file.seek(start)
        while start < stop and (data := file.read(min(_BLOCK, stop - start))):
            start += len(data)
            yield data


class _ChunkBuilder:
    """Takes lines until they make a chunk."""

    def __init__(self, before: LogPosition, grown_at: datetime) -> None:
        self.start, self.position = before.offset, before
        self._before, self._at = before, before.at or grown_at
        self._times: list[datetime] = []
        self._top, self._texts = 0, list[str]()

    @property
    def full(self) -> bool:
        """Whether it takes no further line."""
        return len(self._texts) >= CHUNK_LINES or self.position.offset - self.start >= CHUNK_BYTES

    def add(self, offset: int, data: bytes) -> None:
        """Take the next line."""
        line, before = log_line(offset, data), self.position
        level, at = (gravity(line.level), line.time) if line.logged else (before.level, before.at)
        self.position = LogPosition(offset + len(data), level, at)
        self._top = max(self._top, level)
        self._times.append(at or self._at)
        self._texts.append(line.searched)

    def chunk(self) -> IndexedChunk:
        """What was taken."""
        return IndexedChunk(
            self.start, self.position.offset - self.start, self._before.level, self._at, self._top, min(self._times), max(self._times),
            frozenset(words_of("\n".join(self._texts))),
        )  # fmt: skip
