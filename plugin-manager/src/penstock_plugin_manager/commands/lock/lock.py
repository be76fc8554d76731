"""``lock``: write or check the lock."""

from __future__ import annotations

import argparse

from penstock_plugin_manager.apply.files import write_files
from penstock_plugin_manager.arguments import add_source_options
from penstock_plugin_manager.change.policy import check_policy
from penstock_plugin_manager.change.proposal import solve, with_others
from penstock_plugin_manager.change.request import Limits
from penstock_plugin_manager.change.requirements import build_request, managed, ownership_of
from penstock_plugin_manager.change.session import Session
from penstock_plugin_manager.errors import CHANGES
from penstock_plugin_manager.model.lock import Lock
from penstock_plugin_manager.model.names import CORE, parse_provider_requirement
from penstock_plugin_manager.model.toml import read_text
from penstock_plugin_manager.output import Result, next_command


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    parser.add_argument(
        "--check", action="store_true", help="write nothing; exit code 2 if the lock is not what it would be"
    )
    parser.add_argument("--upgrade", action="store_true", help="take the newest versions of everything")
    parser.add_argument("--upgrade-package", metavar="ID", action="append", default=[], help="let this provider move")
    parser.add_argument("--allow-core-change", action="store_true", help="let the core move to another version")
    parser.add_argument("--pre", action="store_true", help="consider pre-releases")
    add_source_options(parser)


def run(options: argparse.Namespace, session: Session) -> Result:
    """Write ``pylock.toml`` (PEP 751) for the intent: all platforms and Pythons with uv, this platform with pip; with hashes."""
    with session.holding("lock"):
        lock = solved(options, session)
        check_policy(lock.packages, session.intent, session)
        path = session.lock_path
        old = read_text(path)
        text = session.lock_text(lock)
        before = {each.name: each.version for each in (session.lock.packages if session.lock else ())}
        after = {each.name: each.version for each in lock.packages}
        moved = sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))
        data = {
            "lock": str(path), "packages": len(after), "universal": lock.universal, "changed": old != text,
            "moved": [{"name": name, "old": before.get(name), "new": after.get(name)} for name in moved],
        }  # fmt: skip
        lines = [f"{name} {before.get(name, 'absent')} -> {after.get(name, 'absent')}" for name in moved]
        if options.check:
            same = "The lock is as it would be made." if old == text else "The lock is not as it would be made."
            return Result(data, [*lines, same], CHANGES if old != text else 0)
        write_files({str(path): text})
    if not lock.universal:
        session.console.note(
            "pip cannot resolve for other platforms: this lock serves this one. With uv it would serve all."
        )
    message = f"{path} holds {len(after)} distributions." if old != text else f"{path} was up to date."
    return Result(data, [*lines, message, next_command("sync")])


def solved(options: argparse.Namespace, session: Session) -> Lock:
    """Return the lock of the intent, solved anew with the old one's versions preferred."""
    own = ownership_of(session, managed(session, session.intent))
    names = [
        CORE if text == "core" else session.distribution_of(parse_provider_requirement(text).id)
        for text in options.upgrade_package
    ]
    upgrade = ("*",) if options.upgrade else tuple(names)
    limits = Limits(core_change=options.allow_core_change, prereleases=options.pre)
    request = build_request(session, session.intent, own, upgrade=upgrade, limits=limits)
    return with_others(solve(request, session.intent, session), session.lock)
