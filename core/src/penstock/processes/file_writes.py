"""What a process writes into a folder that is no place for it, seen by Python's audit events (PEP 578)."""

import os
import sys
from collections.abc import Callable, Mapping
from typing import Any

_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC
# Which arguments of an event are paths that it makes, changes or takes away. "open" is judged by its flags.
_PATHS: Mapping[str, tuple[int, ...]] = {
    "open": (0,),
    "os.mkdir": (0,),
    "os.rmdir": (0,),
    "os.remove": (0,),
    "os.rename": (0, 1),
    "os.link": (1,),
    "os.symlink": (1,),
    "os.truncate": (0,),
    "sqlite3.connect": (0,),
}


class FileWrites:
    """Tells of the first write into a folder; one that a program outside of Python makes is not seen.

    From `begin` on it watches for as long as the process lives, because an audit hook cannot be taken away.

    Args:
        folder: The folder.
        report: Takes the path; it may be called in any thread, and in forks.
    """

    def __init__(self, folder: str, report: Callable[[str], None]) -> None:
        self._prefixes = (f"{os.path.abspath(folder)}/", f"{os.path.realpath(folder)}/")  # noqa: PTH100 - as in _path
        self._report = report
        self._reported = self._watching = False

    def begin(self) -> None:
        """Tell of the next write, again if one was told of."""
        self._reported = False
        if not self._watching:
            self._watching = True
            sys.addaudithook(self._audit)

    def _audit(self, event: str, arguments: tuple[Any, ...]) -> None:
        # It is called for every import and every file that is opened: nothing may come before these two.
        if event not in _PATHS or self._reported:
            return
        if event == "open" and not (isinstance(flags := arguments[2], int) and flags & _WRITES):
            return
        for number in _PATHS[event]:
            path = _path(arguments[number])
            # What Python keeps there of modules is its own affair.
            if path.startswith(self._prefixes) and "/__pycache__" not in path:
                self._reported = True
                self._report(path)
                return


def _path(given: object) -> str:
    """A path as a whole; "" for what is none, such as a descriptor."""
    try:
        return os.path.abspath(os.fsdecode(given))  # type: ignore[arg-type]  # noqa: PTH100 - pathlib's costs ten times that
    except Exception:  # noqa: BLE001 - what a hook raises is raised by what it watches, and the paths of others may raise anything
        return ""
