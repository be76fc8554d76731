"""What is installed beside a process that lives on while it changes: seen by it without a new interpreter."""

import importlib
import os
import site
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from penstock.plugins.host import PluginHost

_Stamp = tuple[tuple[str, int, int], ...]


class InstalledHost:
    """The host of the plugins that are installed now.

    Args:
        make: Makes a host.
        files: Files besides the folders of ``sys.path`` that a change of what is installed changes.
    """

    def __init__(self, make: "Callable[[], PluginHost]", files: tuple[Path, ...] = ()) -> None:
        self._make, self._files = make, [str(file) for file in files]
        self._stamp, self._links = self._found(), _path_files()
        self._host: PluginHost | None = None

    def __call__(self) -> "PluginHost":
        """Return the host; another one after something was installed, replaced or removed."""
        self.refresh()
        if self._host is None:
            self._host = self._make()
        return self._host

    def refresh(self) -> bool:
        """Have this process import what is installed by now; whether that has changed since the last call."""
        if self._found() == self._stamp:
            return False
        importlib.invalidate_caches()
        links = _path_files()
        for folder, name, _ in sorted(links - self._links):
            # An editable package is a line in such a file, which an interpreter reads once, when it starts.
            site.addpackage(folder, name, None)
        self._links, self._host = links, None
        self._stamp = self._found()
        return True

    def _found(self) -> _Stamp:
        """Stamp each place: installing, replacing and removing a package change the folder in which its metadata lies."""
        return tuple((place, *_stamp_of(place)) for place in [*sys.path, *self._files])


def _stamp_of(place: str) -> tuple[int, int]:
    try:
        found = os.stat(place or ".")  # noqa: PTH116 - at each use of a plugin: pathlib's costs more than the call
    except OSError:
        return 0, 0
    return found.st_mtime_ns, found.st_ino


def _path_files() -> set[tuple[str, str, int]]:
    """The path configuration files (``*.pth``) of this interpreter: folder, name and time of each."""
    folders = [*site.getsitepackages(), *([site.getusersitepackages()] if site.ENABLE_USER_SITE else [])]
    found = {(folder, each.name, _stamp_of(str(each))[0]) for folder in folders for each in Path(folder).glob("*.pth")}
    return {each for each in found if each[2]}
