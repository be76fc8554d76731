"""The journal of a change: what is under way, so that a manager that starts after a kill can finish or undo it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from penstock_plugin_manager.apply.files import discard, put_in_place, read_json, stage, write_files, write_json
from penstock_plugin_manager.installed.locate import JOURNAL

COMMITTING = "committing"


class Journal:
    """A file that exists only while a change is under way.

    It names the phase of the change. In every phase before ``committing`` the change is undone after a kill; in that one it has
    been proven, and is finished.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / JOURNAL

    def read(self) -> dict[str, Any] | None:
        """Return what is under way, or None where nothing is."""
        return read_json(self.path)

    def write(self, phase: str, title: str, **facts: Any) -> None:  # noqa: ANN401  JSON of the phase's own
        """Replace the journal in one step.

        Raises:
            ManagerError: the folder is read-only or the disk is full.
        """
        write_json(self.path, {"phase": phase, "title": title, **facts}, private=True)

    def prepare(self, title: str, files: Mapping[str, str | None], **facts: Any) -> dict[str, Path]:  # noqa: ANN401  as above
        """Take every step of the end that a full disk can refuse; from here on, the change is finished and not undone.

        Returns:
            Where the new texts of the project's files lie, for :meth:`commit`.

        Raises:
            ManagerError: the folder is read-only or the disk is full; nothing is left behind.
        """
        staged = stage(files)
        try:
            self.write(COMMITTING, title, files=dict(files), **facts)
        except BaseException:
            discard(staged)
            raise
        return staged

    def commit(self, files: Mapping[str, str | None], staged: Mapping[str, Path]) -> None:
        """Put the project's files in place and end the change."""
        put_in_place(files, staged)
        self.close()

    def finish(self, files: Mapping[str, str | None]) -> None:
        """Do what an interrupted :meth:`commit` left undone; each step may have been done already.

        Raises:
            ManagerError: a folder is read-only or the disk is full.
        """
        write_files(files)
        self.close()

    def close(self) -> None:
        """End the change: nothing is left to finish or to undo."""
        self.path.unlink(missing_ok=True)
