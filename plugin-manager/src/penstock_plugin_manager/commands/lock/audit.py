"""``audit``: yanked, archived, quarantined or too young releases."""

from __future__ import annotations

import argparse
import datetime as dt
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from penstock_plugin_manager.arguments import add_source_options, whole
from penstock_plugin_manager.change.known_providers import project_of
from penstock_plugin_manager.change.session import Session
from penstock_plugin_manager.errors import OK, UNVERIFIED
from penstock_plugin_manager.index.simple import Project
from penstock_plugin_manager.model.requirement import Distribution
from penstock_plugin_manager.output import Result, style

_STATUS = {
    "archived": "is archived: expect no more fixes",
    "deprecated": "is deprecated by its maintainers",
    "quarantined": "is quarantined by the index: it may be malicious",
}


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    parser.add_argument(
        "--min-age-days", metavar="N", type=whole, help="report releases younger than this (default: the policy's)"
    )
    add_source_options(parser)


def run(options: argparse.Namespace, session: Session) -> Result:
    """Ask the sources about every installed distribution: yanked files, project states (PEP 792), releases that are too young.

    Providers' own lifecycle states count as well. Exit code 6 if anything is found.
    """
    days = options.min_age_days if options.min_age_days is not None else session.intent.policy.min_age_days
    now = dt.datetime.now(dt.UTC)
    every = [dist for own in session.environments.values() for dist in own.distributions.values() if not dist.source]
    present = list({(dist.name, dist.version): dist for dist in every}.values())
    with ThreadPoolExecutor(8) as pool:
        projects = list(pool.map(lambda dist: project_of(dist.name, session), present))
    findings: list[tuple[str, str]] = []
    unknown = []
    for dist, project in zip(present, projects, strict=True):
        if project is None:
            unknown.append(dist.name)
        else:
            findings += [(dist.name, text) for text in judge(dist, project, days, now)]
    findings += _states(session)
    data: dict[str, Any] = {
        "checked": len(present) - len(unknown),
        "not_in_sources": unknown,
        "findings": [{"distribution": name, "problem": text} for name, text in findings],
    }
    lines = [f"{style(name, 'bold')} {text}" for name, text in findings]
    if unknown:
        lines.append(f"Not found in any source: {', '.join(unknown)}")
    return Result(
        data,
        [*lines, f"{data['checked']} distributions asked for, {len(findings)} findings."],
        UNVERIFIED if findings else OK,
    )


def judge(dist: Distribution, project: Project, days: int | None, now: dt.datetime) -> list[str]:
    """Return what a source says against an installed version."""
    found = []
    if project.status in _STATUS:
        reason = f" ({project.status_reason})" if project.status_reason else ""
        found.append(f"{_STATUS[project.status]}{reason}")
    files = [each for each in project.files if each.version == dist.version]
    if not files:
        found.append(f"{dist.version} is no longer in the sources")
    elif all(each.yanked is not None for each in files):
        reason = next((each.yanked for each in files if each.yanked), "")
        found.append(f"{dist.version} is yanked{f': {reason}' if reason else ''}")
    instants = [each.uploaded for each in files if each.uploaded]
    if days and instants and (now - min(instants)).days < days:
        found.append(f"{dist.version} is {(now - min(instants)).days} days old; {days} are asked for")
    return found


def _states(session: Session) -> list[tuple[str, str]]:
    found = []
    for each in session.every_provider:
        entry = session.catalog.get(each.id)
        state = entry.state if entry else each.manifest.state if each.manifest else "stable"
        replacement = entry.replacement if entry else each.manifest.replacement if each.manifest else ""
        if state in {"deprecated", "suspended", "removed"}:
            found.append((each.distribution, f"is {state}{f'; use {replacement}' if replacement else ''}"))
    return found
