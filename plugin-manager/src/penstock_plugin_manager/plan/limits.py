"""Budgets and policy: what a plan may not do, whatever was asked. What cannot be proven is refused."""

from __future__ import annotations

import datetime as dt
import posixpath
from collections.abc import Iterable
from fnmatch import fnmatchcase
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

from penstock_plugin_manager.model.intent import Policy
from penstock_plugin_manager.model.lock import File, Locked, order
from penstock_plugin_manager.model.names import normalize
from penstock_plugin_manager.model.requirement import human_size
from penstock_plugin_manager.plan.steps import Plan


class Budget(NamedTuple):
    """Limits of one change; None is no limit."""

    max_bytes: int | None = None
    max_dists: int | None = None


class Candidate(NamedTuple):
    """A package that a policy is asked about, with all that could be found out about it.

    Attributes:
        ids: Ids of the providers in it; none for a package that is no provider.
        states: What its manifest and the catalogs say of its lifecycle; none where nobody says anything.
        publisher: Who attested the file; "" where nobody did.
    """

    package: Locked
    ids: frozenset[str] = frozenset()
    states: frozenset[str] = frozenset()
    publisher: str = ""

    @property
    def files(self) -> list[File]:
        """Return every file that may be installed."""
        return [*self.package.wheels, *([self.package.sdist] if self.package.sdist else [])]


def over_budget(plan: Plan, budget: Budget) -> list[str]:
    """Return what a plan exceeds, as sentences. A budget cannot be proven where a size is unknown."""
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


def violations(policy: Policy, candidates: Iterable[Candidate], now: dt.datetime) -> list[str]:
    """Return what packages do against a policy, as sentences.

    Args:
        policy: What is permitted.
        candidates: The packages in question.
        now: The present instant, aware.
    """
    found = []
    for each in sorted(candidates, key=lambda candidate: order(candidate.package)):
        found += _by_name(policy, each)
        found += _by_state(policy, each)
        found += _by_source(policy, each)
        found += _by_age(policy, each, now)
        found += _by_publisher(policy, each)
    return found


def permitted_id(policy: Policy, provider_id: str) -> bool:
    """Tell whether a policy's lists of names let a provider take part."""
    names = {normalize(provider_id)}
    return not any(_named(names, rule) for rule in policy.deny) and (
        not policy.allow or any(_named(names, rule) for rule in policy.allow)
    )


def _by_name(policy: Policy, each: Candidate) -> list[str]:
    name = each.package.name
    names = {normalize(one) for one in (name, *each.ids)}
    found = []
    denied = next((rule for rule in policy.deny if _named(names, rule)), None)
    if denied:
        found.append(f"{name} is denied by the policy ({denied!r})")
    if each.ids and policy.allow and not any(_named(names, rule) for rule in policy.allow):
        found.append(f"{name} is not on the policy's list of allowed providers")
    return found


def _named(names: Iterable[str], rule: str) -> bool:
    """Tell whether a rule names one of some names in normal form; a rule may have wildcards and any spelling."""
    return any(fnmatchcase(name, normalize(rule)) for name in names)


def _by_state(policy: Policy, each: Candidate) -> list[str]:
    if not (policy.states and each.ids):
        return []
    permitted = ", ".join(policy.states)
    if not each.states:
        return [f"the state of {each.package.name} is unknown; the policy permits {permitted}"]
    bad = sorted(each.states - set(policy.states))
    return [f"{each.package.name} is {bad[0]}; the policy permits {permitted}"] if bad else []


def _by_source(policy: Policy, each: Candidate) -> list[str]:
    if not policy.sources:
        return []
    package = each.package
    locations = [file.url or file.path for file in each.files] or [package.place]
    bad = [place for place in locations if not any(_below(place, rule) for rule in policy.sources)]
    return (
        [f"{package.name} comes from {bad[0] or 'nowhere'}, which is no source that the policy permits"] if bad else []
    )


def _below(place: str, rule: str) -> bool:
    """Tell whether a place is a rule's, or lies below it: host by host and folder by folder, each with wildcards."""
    if rule == "*":
        return True
    kind, host, folders = _parts(place)
    wanted_kind, wanted_host, wanted = _parts(rule.removesuffix("*"))
    if kind != wanted_kind or not fnmatchcase(host, wanted_host) or len(folders) < len(wanted):
        return False
    return all(fnmatchcase(folder, pattern) for folder, pattern in zip(folders, wanted, strict=False))


def _parts(place: str) -> tuple[str, str, list[str]]:
    """Return scheme, host with port, and folders; a path is a file's, and what leads upwards is followed."""
    url = urlsplit(place if "://" in place else f"file:///{place}")
    host = url.netloc.rpartition("@")[2].lower()
    path = posixpath.normpath(unquote(url.path) or "/")
    return url.scheme.lower(), host, [part for part in path.split("/") if part]


def _by_age(policy: Policy, each: Candidate, now: dt.datetime) -> list[str]:
    if not policy.min_age_days:
        return []
    package = f"{each.package.name} {each.package.version}".strip()
    instants = [file.uploaded for file in each.files]
    if not instants or None in instants:
        return [f"the age of {package} is unknown; the policy asks for {policy.min_age_days} days"]
    days = (now - max(instant for instant in instants if instant)).days
    return (
        [f"{package} is {days} days old; the policy asks for {policy.min_age_days}"]
        if days < policy.min_age_days
        else []
    )


def _by_publisher(policy: Policy, each: Candidate) -> list[str]:
    if not policy.publishers or each.publisher in policy.publishers:
        return []
    if not each.publisher:
        return [f"nobody is known to have published {each.package.name}; the policy names its publishers"]
    return [f"{each.package.name} is published by {each.publisher}, whom the policy does not name"]
