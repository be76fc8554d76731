"""What lies in the DAGs folder: the files that may be kept, and the entries that cannot be, each with the reason.

Anybody may put anything there: links that lead in circles or to the root of the machine, sockets, folders that cannot
be read, names that are no text. None of it is trusted, and none of it keeps another file from being seen.
"""

import os
import stat
from collections import deque
from collections.abc import Collection, Iterator
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from penstock.load.ignore import AIRFLOW_IGNORE, IGNORE
from penstock.model.names import visible

WHOLE = "./"
"""Stands for the DAGs folder itself."""
MOST_ENTRIES = 100_000
"""Files and folders of a DAGs folder."""
_MOST_LINKS = 40  # as the kernel follows
_MOST_NAME_BYTES = 2_000  # a path may have 4,096 (PATH_MAX), and the place of a snapshot takes some of them
_SKIPPED_FOLDERS = frozenset({"__pycache__", "node_modules"})
_SKIPPED_ENDINGS = (".pyc", ".swp", "~", ".tmp")
_KINDS = {stat.S_IFIFO: "a FIFO", stat.S_IFSOCK: "a socket", stat.S_IFCHR: "a device", stat.S_IFBLK: "a device"}


class Watched(NamedTuple):
    """What has to be watched, so that no change of what was looked at is missed.

    Attributes:
        folders: The paths of the folders that were looked into, the DAGs folder first among them.
        links: Each link that was followed on the way to a folder or file, and what it said: a tool that publishes whole revisions
            swaps one, which may be hidden or lie outside of the DAGs folder.
    """

    folders: frozenset[str] = frozenset()
    links: frozenset[tuple[str, str]] = frozenset()

    @property
    def is_current(self) -> bool:
        """Whether each link still says what it said."""
        return all(_target(link) == target for link, target in self.links)


class FoundFile(NamedTuple):
    """A file that may be kept.

    Attributes:
        name: Its path relative to the DAGs folder, with ``/``.
        path: Its whole path.
        status: What the system says of it, or of the file that it links to.
    """

    name: str
    path: str
    status: os.stat_result


