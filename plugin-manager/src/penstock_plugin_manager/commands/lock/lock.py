"""``lock``: write or check the lock."""

from __future__ import annotations

import argparse
from pathlib import Path

from penstock_plugin_manager.arguments import add_source_options
from penstock_plugin_manager.change.isolate import propose_isolated
from penstock_plugin_manager.change.policy import check_policy
from penstock_plugin_manager.change.project import write_project
from penstock_plugin_manager.change.proposal import with_others
from penstock_plugin_manager.change.request import ChangeRequest, Limits
from penstock_plugin_manager.change.requirements import build_request, managed, ownership_of
from penstock_plugin_manager.change.session import Session
from penstock_plugin_manager.change.solve.solve import solve
from penstock_plugin_manager.errors import CHANGES
from penstock_plugin_manager.model.lock import Lock
from penstock_plugin_manager.model.names import CORE, parse_provider_requirement
from penstock_plugin_manager.model.toml import read_text
from penstock_plugin_manager.output import Result, next_command


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    parser.add_argument(
        "--check",
        "--dry-run",
        action="store_true",
        help="write nothing; exit code 2 if the lock is not what it would be",
    )
    parser.add_argument("--upgrade", action="store_true", help="take the newest versions of everything")
    parser.add_argument("--upgrade-package", metavar="ID", action="append", default=[], help="let this provider move")
    parser.add_argument("--allow-core-change", action="store_true", help="let the core move to another version")
    parser.add_argument("--pre", action="store_true", help="consider pre-releases")
    add_source_options(parser)


def run(options: argparse.Namespace, session: Session) -> Result:
    """Write ``pylock.toml`` (PEP 751) for the intent: all platforms and Pythons with uv, this platform with pip; with hashes."""
    lock, files = solved(options, session)
    path = session.lock_path
    before = {each.name: each.version for each in (session.lock.packages if session.lock else ())}
    after = {each.name: each.version for each in lock.packages}
    moved = sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))
    stale = [name for name, text in files.items() if read_text(Path(name)) != text]
    differences = _differences(session, lock) if stale else []
    data = {
        "lock": str(path), "packages": len(after), "universal": lock.universal, "changed": bool(stale),
        "moved": [{"name": name, "old": before.get(name), "new": after.get(name)} for name in moved],
        "differences": differences,
    }  # fmt: skip
    lines = [f"{name} {before.get(name, 'absent')} -> {after.get(name, 'absent')}" for name in moved]
    if options.check:
        names = ", ".join(Path(name).name for name in stale)
        same = f"The lock is not as it would be made: {names}." if stale else "The lock is as it would be made."
        return Result(data, [*lines, *differences, same], CHANGES if stale else 0)
    write_project(files, "lock", session)
    if not lock.universal:
        session.console.note(
            "pip cannot resolve for other platforms: this lock serves this one. With uv it would serve all."
        )
    message = f"{path} holds {len(after)} distributions." if stale else f"{path} was up to date."
    return Result(data, [*lines, message, next_command("sync")])


def solved(options: argparse.Namespace, session: Session) -> tuple[Lock, dict[str, str | None]]:
    """Return the lock of the intent, solved anew with the old one's versions preferred, and the text of every lock file.

    Raises:
        UnverifiedError: the policy forbids a package.
    """
    own = ownership_of(session, managed(session, session.intent))
    names = [
        CORE if text == "core" else session.distribution_of(parse_provider_requirement(text).id)
        for text in options.upgrade_package
    ]
    upgrade = ("*",) if options.upgrade else tuple(names)
    limits = Limits(core_change=options.allow_core_change, prereleases=options.pre)
    request = build_request(session, session.intent, own, upgrade=upgrade, limits=limits)
    solution = solve(request, session.intent, session, session.distributions)
    for sentence in solution.left_out:
        session.console.note(sentence)
    lock = with_others(solution.lock, session.lock)
    check_policy(lock.packages, session.intent, session)
    files: dict[str, str | None] = {str(session.lock_path): session.lock_text(lock)}
    core = lock.for_environment(session.markers).get(CORE)
    for each in propose_isolated(ChangeRequest("lock", session.intent, upgrade=upgrade), core, limits, session):
        path = session.isolated_lock_path(each.requirement.id)
        files[str(path)] = session.lock_text(each.lock, path)
    return lock, files


def _differences(session: Session, lock: Lock) -> list[str]:
    """Return what differs though no version does: files, hashes, requirements."""
    old = session.lock
    if old is None:
        return []
    found = [f"requirements: {', '.join(old.roots)} -> {', '.join(lock.roots)}"] if old.roots != lock.roots else []
    known = {(each.name, each.version): each for each in old.packages}
    for each in lock.packages:
        before = known.get((each.name, each.version))
        if before and before != each:
            names = {one.name for one in before.wheels} ^ {one.name for one in each.wheels}
            found.append(f"{each.name} {each.version}: {', '.join(sorted(names)) or 'another file, hash or marker'}")
    return found
