"""``rollback``: return to an earlier generation."""

from __future__ import annotations

import argparse

from penstock_plugin_manager.apply.generations import roll_back
from penstock_plugin_manager.change.session import Session
from penstock_plugin_manager.commands.environment.history import generations
from penstock_plugin_manager.errors import MissingError
from penstock_plugin_manager.output import Result


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    parser.add_argument(
        "number", nargs="?", type=int, metavar="GEN", help="a generation (default: the one before the current one)"
    )
    parser.add_argument("--as-it-is", action="store_true", help="return to it even if files of it were changed since")


def run(options: argparse.Namespace, session: Session) -> Result:
    """Return to an earlier generation: its environment, and its intent and lock, in one step. Nothing is fetched.

    Raises:
        MissingError: there is no such generation.
    """
    with session.holding("rollback"):
        known = generations(session)
        current = next(each.number for each in known if each.current)
        number = options.number
        if number is None:
            earlier = [each.number for each in known if each.number < current]
            if not earlier:
                raise MissingError(
                    f"There is no generation before {current}.", "plugin-manager history shows what there is."
                )
            number = max(earlier)
        chosen = roll_back(session.environment, number, as_it_is=options.as_it_is)
    data = {"generation": chosen.number, "from": current, "packages": chosen.packages}
    return Result(data, [f"The environment is generation {chosen.number} again, as `{chosen.title}` left it."])
