"""The names of a folder's files, found by parts of them, as those who name a file do."""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator


class FolderNames:
    """The names of a folder's files, found by parts of them.

    Args:
        files: Paths relative to the folder, with ``/``.
    """

    def __init__(self, files: Iterable[str]) -> None:
        self._files = frozenset(files)
        self._below: dict[str, list[str]] = defaultdict(list)
        self._stems: dict[str, list[str]] = defaultdict(list)
        for name in sorted(self._files):
            self._stems[_stem(name)].append(name)
            place = name.rpartition("/")[0]
            while place:
                self._below[place].append(name)
                place = place.rpartition("/")[0]
        # Most words name nothing: they are told by these, without a search.
        self._last_parts = {name.rpartition("/")[2] for name in (*self._files, *self._below)}
        self._endings = {last.rpartition(".")[2] for last in self._last_parts}
        # From the end to the start, in order: those that end with a text follow one another.
        self._file_ends = sorted(f"/{name}"[::-1] for name in self._files)
        self._folder_ends = sorted(f"/{name}"[::-1] for name in self._below)

    def namesakes(self, name: str) -> list[str]:
        """The files that differ from a Python file in their ending alone."""
        return [other for other in self._stems.get(_stem(name), ()) if not other.endswith(".py")]

    def module(self, parts: list[str]) -> list[str]:
        """The files of a module and of the packages that it lies in, as far as there are any."""
        found: list[str] = []
        for count in range(1, len(parts) + 1):
            path = "/".join(parts[:count])
            here = [*self._stems.get(path, ()), *self._stems.get(f"{path}/__init__", ())]
            if not here and path not in self._below:
                break
            found += here
        return found

    def below(self, folder: str) -> list[str]:
        """All files in a folder and in those that lie in it."""
        return self._below.get(folder, [])

    def ending_with(self, word: str) -> set[str]:
        """The files whose path ends with a word, or which a longer path, as that of the whole folder, names."""
        if word.rstrip("./").rpartition(".")[2] not in self._endings:
            return set()
        path = _plain(word)
        # What stands before the first letter may be put in at run time, such as the name in f"{name}.sql".
        return {*_with_end(self._file_ends, path), *_ends_of(path, self._files)} if path else set()

    def named(self, word: str) -> tuple[set[str], set[str]]:
        """The files without an ending that a word names, and those that lie in the folders which it names."""
        path = _plain(word)
        if path.rpartition("/")[2] not in self._last_parts:
            return set(), set()
        files = {*_with_end(self._file_ends, f"/{path}"), *_ends_of(path, self._files)}
        folders = {*_with_end(self._folder_ends, f"/{path}"), *_ends_of(path, self._below)}
        return files, {name for folder in folders for name in self._below[folder]}


def _stem(name: str) -> str:
    """A path without its ending; that of an extension module has two parts, such as ``.cpython-311-x86_64-linux-gnu.so``."""
    place, slash, last = name.rpartition("/")
    stem = last.partition(".")[0] if last.endswith(".so") else last.rpartition(".")[0]
    return f"{place}{slash}{stem or last}"


def _plain(word: str) -> str:
    """A word as the end of a path: what it says of where it begins is left out."""
    return "/".join(part for part in word.rstrip(".").split("/") if part not in ("", ".", ".."))


def _with_end(ends: list[str], end: str) -> Iterator[str]:
    """Those of a sorted list of reversed paths that end so, as they are."""
    wanted = end[::-1]
    for number in range(bisect_left(ends, wanted), len(ends)):
        if not ends[number].startswith(wanted):
            return
        yield ends[number][::-1][1:]


def _ends_of(path: str, known: Collection[str]) -> Iterator[str]:
    """The known paths that a path ends with."""
    parts = path.split("/")
    return (end for start in range(1, len(parts)) if (end := "/".join(parts[start:])) in known)
