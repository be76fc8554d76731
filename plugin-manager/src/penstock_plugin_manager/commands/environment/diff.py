"""``diff``: what differs between two generations."""

from __future__ import annotations

import argparse

from penstock_plugin_manager.change.session import Session
from penstock_plugin_manager.commands.environment.history import generations
from penstock_plugin_manager.errors import MissingError
from penstock_plugin_manager.output import Result, table


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    parser.add_argument(
        "old", nargs="?", type=int, metavar="GEN", help="a generation (default: the one before the other)"
    )
    parser.add_argument("new", nargs="?", type=int, metavar="GEN", help="another generation (default: the current one)")


def run(options: argparse.Namespace, session: Session) -> Result:
    """Compare two generations; without numbers, the current one with the one before it.

    Raises:
        MissingError: there is no such generation.
    """
    known = {each.number: each for each in generations(session)}
    current = next(number for number, each in known.items() if each.current)
    new = options.new if options.new is not None else current
    earlier = [number for number in known if number < new]
    old = options.old if options.old is not None else max(earlier, default=new)
    for number in (old, new):
        if number not in known:
            raise MissingError(
                f"There is no generation {number}.", f"There are: {', '.join(str(each) for each in known)}."
            )
    before, after = known[old].packages, known[new].packages
    names = sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))
    data = [{"name": name, "old": before.get(name), "new": after.get(name)} for name in names]
    rows = [(name, before.get(name, "absent"), after.get(name, "absent")) for name in names]
    lines = table(("DISTRIBUTION", f"GENERATION {old}", f"GENERATION {new}"), rows) if rows else ["They hold the same."]
    return Result({"old": old, "new": new, "differences": data}, lines)
