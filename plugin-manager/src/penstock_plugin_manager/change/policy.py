"""The policy of a project, asked about packages: what it must know of them is looked up where they do not say it themselves."""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor

from penstock_manifest.environments import environment_path

from penstock_plugin_manager.change.inspection import inspect_wheel, states_of
from penstock_plugin_manager.change.known_providers import project_of
from penstock_plugin_manager.change.publishers import publisher_of
from penstock_plugin_manager.change.session import Session
from penstock_plugin_manager.errors import ManagerError, UnverifiedError
from penstock_plugin_manager.index.simple import Project
from penstock_plugin_manager.installed.environment import Environment
from penstock_plugin_manager.installed.site import providers
from penstock_plugin_manager.model.intent import Intent, Policy
from penstock_plugin_manager.model.lock import File, Locked
from penstock_plugin_manager.model.names import id_of_distribution, parse_provider_requirement
from penstock_plugin_manager.plan.limits import Candidate, permitted_id, violations


def check_policy(packages: Iterable[Locked], intent: Intent, session: Session) -> None:
    """Hold packages to the policy before anything is changed.

    Raises:
        UnverifiedError: the policy forbids one of them, or what it asks for is not known of it.
        ManagerError: a source that must be asked about one does not answer; that is neither a yes nor a no.
    """
    _refuse(policy_findings(packages, intent, session), session)


def check_ids(ids: Iterable[str], session: Session) -> None:
    """Hold provider ids to the policy's lists of names.

    Raises:
        UnverifiedError: one may not take part.
    """
    policy = session.intent.policy
    forbidden = (each for each in sorted(ids) if not permitted_id(policy, each))
    _refuse([f"provider {each!r} is denied, or not among those that are allowed" for each in forbidden], session)


def check_folder(package: Locked, ids: Iterable[str], session: Session) -> None:
    """Hold a folder of source to the policy; no index is asked, as none can tell of its age or of who published it.

    Args:
        package: The folder, as a package.
        ids: The providers in it.
        session: The call.

    Raises:
        UnverifiedError: the policy forbids it, or what it asks for is not known of a folder.
    """
    check_ids(ids, session)
    states = (state for each in ids for state in states_of(session.catalog.get(each), None))
    candidate = Candidate(package, frozenset(ids), frozenset(states))
    _refuse(violations(session.intent.policy, [candidate], dt.datetime.now(dt.UTC)), session)


def check_found_providers(environment: Environment, session: Session) -> None:
    """Hold the providers that a change has brought to the policy, those that came along with others included.

    Which providers a package holds is known for certain when it stands there: its name need not tell.

    Raises:
        UnverifiedError: one may not take part.
    """
    if not (session.intent.policy.allow or session.intent.policy.deny):
        return
    before = {(each.id, each.distribution) for each in session.every_provider}
    found = providers(environment_path(environment.root, os.environ))
    check_ids({each.id for each in found if (each.id, each.distribution) not in before}, session)


def policy_findings(packages: Iterable[Locked], intent: Intent, session: Session) -> list[str]:
    """Return what packages do against the policy, as sentences.

    Args:
        packages: What is about to be installed or written into a lock.
        intent: What names the providers among them.
        session: The call.

    Raises:
        ManagerError: nothing forbids any of them, and one could not be asked about.
    """
    policy = session.intent.policy
    if policy == Policy(max_mb=policy.max_mb, max_dists=policy.max_dists):
        return []
    ids = _ids(intent, session)
    packages = list(packages)
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda package: _candidate(package, ids, policy, session), packages))
    now = dt.datetime.now(dt.UTC)
    found = violations(policy, [each for each in answers if isinstance(each, Candidate)], now)
    silent = [(one, answer) for one, answer in zip(packages, answers, strict=True) if isinstance(answer, ManagerError)]
    named = [Candidate(package, frozenset(_own_ids(package, ids))) for package, _ in silent]
    found += violations(policy._replace(states=(), publishers=(), min_age_days=0), named, now)
    if silent and not found:
        package, error = silent[0]
        raise ManagerError(f"The policy cannot judge {package.name} {package.version}: {error}", error.hint)
    return found


def _refuse(found: list[str], session: Session) -> None:
    if found:
        raise UnverifiedError(
            f"The policy forbids this: {found[0]}.",
            f"See [plugin-manager.policy] in {session.intent_path}.",
            "\n".join(found[1:]),
        )


def _ids(intent: Intent, session: Session) -> Mapping[str, set[str]]:
    """Return the ids of providers by distribution, as the intent, the environment and the catalogs know them."""
    pairs = [(session.distribution_of(each.id), each.id) for each in intent.providers]
    pairs += [(session.distribution_of(each), each) for each in map(_id, intent.isolated)]
    pairs += [(each.distribution, each.id) for each in session.every_provider]
    pairs += [(each.distribution, each.id) for each in session.catalog.values()]
    found: dict[str, set[str]] = {}
    for distribution, provider_id in pairs:
        found.setdefault(distribution, set()).add(provider_id)
    return found


def _id(text: str) -> str:
    return parse_provider_requirement(text).id


def _own_ids(package: Locked, ids: Mapping[str, set[str]]) -> set[str]:
    return ids.get(package.name, set()) | {found for found in [id_of_distribution(package.name)] if found}


def _candidate(
    package: Locked, ids: Mapping[str, set[str]], policy: Policy, session: Session
) -> Candidate | ManagerError:
    """Return a package with what the policy must know of it, or why that could not be asked."""
    own = _own_ids(package, ids)
    try:
        states = _states(package, own, session) if policy.states else set()
        project = project_of(package.name, session) if policy.publishers or policy.min_age_days else None
        publisher = publisher_of(package, project, session) if policy.publishers else ""
    except UnverifiedError:
        raise
    except ManagerError as error:
        return error
    return Candidate(_dated(package, project), frozenset(own), frozenset(states), publisher)


def _states(package: Locked, ids: Iterable[str], session: Session) -> set[str]:
    states: set[str] = set()
    file = next(iter(package.wheels), None)
    wheel = inspect_wheel(file, session) if file and ids else None
    for provider_id in ids:
        found = [each.manifest for each in wheel.providers if each.id == provider_id] if wheel else []
        states |= states_of(session.catalog.get(provider_id), next(iter(found), None))
    return states


def _dated(package: Locked, project: Project | None) -> Locked:
    """Return a package whose files know when they were uploaded, as far as the sources tell; uv and pip do not always write it."""
    times = {each.name: each.uploaded for each in (project.files if project else ()) if each.uploaded}

    def dated(file: File) -> File:
        return file if file.uploaded else file._replace(uploaded=times.get(file.name))

    wheels = tuple(dated(each) for each in package.wheels)
    return package._replace(wheels=wheels, sdist=dated(package.sdist) if package.sdist else None)
