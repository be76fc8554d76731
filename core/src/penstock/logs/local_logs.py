"""The logs on this machine, with marks beside them of what the log store has."""

import os
import stat
from collections.abc import Collection, Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

_LOG, _SHIPPED, _SEALED = ".log", ".shipped-", ".sealed-"
_BLOCK = 512
"""Bytes of a block of ``st_blocks``; see stat(2)."""


class LocalLog(NamedTuple):
    """A log file and its mark: an empty file whose name says how far it is shipped, so that one look at a folder tells both.

    Attributes:
        path: The file.
        size: Bytes in it.
        disk: Bytes that it takes on the disk.
        changed_at: Instant of its last change, in seconds since 1970.
        shipped: Bytes that the log store has for certain.
        whole: Whether it was sealed with these.
        mark: The mark's file; None if there is none.
    """

    path: Path
    size: int
    disk: int
    changed_at: float
    shipped: int = 0
    whole: bool = False
    mark: Path | None = None

    @property
    def unshipped(self) -> int:
        """Bytes that the log store may not have yet."""
        return max(0, self.size - self.shipped)

    @property
    def done(self) -> bool:
        """Whether the log store has all of it, as a whole; one that has grown since it was sealed is not."""
        return self.whole and not self.unshipped

    def marked(self, shipped: int, *, whole: bool = False) -> "LocalLog":
        """Note durably how far it is shipped. Raises OSError."""
        stem = self.path.name.removesuffix(_LOG)
        mark = self.path.with_name(f"{stem}{_SEALED if whole else _SHIPPED}{shipped}")
        if self.mark is None:
            mark.touch()
        elif mark != self.mark:
            self.mark.rename(mark)
        return self._replace(shipped=shipped, whole=whole, mark=mark)

    def delete(self) -> None:
        """Delete the file and its mark. Raises OSError."""
        self.path.unlink(missing_ok=True)
        if self.mark is not None:
            self.mark.unlink(missing_ok=True)


def local_logs(folder: Path) -> Iterator[LocalLog]:
    """Every log of a try in the logs folder, folder by folder; holds one folder of a task in memory."""
    for dag in _folders(folder):
        for run in _folders(dag):
            for task in _folders(run):
                yield from _of_task(task)


def remove_empty_folders(folder: Path, before: float, used: Collection[Path]) -> None:
    """Remove folders of tasks and runs in which nothing is left.

    Args:
        folder: The logs folder.
        before: Only those that have not changed since this instant, in seconds since 1970.
        used: Logs that may be made at any moment; their folders stay.
    """
    kept = {str(log.parent) for log in used}
    for dag in _folders(folder):
        for run in _folders(dag):
            for each in (*_folders(run), run):
                with suppress(OSError):  # something is in it
                    if each not in kept and Path(each).stat().st_mtime < before:
                        os.rmdir(each)  # noqa: PTH106 - as the rest of this walk


def _folders(path: str | Path) -> Iterator[str]:
    try:
        with os.scandir(path) as entries:
            yield from (each.path for each in entries if each.is_dir(follow_symlinks=False))
    except OSError:  # it was deleted meanwhile
        return


def _of_task(folder: str) -> Iterator[LocalLog]:
    logs: dict[str, os.stat_result] = {}
    marks: dict[str, tuple[int, bool, str]] = {}
    with suppress(OSError), os.scandir(folder) as entries:
        for each in entries:
            if each.name.endswith(_LOG):
                with suppress(OSError):
                    if stat.S_ISREG((found := each.stat(follow_symlinks=False)).st_mode):
                        logs[each.name.removesuffix(_LOG)] = found
            for kind in (_SHIPPED, _SEALED):
                stem, separator, shipped = each.name.partition(kind)
                if separator and shipped.isdecimal():
                    marks[stem] = (int(shipped), kind == _SEALED, each.path)
    for stem in marks.keys() - logs.keys():  # its log was deleted, and whoever did it ended between the two
        with suppress(OSError):
            Path(marks[stem][2]).unlink()
    for stem, found in logs.items():
        log = LocalLog(Path(folder, stem + _LOG), found.st_size, found.st_blocks * _BLOCK, found.st_mtime)
        if stem in marks:
            offset, whole, mark = marks[stem]
            log = log._replace(shipped=offset, whole=whole, mark=Path(mark))
        yield log
