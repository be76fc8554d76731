"""Holding an environment's lock, and finishing or undoing what an interrupted manager left."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from penstock_plugin_manager.apply.generations import recover_generations
from penstock_plugin_manager.apply.guard import guard
from penstock_plugin_manager.apply.inplace import recover_in_place
from penstock_plugin_manager.commands.session import Session
from penstock_plugin_manager.errors import LockedError
from penstock_plugin_manager.installed.environment import Environment


def lock_folder(environment: Environment) -> Path:
    """Return the folder of an environment's lock; it outlives every generation."""
    return Path(environment.generations if environment.has_generations else environment.state)


@contextlib.contextmanager
def holding(session: Session, purpose: str) -> Iterator[None]:
    """Hold the lock of the session's environment; an interrupted change is recovered first.

    Raises:
        LockedError: another manager held it for longer than this call waits.
    """
    environment = session.environment
    with guard(lock_folder(environment), purpose, session.options.wait, session.console.note) as descriptor:
        session.held = (descriptor,)
        try:
            said = _recover(environment)
            if said:
                session.console.note(said)
            yield
        finally:
            session.held = ()


def recover(environment: Environment, session: Session) -> None:
    """Recover an interrupted change before anything is read; while another manager is at work, leave it to him."""
    try:
        with guard(lock_folder(environment), "recovery", 0.0, session.console.note):
            said = _recover(environment)
    except LockedError as error:
        session.console.note(f"{error} What is shown may be about to change.")
        return
    if said:
        session.console.note(said)


def _recover(environment: Environment) -> str:
    if environment.has_generations:
        return recover_generations(Path(environment.root))
    return recover_in_place(environment)
