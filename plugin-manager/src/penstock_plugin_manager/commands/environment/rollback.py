"""``rollback``: return to an earlier generation."""

from __future__ import annotations

import argparse

from penstock_plugin_manager.apply.generations import Generation, roll_back
from penstock_plugin_manager.arguments import add_dry_run_option
from penstock_plugin_manager.change.execute_plan import intent_text
from penstock_plugin_manager.change.policy import check_policy
from penstock_plugin_manager.change.session import Session
from penstock_plugin_manager.commands.environment.history import generations
from penstock_plugin_manager.errors import CHANGES, OK, MissingError
from penstock_plugin_manager.model.intent import OWN, read_intent
from penstock_plugin_manager.model.lock import Locked
from penstock_plugin_manager.model.toml import parse
from penstock_plugin_manager.output import Result

_UNCHANGED = "Nothing was changed."


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    parser.add_argument(
        "number", nargs="?", type=int, metavar="GEN", help="a generation (default: the one before the current one)"
    )
    add_dry_run_option(parser)
    parser.add_argument("--as-it-is", action="store_true", help="return to it even if files of it were changed since")


def run(options: argparse.Namespace, session: Session) -> Result:
    """Return to an earlier generation: its environment, and its intent and lock, in one step. Nothing is fetched.

    What the manager does not write into ``penstock.toml`` and ``pylock.toml`` stays as it is now.

    Raises:
        MissingError: there is no such generation.
    """
    with session.holding("rollback"):
        known = {each.number: each for each in generations(session)}
        current = next(each for each in known.values() if each.current)
        number = options.number
        if number is None:
            number = max((each for each in known if each < current.number), default=None)
        if number is None:
            raise MissingError(
                f"There is no generation before {current.number}.", "plugin-manager history shows what there is."
            )
        if number not in known:
            numbers = ", ".join(str(each) for each in sorted(known))
            raise MissingError(f"There is no generation {number}.", f"There are: {numbers}.")
        chosen = known[number]
        files = _files(chosen, session)
        check_policy(_packages(chosen, current, session), session.intent, session)
        data = {"generation": number, "from": current.number, "packages": chosen.packages}
        if options.dry_run:
            code = CHANGES if chosen != current else OK
            return Result(
                data, [f"Generation {number}, as `{chosen.title}` left it, would be current.", _UNCHANGED], code
            )
        roll_back(session.environment, chosen, files, as_it_is=options.as_it_is)
    return Result(data, [f"The environment is generation {number} again, as `{chosen.title}` left it."])


def _files(chosen: Generation, session: Session) -> dict[str, str | None]:
    """Return the project's files for a generation: the manager's own part as it was then, all else as it is now."""
    files = dict(chosen.files)
    name = str(session.intent_path)
    then = read_intent(parse(files.get(name) or "", name), name)
    intent = session.intent._replace(**{key: getattr(then, key) for key in OWN})
    files[name] = intent_text(session.intent_text, intent, session)
    later = {str(session.isolated_lock_path(each)) for each in session.intent.isolated_ids}
    for path in {str(session.lock_path), *later} - files.keys():
        files[path] = None
    lock = session.lock_of(files[str(session.lock_path)] or "", session.lock_path)
    if lock and session.lock:
        files[str(session.lock_path)] = session.lock_text(lock)
    return files


def _packages(chosen: Generation, current: Generation, session: Session) -> list[Locked]:
    """Return what a rollback brings that does not stand now, as far as its lock knows with its files."""
    lock = session.lock_of(chosen.files.get(str(session.lock_path)) or "", session.lock_path)
    locked = {each.name: each for each in (lock.for_environment(session.markers).values() if lock else ())}
    fresh = {name: version for name, version in chosen.packages.items() if current.packages.get(name) != version}
    return [locked.get(name, Locked(name, version)) for name, version in fresh.items()]
