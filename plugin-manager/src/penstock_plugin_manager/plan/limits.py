"""Budgets and policy: what a plan may not do, whatever was asked."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from fnmatch import fnmatch
from typing import NamedTuple

from penstock_plugin_manager.model.intent import Policy
from penstock_plugin_manager.model.lock import Locked, order
from penstock_plugin_manager.model.names import id_of_distribution
from penstock_plugin_manager.model.requirement import human_size
from penstock_plugin_manager.plan.steps import Plan


class Budget(NamedTuple):
    """Limits of one change; None is no limit."""

    max_bytes: int | None = None
    max_dists: int | None = None


def over_budget(plan: Plan, budget: Budget) -> list[str]:
    """Return what a plan exceeds, as sentences. Downloads of unknown size count as nothing and are named."""
    found = []
    added = [step for step in plan.steps if step.action == "add"]
    if budget.max_dists is not None and len(added) > budget.max_dists:
        found.append(f"{len(added)} distributions would be added; the budget is {budget.max_dists}")
    if budget.max_bytes is not None:
        known = [step.download for step in plan.steps if step.download is not None]
        unknown = [step.name for step in plan.steps if step.action != "remove" and step.download is None]
        if sum(known) > budget.max_bytes:
            found.append(f"{human_size(sum(known))} would be fetched; the budget is {human_size(budget.max_bytes)}")
        elif unknown:
            found.append(f"the size of {', '.join(unknown)} is unknown, so the budget cannot be proven")
    return found


def violations(policy: Policy, packages: Iterable[Locked], states: Mapping[str, str], now: dt.datetime) -> list[str]:
    """Return what packages do against a policy, as sentences.

    Args:
        policy: What is permitted.
        packages: The packages in question.
        states: Lifecycle state of each provider distribution that is known.
        now: The present instant, aware.
    """
    found = []
    for package in sorted(packages, key=order):
        names = {package.name, id_of_distribution(package.name) or package.name}
        denied = next((rule for rule in policy.deny if any(fnmatch(name, rule) for name in names)), None)
        if denied:
            found.append(f"{package.name} is denied by the policy ({denied!r})")
        is_provider = package.name in states or id_of_distribution(package.name) is not None
        if is_provider and policy.allow and not any(fnmatch(name, rule) for rule in policy.allow for name in names):
            found.append(f"{package.name} is not on the policy's list of allowed providers")
        state = states.get(package.name, "")
        if policy.states and state and state not in policy.states:
            found.append(f"{package.name} is {state}; the policy permits {', '.join(policy.states)}")
        found += _sources(policy, package)
        found += _age(policy, package, now)
        if policy.publishers and package.publisher and package.publisher not in policy.publishers:
            found.append(f"{package.name} is published by {package.publisher}, whom the policy does not name")
    return found


def _sources(policy: Policy, package: Locked) -> list[str]:
    if not policy.sources:
        return []
    files = [*package.wheels, *([package.sdist] if package.sdist else [])]
    locations = [each.url or each.path for each in files] or [package.directory or package.archive]
    bad = [
        place
        for place in locations
        if not any(place.startswith(rule) or fnmatch(place, rule) for rule in policy.sources)
    ]
    return [f"{package.name} comes from {bad[0]}, which is no source that the policy permits"] if bad else []


def _age(policy: Policy, package: Locked, now: dt.datetime) -> list[str]:
    if not policy.min_age_days:
        return []
    instants = [each.uploaded for each in package.wheels if each.uploaded]
    if not instants:
        return []
    days = (now - max(instants)).days
    if days >= policy.min_age_days:
        return []
    return [f"{package.name} {package.version} is {days} days old; the policy asks for {policy.min_age_days}"]
