"""Looks for files by a path with ``*``, ``?``, ``[...]`` and ``**``, and says what it could not look at."""

import fnmatch
import os
import re
import stat
from collections.abc import Callable
from pathlib import Path, PurePath

from penstock.model.assets.file_watch import MOST_FILES, WatchedFile
from penstock.watchers.file_look import MAGIC, FileLook, found_file, too_many

MOST_ENTRIES = 1_000_000
"""Entries of folders that one look goes through: a pattern may name a whole disk."""


def look_at_files(path: str) -> FileLook:
    """Look for the files of an absolute path; one that ends with a slash is all files below it."""
    parts = PurePath(path).parts
    if path.endswith("/"):
        parts = (*parts, "**")
    walk = _FolderSearch(path, _steps(parts[1:]))
    walk.run(parts[0])
    return FileLook(list(walk.found.values()), walk.problem, walk.missing if not walk.found else "")


def same_file(path: str, found: WatchedFile) -> bool:
    """Whether the file is there still, as it was found."""
    try:
        now = _found(path, Path(path).stat())
    except OSError:
        return False
    return now.fingerprint == found.fingerprint


_Step = Callable[[str], bool] | str | None
"""One part of a path: what says whether a name matches, the name itself, or None for folders of any depth."""


def _steps(parts: tuple[str, ...]) -> list[_Step]:
    steps: list[_Step] = []
    for part in parts:
        if part == "**":
            if not steps or steps[-1] is not None:
                steps.append(None)
        elif MAGIC & set(part):
            steps.append(_matcher(part))
        else:
            steps.append(part)
    if steps and steps[-1] is None:
        steps.append(_matcher("*"))
    return steps


def _matcher(part: str) -> Callable[[str], bool]:
    match, hidden = re.compile(fnmatch.translate(part)).match, part.startswith(".")
    return lambda name: match(name) is not None and (hidden or not name.startswith("."))


class _FolderSearch:
    """One look: folders that wait to be looked into, each with the parts of the path that are left."""

    def __init__(self, path: str, steps: list[_Step]) -> None:
        self._path, self._steps, self._entries = path, steps, 0
        self.found: dict[str, WatchedFile] = {}
        self.problem = self.missing = ""

    def run(self, root: str) -> None:
        """Look into folder after folder until all were looked into, or there is too much."""
        waiting, seen = [(root, 0)], set[tuple[str, int]]()
        while waiting and not self._full:
            here = waiting.pop()
            if here not in seen:  # two ** meet in the same folder on many ways
                seen.add(here)
                waiting += self._into(*here)
        if len(self.found) > MOST_FILES:
            self.problem = too_many(self._path)
        elif self._full:
            self.problem = f"{self._path} makes it go through more than {MOST_ENTRIES:,} files: name a smaller folder."

    @property
    def _full(self) -> bool:
        return len(self.found) > MOST_FILES or self._entries > MOST_ENTRIES

    def _into(self, folder: str, number: int) -> list[tuple[str, int]]:
        """Look into a folder; returns where to look next."""
        step, last = self._steps[number], number + 1 == len(self._steps)
        if isinstance(step, str):
            path = f"{folder.rstrip('/')}/{step}"
            if not last:
                return [(path, number + 1)]
            self._add(path)
            return []
        below: list[tuple[str, int]] = [] if step is not None else [(folder, number + 1)]
        try:
            with os.scandir(folder) as entries:
                for entry in entries:
                    self._entries += 1
                    if self._full:
                        break
                    below += self._next(entry, number)
        except (FileNotFoundError, NotADirectoryError):
            self.missing = f"there is no folder {folder} yet."
        except OSError as error:
            self._fault(folder, error)
        return below

    def _next(self, entry: "os.DirEntry[str]", number: int) -> list[tuple[str, int]]:
        """Judge an entry of a folder by the part of this number; returns where to look next because of it."""
        step, last = self._steps[number], number + 1 == len(self._steps)
        if step is None:
            deeper = not entry.name.startswith(".") and entry.is_dir(follow_symlinks=False)
            return [(entry.path, number)] if deeper else []
        if not callable(step) or not step(entry.name):
            return []
        if last:
            self._add(entry.path)
            return []
        return [(entry.path, number + 1)] if entry.is_dir() else []

    def _add(self, path: str) -> None:
        try:
            status = Path(path).stat()
        except (FileNotFoundError, NotADirectoryError):
            return
        except OSError as error:
            self._fault(path, error)
            return
        if stat.S_ISREG(status.st_mode):
            self.found[path] = _found(path, status)
        elif stat.S_ISDIR(status.st_mode) and path == self._path:
            self.missing = f"{path} is a folder: end it with a slash for the files below it."

    def _fault(self, path: str, error: OSError) -> None:
        self.problem = self.problem or f"{path} cannot be looked at: {error.strerror}."


def _found(path: str, status: os.stat_result) -> WatchedFile:
    return found_file(path, status.st_size, str(status.st_mtime_ns), mtime=status.st_mtime)
