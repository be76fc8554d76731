"""``verify``: installed files against their records and the lock."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import NamedTuple

from penstock_plugin_manager.apply.python import start_problem
from penstock_plugin_manager.arguments import Parser, add_source_options
from penstock_plugin_manager.change.publishers import Publishers, ask_publishers
from penstock_plugin_manager.change.session import Session
from penstock_plugin_manager.errors import ERROR, OK, UNVERIFIED
from penstock_plugin_manager.installed.damage import damaged
from penstock_plugin_manager.output import Result, style


class Finding(NamedTuple):
    """Something that is not as it was recorded."""

    distribution: str
    problem: str


def configure(parser: Parser) -> None:
    """Add the command's options."""
    parser.add_argument(
        "--publishers", action="store_true", help="ask the index who published each distribution (PEP 740)"
    )
    parser.add_argument("--remember", action="store_true", help="with --publishers: keep what was found in the lock")
    add_source_options(parser)
    parser.only(("remember",), lambda options: options.publishers, "with --publishers")


def run(options: argparse.Namespace, session: Session) -> Result:
    """Compare each installed file with its record, and each version with the lock. Exit code 6 if anything differs.

    Exit code 1 if a publisher could not be asked for: that is no answer.
    """
    findings = [
        each._replace(distribution=f"{each.distribution} (of isolated {name})") if name else each
        for name, own in session.environments.items()
        for each in (*_against_start(own), *_against_record(own), *against_lock(own))
    ]
    missing = sorted(set(session.intent.isolated_ids) - session.environments.keys())
    findings += [Finding(session.distribution_of(name), "its own environment is missing") for name in missing]
    count = sum(len(own.distributions) for own in session.environments.values())
    publishers = Publishers({}, [], [])
    if options.publishers:
        publishers = ask_publishers(session, remember=options.remember)
        findings += [Finding(name, problem) for name, problem in publishers.problems]
    data = {
        "checked": count,
        "findings": [each._asdict() for each in findings],
        "publishers": publishers.found,
        "linked": {name: each.project for name, each in session.links.items()},
        "not_asked": [{"distribution": name, "problem": reason} for name, reason in publishers.not_asked],
    }
    lines = [f"{style(each.distribution, 'bold')}: {each.problem}" for each in findings]
    lines += [f"{name} is published by {publisher}" for name, publisher in sorted(publishers.found.items())]
    lines += [f"{style(name, 'bold')}: {reason}" for name, reason in publishers.not_asked]
    lines += link_lines(session)
    lines.append(f"{count} distributions checked, {len(findings)} findings.")
    return Result(data, lines, UNVERIFIED if findings else ERROR if publishers.not_asked else OK)


def _against_start(session: Session) -> list[Finding]:
    problem = start_problem(session.environment)
    return [Finding(session.environment.python, problem)] if problem else []


def _against_record(session: Session) -> list[Finding]:
    place = session.environment
    damage = damaged(Path(place.site), sorted(session.distributions), place.state, reread=True)
    return [Finding(name, each.sentence) for name, found in damage.items() for each in found]


def link_lines(session: Session) -> list[str]:
    """Return a line for each linked provider: what is installed of it is sound or not, and is not what is used."""
    return [
        f"{name} is linked to {each.project}, which stands before what is installed."
        for name, each in session.links.items()
    ]


def against_lock(session: Session) -> list[Finding]:
    """Return what the lock names and the environment does not hold in that version."""
    if session.lock is None:
        return []
    target = session.lock.for_environment(session.markers)
    found = []
    for name, locked in sorted(target.items()):
        dist = session.distributions.get(name)
        if dist is None:
            found.append(Finding(name, f"the lock has {locked.version}; it is not installed"))
        elif locked.version and dist.version != locked.version:
            found.append(Finding(name, f"the lock has {locked.version}; {dist.version} is installed"))
    return found
