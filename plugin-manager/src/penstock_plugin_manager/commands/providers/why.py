"""``why``: which provider drags a distribution, through what."""

from __future__ import annotations

import argparse

from penstock_plugin_manager.change.requirements import Ownership, managed, ownership_of
from penstock_plugin_manager.change.session import Session
from penstock_plugin_manager.errors import MissingError, did_you_mean
from penstock_plugin_manager.model.names import normalize
from penstock_plugin_manager.model.requirement import path_to, reach
from penstock_plugin_manager.output import Result, next_command


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    parser.add_argument("distribution", help="an installed distribution, such as botocore")


def run(options: argparse.Namespace, session: Session) -> Result:
    """Say which provider drags a distribution, through what; or that the user installed it, or that nothing needs it.

    Raises:
        MissingError: the distribution is not installed.
    """
    name = normalize(options.distribution)
    found = {place: own for place, own in session.environments.items() if name in own.distributions}
    if not found:
        every = sorted({each for own in session.environments.values() for each in own.distributions})
        raise MissingError(f"{name} is not installed.", did_you_mean(name, every))
    lines: list[str] = []
    paths: list[list[str]] = []
    for place, own in found.items():
        reasons, ways = _reasons(name, own)
        lines += [f"In an environment of its own for {place}:"] if place else []
        lines += reasons
        paths += ways
    first = next(iter(found.values()))
    by_hand = name in _ownership(first)[1].by_hand
    data = {"distribution": name, "version": first.distributions[name].version, "by_hand": by_hand, "paths": paths}
    return Result(data, lines)


def _ownership(session: Session) -> tuple[dict[str, tuple[str, ...]], Ownership]:
    roots = {**managed(session, session.intent)}
    for each in session.providers:
        roots.setdefault(each.distribution, ())
    return roots, ownership_of(session, roots)


def _reasons(name: str, session: Session) -> tuple[list[str], list[list[str]]]:
    """Return why a distribution stands in one environment, in words and as paths from what was asked for."""
    present = session.distributions
    roots, own = _ownership(session)
    paths: list[list[str]] = []
    for root, extras in {**roots, **dict.fromkeys(own.by_hand, ())}.items():
        if root in present:
            reached = reach({root: extras}, present, session.markers)
            parents = {child: {edge.parent for edge in edges} for child, edges in reached.items()}
            path = path_to(name, parents, [root])
            if path:
                paths.append(list(path))
    paths.sort(key=lambda path: (len(path), path))
    lines = [" -> ".join(f"{each} {present[each].version}" for each in path) for path in paths]
    if name in own.by_hand:
        lines = [f"{name} was installed by hand.", *lines[1:]]
    if not paths:
        lines = [f"Nothing needs {name}.", *([next_command("prune")] if name in own.removable else [])]
    return lines, paths
