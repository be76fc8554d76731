"""A small disk that can be full, or for reading alone: a file system in memory, mounted over a folder; this takes root."""

import contextlib
import errno
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path


class SmallDisk:
    """A file system of its own, below a folder.

    Args:
        folder: Where it is mounted; it exists.
        size: Bytes that it holds.
        files: How many files and folders it holds; 0 for as many as there is memory for.

    Attributes:
        folder: Where it is mounted.
    """

    def __init__(self, folder: Path, size: int, files: int = 0) -> None:
        self.folder = folder
        self._mount("-t", "tmpfs", "-o", f"size={size}" + f",nr_inodes={files}" * bool(files), "tmpfs")

    def leave(self, free: int) -> None:
        """Fill the disk until so many bytes are free."""
        filler = self.folder / "filler"
        while True:
            filler.unlink(missing_ok=True)
            stat = os.statvfs(self.folder)
            try:
                with filler.open("wb") as stream:
                    os.posix_fallocate(stream.fileno(), 0, stat.f_bavail * stat.f_frsize - free)
            except OSError as error:
                if error.errno != errno.ENOSPC:
                    raise  # else somebody has written since the space was looked at
            else:
                return

    def empty(self) -> None:
        """Free what was filled."""
        (self.folder / "filler").unlink()

    def read_only(self) -> None:
        """Refuse to be written to from now on."""
        self._mount("-o", "remount,ro")

    def close(self) -> None:
        """Give the disk up."""
        subprocess.run(["umount", "--lazy", str(self.folder)], check=True)

    def _mount(self, *words: str) -> None:
        subprocess.run(["mount", *words, str(self.folder)], check=True)


@contextlib.contextmanager
def small_disk(folder: Path, size: int, files: int = 0) -> Iterator[SmallDisk]:
    """Mount a small disk over a folder for the time of a block."""
    made = SmallDisk(folder, size, files)
    try:
        yield made
    finally:
        made.close()
