"""Publishers: who attested a file on its index (PEP 740), remembered in the lock.

The identity is read from the provenance document of the index; its signature is the index's word and is not proven again here.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from penstock_manifest.format import plain

from penstock_plugin_manager.change.known_providers import project_of
from penstock_plugin_manager.change.project import write_project
from penstock_plugin_manager.change.session import Session
from penstock_plugin_manager.errors import ManagerError, MissingError
from penstock_plugin_manager.index.simple import Project
from penstock_plugin_manager.model.lock import Locked


class Publishers(NamedTuple):
    """What an index said of publishers.

    Attributes:
        found: Publisher by distribution.
        problems: Distribution and what is wrong: a publisher that changed, or one that is gone.
        not_asked: Distribution and why nobody could be asked: that is no answer, and forbids none.
    """

    found: Mapping[str, str]
    problems: list[tuple[str, str]]
    not_asked: list[tuple[str, str]]


def ask_publishers(session: Session, *, remember: bool) -> Publishers:
    """Compare the publishers on the index with those in the lock.

    Args:
        session: The call.
        remember: Whether new publishers are written into the lock.
    """
    lock = session.lock
    packages = list(lock.packages) if lock else []
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda each: _publisher(each, session), packages))
    found = {each.name: answer for each, answer in zip(packages, answers, strict=True) if isinstance(answer, str)}
    not_asked = [
        (each.name, f"its publisher could not be asked for: {answer}")
        for each, answer in zip(packages, answers, strict=True)
        if isinstance(answer, ManagerError)
    ]
    problems = compare({each.name: each.publisher for each in packages if each.name in found}, found)
    if remember and lock and not problems:
        kept = tuple(each._replace(publisher=found.get(each.name) or each.publisher) for each in packages)
        files: dict[str, str | None] = {str(session.lock_path): session.lock_text(lock._replace(packages=kept))}
        write_project(files, "verify --remember", session)
    return Publishers({name: publisher for name, publisher in found.items() if publisher}, problems, not_asked)


def compare(remembered: Mapping[str, str], found: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return what is wrong with publishers: a changed one, or one that no longer attests."""
    problems = []
    for name, old in sorted(remembered.items()):
        new = found.get(name, "")
        if old and new and old != new:
            problems.append((name, f"its publisher changed from {old} to {new}"))
        elif old and not new:
            problems.append((name, f"its publisher was {old}; the file is no longer attested"))
    return problems


def _publisher(package: Locked, session: Session) -> str | ManagerError:
    """Return who attested a package's files, "" for nobody, or why that could not be asked."""
    try:
        return publisher_of(package, project_of(package.name, session), session)
    except ManagerError as error:
        return error


def publisher_of(package: Locked, project: Project | None, session: Session) -> str:
    """Return who attested a package's files on their index; "" where nobody did.

    Args:
        package: The package.
        project: What the sources have of it.
        session: The call.

    Raises:
        ManagerError: the index could not be asked.
    """
    names = {each.name for each in package.wheels}
    locations = sorted(
        {each.provenance for each in (project.files if project else ()) if each.name in names and each.provenance}
    )
    try:
        return read_publisher(session.client.fetch(locations[0], "application/json").body) if locations else ""
    except MissingError:
        return ""


def read_publisher(body: bytes) -> str:
    """Return the publisher that a provenance document names, such as ``GitHub owner/repository release.yml``; else empty."""
    try:
        publisher = json.loads(body)["attestation_bundles"][0]["publisher"]
        parts = [
            publisher["kind"],
            publisher.get("repository") or publisher.get("email") or "",
            publisher.get("workflow") or "",
        ]
    except (ValueError, KeyError, IndexError, TypeError, AttributeError):
        return ""
    return plain(" ".join(part for part in parts if isinstance(part, str) and part))
