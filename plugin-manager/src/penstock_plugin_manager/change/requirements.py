"""From provider ids to requirements: what the resolver is asked for, and what it must leave alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from penstock_plugin_manager.change.request import Limits
from penstock_plugin_manager.change.session import Session
from penstock_plugin_manager.model.intent import Intent
from penstock_plugin_manager.model.lock import Lock
from penstock_plugin_manager.model.names import CORE, ProviderRequirement, normalize
from penstock_plugin_manager.model.requirement import Distribution, parse_requirement, reach
from penstock_plugin_manager.resolve.request import Request


class Ownership(NamedTuple):
    """Who a distribution of the environment belongs to.

    Attributes:
        foreign: Distributions that the user installed by hand, with all that they need; they are left alone.
        by_hand: The ones among them that the user named.
        removable: Distributions that are there only for providers' sake.
    """

    foreign: frozenset[str]
    by_hand: frozenset[str]
    removable: frozenset[str]


def ownership_of(session: Session, managed: Mapping[str, tuple[str, ...]]) -> Ownership:
    """Return who the distributions of a session's environment belong to.

    Args:
        session: The call.
        managed: Distributions that the manager answers for, with their extras.
    """
    return ownership(session.distributions, set(session.state().get("brought", ())), managed, session.markers)


def ownership(
    present: Mapping[str, Distribution],
    brought: set[str],
    managed: Mapping[str, tuple[str, ...]],
    markers: Mapping[str, str],
) -> Ownership:
    """Decide what belongs to the manager.

    Args:
        present: What stands in the environment.
        brought: Names that the manager recorded when it installed them.
        managed: Distributions of wanted and dropped providers, of packages and the core, with their extras.
        markers: The environment's markers.
    """
    by_hand = {name for name, dist in present.items() if name not in brought and name not in managed and dist.requested}
    foreign = {name for name in reach(dict.fromkeys(by_hand, ()), present, markers) if name in present}
    ours = set(reach(managed, present, markers)) & set(present)
    removable = (brought | {name for name in ours if not present[name].requested}) - foreign - set(managed)
    return Ownership(frozenset(foreign), frozenset(by_hand), frozenset(removable & set(present)))


def requirement_of(requirement: ProviderRequirement, distribution: str) -> str:
    """Return the requirement on a distribution that a requirement on a provider stands for."""
    extras = f"[{','.join(requirement.extras)}]" if requirement.extras else ""
    return f"{distribution}{extras}{requirement.specifier}"


def wanted(session: Session, intent: Intent) -> dict[str, str]:
    """Return the distributions that an intent names, with the requirement as the intent writes it."""
    found = {session.distribution_of(each.id): str(each) for each in intent.providers}
    for text in intent.packages:
        requirement = parse_requirement(text)
        if requirement:
            found[normalize(requirement.name)] = text
    return found


def managed(session: Session, intent: Intent) -> dict[str, tuple[str, ...]]:
    """Return the distributions that an intent answers for, with their extras; the core is one of them."""
    found: dict[str, tuple[str, ...]] = {CORE: ()}
    for each in intent.providers:
        found[session.distribution_of(each.id)] = each.extras
    for text in intent.packages:
        requirement = parse_requirement(text)
        if requirement:
            found[normalize(requirement.name)] = tuple(sorted(requirement.extras))
    return found


def build_request(
    session: Session, intent: Intent, own: Ownership, *, upgrade: tuple[str, ...], limits: Limits
) -> Request:
    """Return what the resolver is asked: requirements as roots; core and foreign distributions as constraints."""
    core_may_move = limits.core_change or CORE in upgrade
    present = session.distributions
    roots = [
        _root(requirement_of(requirement, session.distribution_of(requirement.id)), present)
        for requirement in intent.providers
    ]
    roots += [*intent.packages, _root(f"{CORE}{intent.core}", present)]
    constraints = []
    core = _version_of_core(session.lock, present)
    if core and not core_may_move:
        constraints.append(f"{CORE}=={core}")
    for name in sorted(own.foreign):
        if name in own.by_hand and not present[name].source.startswith("file:"):
            constraints.append(f"{name}=={present[name].version}")
        constraints += _limits(present[name], session.markers)
    preferred = {each.name: each.version for each in (session.lock.packages if session.lock else ())}
    preferred |= {name: dist.version for name, dist in present.items() if name not in preferred}
    return Request(
        roots=tuple(sorted(roots)),
        constraints=tuple(constraints),
        preferred=tuple(sorted(preferred.items())),
        upgrade=upgrade,
        python=intent.python,
        allow_prerelease=limits.prereleases,
    )


def _root(requirement: str, present: Mapping[str, Distribution]) -> str:
    """Return a root; a distribution that was installed from a folder stays bound to that folder."""
    parsed = parse_requirement(requirement)
    dist = present.get(normalize(parsed.name)) if parsed else None
    if dist is None or not dist.source.startswith("file:") or parsed is None:
        return requirement
    if dist.editable:
        return f"-e {dist.source}"
    extras = f"[{','.join(sorted(parsed.extras))}]" if parsed.extras else ""
    return f"{parsed.name}{extras} @ {dist.source}"


def _version_of_core(lock: Lock | None, present: Mapping[str, Distribution]) -> str:
    if CORE in present:
        dist = present[CORE]
        return "" if dist.source.startswith("file:") else dist.version
    return next((each.version for each in (lock.packages if lock else ()) if each.name == CORE), "")


def _limits(dist: Distribution, markers: Mapping[str, str]) -> list[str]:
    """Return a foreign distribution's requirements as constraints, which bring nothing along."""
    found = []
    for text in dist.requires:
        requirement = parse_requirement(text)
        if (
            requirement
            and requirement.specifier
            and (not requirement.marker or requirement.marker.evaluate(dict(markers)))
        ):
            found.append(f"{normalize(requirement.name)}{requirement.specifier}")
    return found
