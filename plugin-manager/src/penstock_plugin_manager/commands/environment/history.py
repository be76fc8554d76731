"""``history``: the generations of an environment."""

from __future__ import annotations

import argparse

from penstock_plugin_manager.apply.generations import Generation, history
from penstock_plugin_manager.change.session import Session
from penstock_plugin_manager.errors import ManagerError
from penstock_plugin_manager.output import Result, next_command, style, table


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's options: it has none of its own."""
    del parser


def run(options: argparse.Namespace, session: Session) -> Result:
    """Show the generations of the environment, the current one marked."""
    del options
    found = generations(session)
    rows = [
        (
            style("*", "green") if each.current else "",
            str(each.number),
            each.created,
            each.title,
            f"{len(each.packages)} distributions",
        )
        for each in found
    ]
    data = [
        {"number": each.number, "title": each.title, "created": each.created, "current": each.current} for each in found
    ]
    lines = table(("", "GENERATION", "MADE", "BY", "HOLDS"), rows)
    return Result({"generations": data}, [*lines, *([next_command("rollback")] if len(found) > 1 else [])])


def generations(session: Session) -> list[Generation]:
    """Return the generations of the session's environment.

    Raises:
        ManagerError: it has none, because it is a plain environment.
    """
    environment = session.environment
    if not environment.has_generations:
        raise ManagerError(
            f"{environment.root} is a plain environment: changes are journaled, but it keeps no history.",
            "Give it one with: plugin-manager init --adopt",
        )
    return history(environment)
