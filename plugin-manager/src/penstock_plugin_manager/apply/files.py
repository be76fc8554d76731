"""Writing files whole or not at all; links, permissions and owners stay as they were."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from penstock_plugin_manager.errors import DiskError, ManagerError


def write_text(path: Path, text: str, *, private: bool = False) -> None:
    """Replace a file's text in one step; it is on the disk when this returns.

    Args:
        path: The file.
        text: Its new text.
        private: Whether its owner alone may read it.

    Raises:
        ManagerError: the folder is read-only, the disk is full, or something other than a file is there.
    """
    put_in_place({}, {str(path): _beside(path, text, private=private)})


def stage(files: Mapping[str, str | None]) -> dict[str, Path]:
    """Write new texts beside the files that they shall replace, so that what remains is to rename.

    Args:
        files: Text by path; None takes a file away.

    Returns:
        Where the text of a path lies; paths that are as they should be are left out.

    Raises:
        ManagerError: the folder is read-only or the disk is full; nothing is left behind.
    """
    staged: dict[str, Path] = {}
    try:
        for name, text in files.items():
            path = Path(name)
            if text is not None and not (path.is_file() and path.read_bytes() == text.encode()):
                staged[name] = _beside(path, text)
    except BaseException:
        discard(staged)
        raise
    return staged


def put_in_place(files: Mapping[str, str | None], staged: Mapping[str, Path]) -> None:
    """Put staged texts in their places, and take away the files that shall be gone."""
    for name, temporary in staged.items():
        temporary.replace(os.path.realpath(name))
    for name in (name for name, text in files.items() if text is None):
        Path(name).unlink(missing_ok=True)
    for folder in {temporary.parent for temporary in staged.values()}:
        sync_folder(folder)


def discard(staged: Mapping[str, Path]) -> None:
    """Throw staged texts away."""
    for temporary in staged.values():
        temporary.unlink(missing_ok=True)


def write_files(files: Mapping[str, str | None]) -> None:
    """Write some files, all or none where the disk is full; those that are as they should be are not touched.

    Raises:
        ManagerError: a folder is read-only or the disk is full.
    """
    put_in_place(files, stage(files))


def _beside(path: Path, text: str, *, private: bool = False) -> Path:
    target = Path(os.path.realpath(path))
    if target.exists() and not target.is_file():
        raise DiskError(f"{path} is there and is no file.", "Name another place, or take it away; nothing was changed.")
    temporary = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("w", encoding="utf-8", newline="") as stream:  # a file keeps its own line ends
            if private:
                temporary.chmod(0o600)
            elif target.exists():
                _make_alike(stream.fileno(), target.stat())
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise cannot_write(path, error) from None
    return temporary


def _make_alike(descriptor: int, before: os.stat_result) -> None:
    """Give a new file the owner and the permissions of the one that it will replace, before anything is in it."""
    if hasattr(os, "fchown"):
        with contextlib.suppress(PermissionError):  # who is not root cannot give files away
            os.fchown(descriptor, before.st_uid, before.st_gid)
        os.fchmod(descriptor, stat.S_IMODE(before.st_mode))


def cannot_write(path: Path, error: OSError) -> ManagerError:
    """Return the error for a file that could not be written."""
    if error.errno in {errno.EACCES, errno.EROFS, errno.EPERM}:
        return DiskError(f"{path} may not be written to ({error.strerror}).", "Check who owns it; nothing was changed.")
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return DiskError(f"{path} cannot be written: the disk is full.", "Free some space; nothing was changed.")
    return DiskError(f"{path} cannot be written: {error.strerror or error}.")


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable, where the system offers that."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_json(path: Path, data: dict[str, Any], *, private: bool = False) -> None:
    """Replace a JSON file in one step; a private one is its owner's alone."""
    write_text(path, as_json(data), private=private)


def as_json(data: dict[str, Any]) -> str:
    """Return the text of a JSON file."""
    return json.dumps(data, indent=1, sort_keys=True) + "\n"


def read_json(path: Path) -> dict[str, Any] | None:
    """Return a JSON object from a file, or None where there is none that can be read."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return data if isinstance(data, dict) else None
