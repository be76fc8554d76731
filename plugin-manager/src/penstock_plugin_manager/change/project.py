"""Changes to the project's files alone: under the environment's lock, and remembered by its current generation."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from penstock_plugin_manager.apply.files import write_files
from penstock_plugin_manager.apply.generations import amend
from penstock_plugin_manager.change.session import Session
from penstock_plugin_manager.errors import CHANGES, OK
from penstock_plugin_manager.model.toml import read_text


def write_project(files: Mapping[str, str | None], title: str, session: Session, *, dry_run: bool = False) -> int:
    """Write some files of the project.

    Args:
        files: New text by path; None takes a file away.
        title: The command, for the history.
        session: The call.
        dry_run: Whether nothing is written.

    Returns:
        The exit code: 2 where a dry run would change something.
    """
    changed = any((read_text(Path(name)) or None) != (text or None) for name, text in files.items())
    if dry_run:
        return CHANGES if changed else OK
    if not session.has_environment:
        write_files(files)
    elif changed:
        with session.holding(title):
            write_files(files)
            if session.environment.has_generations:
                amend(session.environment, title, dict(files))
    return OK
