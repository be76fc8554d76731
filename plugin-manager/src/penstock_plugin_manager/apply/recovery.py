"""Finishing or undoing what an interrupted manager left."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from penstock_plugin_manager.apply.generations import recover_generations
from penstock_plugin_manager.apply.guard import guard
from penstock_plugin_manager.apply.inplace import recover_in_place
from penstock_plugin_manager.errors import LockedError
from penstock_plugin_manager.installed.environment import Environment


def lock_folder(environment: Environment) -> Path:
    """Return the folder of an environment's lock; it outlives every generation."""
    return Path(environment.generations if environment.has_generations else environment.state)


def recover(environment: Environment) -> str:
    """Finish or undo an interrupted change; the caller holds the environment's lock.

    Returns:
        A sentence on what was done, or an empty string where nothing was left.
    """
    if environment.has_generations:
        return recover_generations(Path(environment.root))
    return recover_in_place(environment)


def recover_before_reading(environment: Environment, note: Callable[[str], None]) -> None:
    """Recover an interrupted change before anything is read; while another manager is at work, leave it to that one."""
    try:
        with guard(lock_folder(environment), "recovery", 0.0, note):
            done = recover(environment)
    except LockedError as error:
        note(f"{error} What is shown may be about to change.")
        return
    if done:
        note(done)
