"""The parallel half of the hook of Cloud Storage: a large object in several transfers at once, and many objects at once.

A download asks for ranges of one generation. An upload makes an object of each part and has them composed, 32 at most and so by one
call: https://cloud.google.com/storage/docs/parallel-composite-uploads. Checksums of parts are joined to that of the whole.
"""

import hashlib
import io
import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, cast

from penstock.errors import ErrorKind, ProviderError
from penstock.spec.threads import at_once
from penstock_gcp.hooks.checksum import Checksum, joined
from penstock_gcp.hooks.copying import MOST_SOURCES, GCSCopying
from penstock_gcp.hooks.reading import GCSObject, whole_file
from penstock_gcp.hooks.stream import GCSStream
from penstock_gcp.hooks.writing import local_file

_PART_BYTES = 32 << 20
_QUANTUM = 256 * 1024
_PIECE = 1 << 20


class GCSParallel(GCSCopying):
    """What the hook does in several threads; every method raises `penstock.errors.ProviderError` with the kind of the failure."""

    def download_parts(
        self,
        name: str,
        path: str | os.PathLike[str],
        bucket: str = "",
        *,
        parallel: int = 4,
        part_bytes: int = _PART_BYTES,
    ) -> None:
        """Store an object as a file by several transfers; the file is there whole or not at all.

        Each transfer holds a mebibyte in memory. What arrived is held against the checksum of the whole.

        Args:
            name: Name or ``gs://`` URL.
            path: The file.
            bucket: The bucket, unless ``name`` is a URL.
            parallel: Transfers at once.
            part_bytes: Bytes of a part.

        Raises:
            ProviderError: There is no such object, it cannot be read, or what arrived was damaged.
        """
        bucket, name = self.parse(name, bucket)
        found = self._there(bucket, name, "GetObject")
        with whole_file(Path(path)) as file:

            def fetch(span: range) -> tuple[range, str]:
                return span, self._fetch(found, span, file.fileno())

            sums = dict(at_once(fetch, _spans(found.size, part_bytes), parallel))

            whole = Checksum().text
            for span in sorted(sums, key=lambda each: each.start):
                whole = joined(whole, sums[span], len(span))
            if found.crc32c and whole != found.crc32c:
                raise ProviderError(
                    f"{found.url}: what arrived has the CRC32C {whole}, and {found.crc32c} is stored: it was damaged",
                    service="gcs", operation="GetObject", kind=ErrorKind.TRANSIENT,
                )  # fmt: skip

    def _fetch(self, found: GCSObject, span: range, descriptor: int) -> str:
        """Write a part of the object to its place in a file; its checksum."""
        checksum, position = Checksum(), span.start
        with GCSStream(self, found.bucket, found.name, found.generation, span) as stream:
            while piece := stream.read(_PIECE):
                checksum.add(piece)
                left = memoryview(piece)
                while left:
                    written = os.pwrite(descriptor, left, position)
                    left, position = left[written:], position + written
        return checksum.text

    def upload_parts(
        self,
        path: str | os.PathLike[str],
        name: str,
        bucket: str = "",
        *,
        parallel: int = 4,
        generation: int | None = None,
        part_bytes: int = _PART_BYTES,
        content_type: str = "",
    ) -> int:
        """Store a file by several transfers: parts become objects beside the name, are composed, and deleted.

        A later call finds parts that a killed one has left, and does not send them again. The result has no MD5, as all that
        is composed. Each transfer holds a chunk of 8 MiB in memory.

        Args:
            path: The file.
            name: Name or ``gs://`` URL.
            bucket: The bucket, unless ``name`` is a URL.
            parallel: Transfers at once.
            generation: What must be at the destination; what is there now unless given.
            part_bytes: Bytes of a part; parts grow where there would be more than 32.
            content_type: Its media type.

        Returns:
            The generation of the object.
        """
        bucket, name = self.parse(name, bucket)
        file = local_file(path)
        seen = file.stat()
        expected = self._expected(bucket, name, generation)
        least = -(-seen.st_size // MOST_SOURCES)
        spans = _spans(seen.st_size, max(part_bytes, -(-least // _QUANTUM) * _QUANTUM)) or [range(0)]
        mark = hashlib.sha256(f"{file} {seen.st_size} {seen.st_mtime_ns} gs://{bucket}/{name}".encode()).hexdigest()[
            :16
        ]

        def send(span: range) -> tuple[int, GCSObject]:
            return span.start, self._send(file, span, bucket, f"{name}.part-{mark}-{span.start}")

        try:
            parts = [part for _, part in sorted(at_once(send, spans, parallel), key=lambda each: each[0])]
            _require_unchanged(file, seen)
            made = self._compose(bucket, parts, name, expected, content_type)
        except BaseException as error:
            try:
                self.delete_all(f"{name}.part-{mark}-", bucket)
            except ProviderError as left:
                error.add_note(f"Parts under gs://{bucket}/{name}.part-{mark}- are left: {left}")
            raise
        self.delete_all(f"{name}.part-{mark}-", bucket)
        return made.generation

    def _send(self, file: Path, span: range, bucket: str, name: str) -> GCSObject:
        """Make an object of a part of a file, unless there is one with just its content."""
        there = self.head(name, bucket)
        with file.open("rb") as stream:
            if there is not None and there.size == len(span):
                part = _PartStream(stream, span)
                while part.read(_PIECE):
                    pass
                if part.checksum.text == there.crc32c:
                    return there
            part = _PartStream(stream, span)
            self.upload(cast("BinaryIO", part), name, bucket, generation=there.generation if there else 0)
        made = self._there(bucket, name, "InsertObject")
        if made.crc32c != part.checksum.text:
            raise ProviderError(
                f"{made.url}: another has written it meanwhile", service="gcs", operation="InsertObject",
                kind=ErrorKind.CONFLICT,
            )  # fmt: skip
        return made

    def delete_all(self, prefix: str, bucket: str = "", *, parallel: int = 8) -> int:
        """Delete all objects whose names begin with a prefix, several at once; how many there were.

        Of each that very content is deleted that was listed: one that was written since stays, and is a ``conflict``.
        """
        bucket, prefix = self.parse_prefix(prefix, bucket)

        def delete(found: GCSObject) -> bool:
            return self.delete(found.name, bucket, generation=found.generation)

        return sum(at_once(delete, self.list_objects(prefix, bucket), parallel))

    def sync(
        self,
        source: str,
        destination: str,
        *,
        replace: bool = False,
        delete_extra: bool = False,
        parallel: int = 8,
    ) -> dict[str, int]:
        """Make what is under one prefix equal to what is under another, by size and CRC32C, several objects at once.

        Args:
            source: ``gs://`` URL of a bucket or prefix.
            destination: ``gs://`` URL of a bucket or prefix.
            replace: Whether an object that differs is replaced.
            delete_extra: Whether objects are deleted that the source does not have.
            parallel: How many at once.

        Returns:
            How many objects were ``copied``, ``deleted`` and ``left``.
        """
        (bucket, prefix), (to_bucket, to_prefix) = self.parse_prefix(source), self.parse_prefix(destination)
        done = {"copied": 0, "deleted": 0, "left": 0}

        def make_equal(pair: tuple[str, GCSObject | None, GCSObject | None]) -> str:
            name, here, there = pair
            equal = here and there and (here.size, here.crc32c) == (there.size, there.crc32c)
            if here and not equal and (there is None or replace):
                self.copy(
                    here.url, f"gs://{to_bucket}/{to_prefix}{name}", source_generation=here.generation,
                    generation=there.generation if there else 0,
                )  # fmt: skip
                return "copied"
            if there and here is None and delete_extra:
                self.delete(there.name, to_bucket, generation=there.generation)
                return "deleted"
            return "left"

        pairs = _side_by_side(
            ((each.name.removeprefix(prefix), each) for each in self.list_objects(prefix, bucket)),
            ((each.name.removeprefix(to_prefix), each) for each in self.list_objects(to_prefix, to_bucket)),
        )
        for what in at_once(make_equal, pairs, parallel):
            done[what] += 1
        return done


class _PartStream(io.BufferedIOBase):
    """A part of a file, with the checksum of what was read of it."""

    def __init__(self, file: BinaryIO, span: range) -> None:
        file.seek(span.start)
        self._file, self._left, self.checksum = file, len(span), Checksum()

    def read(self, size: int | None = -1, /) -> bytes:
        """The next bytes of the part."""
        wanted = self._left if size is None or size < 0 else min(size, self._left)
        data = self._file.read(wanted)
        self._left -= len(data)
        self.checksum.add(data)
        return data


def _require_unchanged(file: Path, seen: os.stat_result) -> None:
    """Raise ProviderError if a file is not as it was: its parts would be of two contents."""
    now = file.stat()
    if (now.st_size, now.st_mtime_ns) != (seen.st_size, seen.st_mtime_ns):
        raise ProviderError(
            f"{file}: it has changed while it was uploaded", service="gcs", operation="InsertObject",
            kind=ErrorKind.CONFLICT,
        )  # fmt: skip


def _spans(size: int, part_bytes: int) -> list[range]:
    """The parts of so many bytes."""
    return [range(begin, min(begin + part_bytes, size)) for begin in range(0, size, part_bytes)]


def _side_by_side(
    left: Iterator[tuple[str, GCSObject]], right: Iterator[tuple[str, GCSObject]]
) -> Iterator[tuple[str, GCSObject | None, GCSObject | None]]:
    """Names of two lists that are in the order of their UTF-8, each with what the two have of it."""
    one, other = next(left, None), next(right, None)
    while one or other:
        name = min((each[0] for each in (one, other) if each), key=str.encode)
        here = one[1] if one and one[0] == name else None
        there = other[1] if other and other[0] == name else None
        yield name, here, there
        one, other = (next(left, None) if here else one), (next(right, None) if there else other)
