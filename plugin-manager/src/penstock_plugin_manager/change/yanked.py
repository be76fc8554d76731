"""Yanked releases (PEP 592) among what is about to be installed: a solution has none, but a lock and a version by its number may."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

from penstock_plugin_manager.change.session import Session
from penstock_plugin_manager.errors import ManagerError, MissingError
from penstock_plugin_manager.index.simple import read_project
from penstock_plugin_manager.model.lock import Lock, Locked
from penstock_plugin_manager.model.names import normalize
from penstock_plugin_manager.model.requirement import parse_requirement

_SECONDS = 3.0


def yanked(packages: Iterable[Locked], lock: Lock, old: Lock | None, session: Session) -> list[str]:
    """Return a sentence for each package whose version its source has yanked.

    An index that does not answer at once is not waited for: what a lock names can be installed without it.

    Args:
        packages: What is about to be installed.
        lock: The lock that they are of.
        old: The lock that was there before; None for none.
        session: The call.
    """
    before = {(each.name, each.version) for each in (old.packages if old else ())}
    by_number = {
        normalize(each.name) for each in map(parse_requirement, lock.roots) if each and "==" in str(each.specifier)
    }
    asked = [each for each in packages if (each.name, each.version) in before or each.name in by_number]
    asked = [each for each in asked if not each.place]
    if not asked or session.options.offline or not session.sources.indexes:
        return []
    client = session.client.hurried(_SECONDS)

    def reason(package: Locked) -> str | None:
        try:
            files = read_project(package.name, session.sources, client).files
        except MissingError:
            return None
        own = [each.yanked for each in files if each.version == package.version]
        return next((each for each in own if each), "") if own and None not in own else None

    try:
        first = reason(asked[0])
        with ThreadPoolExecutor(8) as pool:
            reasons = [first, *pool.map(reason, asked[1:])]
    except ManagerError as error:
        session.console.note(f"Whether a release of the lock is yanked could not be asked: {error}")
        return []
    return [
        f"{each.name} {each.version} is yanked{f': {why}' if why else ''}"
        for each, why in zip(asked, reasons, strict=True)
        if why is not None
    ]
