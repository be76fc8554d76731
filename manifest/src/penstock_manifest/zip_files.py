"""Distributions of a zip file that stands on the path of a Python."""

import os
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

from importlib_metadata import Distribution

_ENDS = (".dist-info", ".egg-info")
_FILES = ("METADATA", "PKG-INFO", "entry_points.txt", "requires.txt", "direct_url.json", "INSTALLER", "REQUESTED")
_MOST_BYTES = 4 << 20
"""Bytes of one file of metadata that are read; the long ones have a description of a few hundred KiB."""


class ZippedDistribution(Distribution):
    """A distribution whose metadata was read from a zip file.

    The library's own holds the file open until its memory is collected; this one holds nothing open.
    """

    def __init__(self, file: str, folder: str, texts: dict[str, bytes]) -> None:
        self._file = Path(file)
        self._path = f"{file}/{folder}"
        self._texts = texts

    def read_text(self, filename: "str | os.PathLike[str]") -> str | None:
        """Return the text of a file of metadata; None if there is none.

        Raises:
            ValueError: It is not UTF-8.
        """
        found = self._texts.get(os.fspath(filename))
        return None if found is None else found.decode("utf-8")

    def locate_file(self, path: "str | os.PathLike[str]") -> Path:
        """Return where a file of the distribution lies."""
        return self._file / path


def zipped_distributions(file: str) -> Iterator[ZippedDistribution]:
    """Yield the distributions of a zip file; none if it is no zip file or is damaged."""
    try:
        with zipfile.ZipFile(file) as archive:
            found: dict[str, dict[str, bytes]] = {}
            for each in archive.infolist():
                folder, _, name = each.filename.partition("/")
                if folder.endswith(_ENDS) and name in _FILES and each.file_size <= _MOST_BYTES:
                    found.setdefault(folder, {})[name] = archive.read(each)
    except (zipfile.BadZipFile, zlib.error, OSError, ValueError, RuntimeError, NotImplementedError, EOFError):
        return
    for folder, texts in found.items():
        yield ZippedDistribution(file, folder, texts)