class FolderContent:
    """One look at a folder.

    Args:
        folder: The folder.
        most_entries: Files and folders at most; what comes after them is left out.

    Attributes:
        files: The files, those that a link to a folder leads to after all others.
        left_out: Why an entry is not among them, by its path, which for a folder ends with ``/``; that of all is `WHOLE`.
        ignore_files: Names of the ignore files, Airflow's among them.
        home: The folder itself, no link: what a link on the way leads to may change while it is looked into.
    """

    def __init__(self, folder: str, most_entries: int = MOST_ENTRIES) -> None:
        self.files: list[FoundFile] = []
        self.left_out: dict[str, str] = {}
        self.ignore_files: list[str] = []
        self._folder, self.home, self._rest = folder, os.path.realpath(folder), most_entries
        self._passed = set(_passed(folder))
        self._seen: dict[str, str] = {}
        self._folders, self._links = deque([("", self.home)]), deque[str]()
        while self._folders or self._links:
            place, real = self._folders.popleft() if self._folders else self._followed(self._links.popleft())
            if not self._look_into(place, real):
                self.left_out[WHOLE] = (
                    f"{visible(place) or WHOLE}: with it the DAGs folder has more than {most_entries:,} entries; it and what "
                    "comes after it is left out. Keep environments and data outside of the DAGs folder, or take the link away."
                )
                return

    @property
    def watched(self) -> Watched:
        """What has to be watched."""
        folders = frozenset(f"{self._folder}/{place}".rstrip("/") for place in self._seen.values())
        return Watched(folders, frozenset(self._passed))

    def _followed(self, link: str) -> tuple[str, str]:
        whole = f"{self.home}/{link}"
        self._passed.update(_passed(whole))
        return link, os.path.realpath(whole)

    def _look_into(self, place: str, real: str) -> bool:
        """Sort the entries of a folder; False if there are too many."""
        if self._is_known(place, real):
            return True
        try:
            with os.scandir(real) as entries:
                found = sorted(entries, key=lambda each: each.name)
        except FileNotFoundError:
            return True  # it went away while we looked
        except OSError as error:
            self._leave_out(place, f"it cannot be listed ({error.strerror}), so it is left out. Check its permissions.")
            return True
        self._seen[real] = place
        if place and any(entry.name == "pyvenv.cfg" for entry in found):
            return True
        self._rest -= len(found)
        if self._rest < 0:
            return False
        for entry in found:
            if entry.name in (IGNORE, AIRFLOW_IGNORE):
                self.ignore_files.append(place + entry.name)
            elif not entry.name.startswith("."):
                self._sort(entry, place, real)
        return True

    def _is_known(self, place: str, real: str) -> bool:
        """Whether a folder is not to be looked into, because a link to it is one too many."""
        if real in self._seen:
            other = self._seen[real]
            if not place.startswith(other):  # else it is a circle, and nothing is missing
                self._leave_out(place, f"it is a link to {visible(other)}, which is kept there, and is left out here.")
            return True
        if place and (self.home + "/").startswith(real.rstrip("/") + "/"):
            self._leave_out(
                place, f"it is a link to {visible(real)}, which holds the DAGs folder itself. It is left out."
            )
            return True
        return False

    def _sort(self, entry: os.DirEntry[str], place: str, real: str) -> None:
        """Put an entry where it belongs, or leave it out."""
        name = place + entry.name
        fault = _name_fault(name)
        try:
            if entry.is_dir():
                name += "/"
                if entry.name in _SKIPPED_FOLDERS:
                    return
                if fault:
                    pass
                elif entry.is_symlink():
                    self._links.append(name)
                else:
                    self._folders.append((name, f"{real.rstrip('/')}/{entry.name}"))
            elif entry.name.endswith(_SKIPPED_ENDINGS):
                return
            else:
                fault = fault or self._keep(entry, name)
        except OSError as error:
            if not isinstance(error, FileNotFoundError):
                fault = fault or f"it cannot be looked at ({error.strerror}), so it is left out."
            elif entry.is_symlink():  # else it went away while we looked
                fault = fault or "it is a link to nothing, and is left out."
        if fault:
            self._leave_out(name, fault)

    def _keep(self, entry: os.DirEntry[str], name: str) -> str:
        """Keep a file; returns why it cannot be kept, "" if it can."""
        status = entry.stat()
        if entry.is_symlink():
            self._passed.update(_passed(entry.path))
        if stat.S_ISREG(status.st_mode):
            self.files.append(FoundFile(name, entry.path, status))
            return ""
        kind = _KINDS.get(stat.S_IFMT(status.st_mode), "no file")
        return f"it is {kind}, so it is left out. Keep it outside of the DAGs folder."

    def _leave_out(self, name: str, why: str) -> None:
        self.left_out[visible(name) or WHOLE] = f"{visible(name) or WHOLE}: {why}"


def _passed(path: str) -> Iterator[tuple[str, str]]:
    """Each link on the way to what a path leads to, by its real folder, and what it says."""
    here, rest = "/", deque(str(Path(path).absolute()).split("/"))
    followed = 0
    while rest and followed < _MOST_LINKS:
        step = rest.popleft()
        if step in ("", "."):
            continue
        there = os.path.join(here, step) if step != ".." else os.path.dirname(here)  # noqa: PTH118, PTH120 - many times a look
        target = _target(there) if step != ".." else None
        if target is None:
            here = there
            continue
        followed += 1
        yield there, target
        here = "/" if target.startswith("/") else here
        rest.extendleft(reversed(target.split("/")))


def _target(link: str) -> str | None:
    """What a link says; None if it is none."""
    try:
        return os.readlink(link)  # noqa: PTH115 - as above
    except OSError:
        return None


def is_left_out(name: str, left_out: Collection[str]) -> bool:
    """Tell whether a file was not looked at, or could not be kept: whether it is still there is not known then."""
    if not left_out:
        return False
    parents = (f"{parent}/" for parent in PurePosixPath(name).parents)
    return name in left_out or any(parent in left_out for parent in parents)


def _name_fault(name: str) -> str:
    if visible(name) != name:
        return "its name holds a character that is no text, so it is left out. Rename it."
    if len(os.fsencode(name)) > _MOST_NAME_BYTES:
        return f"its path has more than {_MOST_NAME_BYTES:,} bytes, so it is left out. Shorten it."
    return ""
