"""Files into and out of a container, by the archives that an engine takes and gives: bounded, and regular files alone."""

import io
import tarfile
from collections.abc import Mapping
from typing import Any

from penstock.errors import ErrorKind, ProviderError

_BLOCK = 512
_FOLDER_MODE, _FILE_MODE = 0o1777, 0o644


def packed(folder: str, files: Mapping[str, bytes]) -> bytes:
    """An archive of a folder that everybody may write into, as the container's user may be any, with files in it."""
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as archive:
        entry = tarfile.TarInfo(folder)
        entry.type, entry.mode = tarfile.DIRTYPE, _FOLDER_MODE
        archive.addfile(entry)
        for name, content in files.items():
            entry = tarfile.TarInfo(f"{folder}/{name}")
            entry.size, entry.mode = len(content), _FILE_MODE
            archive.addfile(entry, io.BytesIO(content))
    return made.getvalue()


def unpacked(answer: Any, path: str, largest: int) -> bytes:  # noqa: ANN401 - a streamed response of requests
    """The content of the one regular file that an archive holds.

    Args:
        answer: What the engine answers.
        path: The file's path, for messages.
        largest: Bytes of the largest file that is taken.

    Raises:
        penstock.errors.ProviderError: Of kind ``invalid``: it is a folder or a link, or too large.
        EOFError: It broke off.
    """
    read = bytearray()
    for piece in answer.iter_content(chunk_size=64 * 1024):
        read += piece
        if len(read) > largest + 4 * _BLOCK + 20 * _BLOCK:  # headers, and a record of padding
            break
    try:
        with tarfile.open(fileobj=io.BytesIO(bytes(read)), mode="r|") as archive:
            entry = archive.next()
            if entry is None or not entry.isreg():
                raise _invalid(f"{path}: it is no regular file in the container")
            if entry.size > largest:
                raise _invalid(f"{path}: it has {entry.size:,} bytes, and at most {largest:,} are taken")
            content = archive.extractfile(entry)
            assert content is not None  # noqa: S101 - it is a regular file
            return content.read()
    except tarfile.TarError as error:
        raise EOFError(f"the archive of {path} broke off: {error}") from error


def _invalid(detail: str) -> ProviderError:
    return ProviderError(detail, service="docker", operation="archive", kind=ErrorKind.INVALID)
