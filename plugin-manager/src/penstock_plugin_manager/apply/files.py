"""Writing files whole or not at all."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path
from typing import Any

from penstock_plugin_manager.errors import ManagerError


def write_text(path: Path, text: str) -> None:
    """Replace a file's text in one step; it is on the disk when this returns.

    Raises:
        ManagerError: the folder is read-only or the disk is full.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("w", encoding="utf-8") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(path)
        sync_folder(path.parent)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise cannot_write(path, error) from None


def cannot_write(path: Path, error: OSError) -> ManagerError:
    """Return the error for a file that could not be written."""
    if error.errno in {errno.EACCES, errno.EROFS, errno.EPERM}:
        return ManagerError(
            f"{path} may not be written to ({error.strerror}).", "Check who owns it; nothing was changed."
        )
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return ManagerError(f"{path} cannot be written: the disk is full.", "Free some space; nothing was changed.")
    return ManagerError(f"{path} cannot be written: {error.strerror or error}.")


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable, where the system offers that."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_json(path: Path, data: dict[str, Any]) -> None:
    """Replace a JSON file in one step."""
    write_text(path, json.dumps(data, indent=1, sort_keys=True) + "\n")


def read_json(path: Path) -> dict[str, Any] | None:
    """Return a JSON object from a file, or None where there is none that can be read."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return data if isinstance(data, dict) else None
