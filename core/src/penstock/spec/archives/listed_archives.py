"""Files of a list, packed to bytes and proved by it: those of a source snapshot, or of a distribution.

A list has a line a file, ``HASH PATH``; a hash that ends in ``x`` is that of an executable file. So whoever has the content hash of the
list can prove the files.
"""

import gzip
import hashlib
import io
import os
import tarfile
import zlib
from collections.abc import Container, Iterator
from pathlib import Path, PurePosixPath

from penstock.errors import RequestError, as_sentence
from penstock.model.values.content_hashes import content_hash, content_hasher

LIST = ".penstock-manifest"
EXECUTABLE = "x"
LARGEST_FILE = 1 << 28
"""Bytes of the largest file that is unpacked."""
LARGEST_SNAPSHOT = 1 << 31
"""Bytes of all that is unpacked: twice what the loader puts into a snapshot."""
_LEVEL = 5
"""Of compression: 9 takes several times as long for some hundredths of the bytes."""


def pack_listed(
    listed: bytes,
    folder: Path,
    what: str,
    *,
    remedy: str,
    most: int = LARGEST_SNAPSHOT,
    names: Container[str] | None = None,
) -> bytes:
    """Pack the files of a list, which need not be all of a folder.

    Args:
        listed: The list; its `content_hash` is the name that `listed_contents` is to be given.
        folder: Where the files are.
        what: Words for people.
        remedy: What is to be done about a damaged one, for people, too.
        most: Bytes that can be sent.
        names: Those of its files that are packed; None for all.

    Raises:
        RequestError: A file is damaged, or there are more bytes.
        OSError: It cannot be read.
    """
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz", compresslevel=_LEVEL) as archive:
        _add(archive, LIST, listed)
        for found, name in listed_files(listed):
            if names is not None and name not in names:
                continue
            content = (folder / name).read_bytes()
            if content_hash(content) != found.removesuffix(EXECUTABLE):
                raise RequestError(f"the file {name!r} of {what} is damaged: {remedy}")
            _add(archive, name, content)
            if buffer.tell() > most:
                raise RequestError(
                    f"{what} has more bytes than can be sent ({most:,}, packed): have it in the image of the workers."
                )
    return buffer.getvalue()


def _add(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(content)
    archive.addfile(member, io.BytesIO(content))


def listed_contents(data: bytes, wanted: str, what: str, *, whole: bool = True) -> Iterator[tuple[str, bytes, bool]]:
    """Yield the files of an archive that are what its list says: name, content, and whether it is executable; the list is the first.

    Args:
        data: What `pack` or `pack_listed` made.
        wanted: The list's content hash.
        what: Words for people.
        whole: Whether all files of the list have to be in it; else the others are left out.

    Raises:
        RequestError: The bytes are anything else.
    """
    try:
        _check_size(data)
        with tarfile.open(fileobj=io.BytesIO(data), mode="r:gz") as archive:
            listed = _content(archive, LIST)
            if content_hash(listed) != wanted:
                raise RequestError(f"what was fetched as {what} is another one. Fetch it again.")
            yield LIST, listed, False
            present = set(archive.getnames())
            for found, name in listed_files(listed):
                if not whole and name not in present:
                    continue
                content = _content(archive, name)
                if content_hash(content) != found.removesuffix(EXECUTABLE):
                    raise RequestError(f"the file {name!r} of {what} is damaged. Fetch it again.")
                yield name, content, found.endswith(EXECUTABLE)
    except (tarfile.TarError, zlib.error, EOFError, KeyError, ValueError, OSError) as error:
        raise RequestError(f"what was fetched as {what} is none: {as_sentence(error)} Fetch it again.") from error


def hash_of_file(path: Path) -> str:
    """The `content_hash` of a file, which is read piece by piece; raises OSError."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, content_hasher).hexdigest()


def _check_size(data: bytes) -> None:
    """Raise ValueError if an archive is larger than any snapshot: a few bytes may stand for any number of them."""
    size = 0
    with gzip.GzipFile(fileobj=io.BytesIO(data)) as file:
        while part := file.read(1 << 20):
            size += len(part)
            if size > LARGEST_SNAPSHOT:
                raise ValueError(f"it has more than {LARGEST_SNAPSHOT:,} bytes")


def _content(archive: tarfile.TarFile, name: str) -> bytes:
    member = archive.getmember(name)
    # A link is followed without end if it leads to itself, and a size of any length is no reason to read that much.
    file = archive.extractfile(member) if member.isreg() and member.size <= LARGEST_FILE else None
    if file is None:
        raise ValueError(f"{name!r} is no file of at most {LARGEST_FILE:,} bytes in it")
    return file.read()


def listed_files(text: bytes) -> Iterator[tuple[str, str]]:
    """Yield hash and path of each file in a snapshot's list; raises ValueError for a path that leads out of the snapshot."""
    for line in os.fsdecode(text).split("\n"):
        if line:
            found, _, name = line.partition(" ")
            path = PurePosixPath(name)
            if not name or path.is_absolute() or ".." in path.parts:
                raise ValueError(f"it lists the file {name!r}")
            yield found, name
