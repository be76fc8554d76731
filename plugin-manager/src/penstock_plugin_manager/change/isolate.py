"""Isolated providers: each in an environment of its own, made from a lock of its own, with the very core of the shared one."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from itertools import count
from pathlib import Path
from typing import NamedTuple

from penstock_manifest.environments import environment_path

from penstock_plugin_manager.apply.change import STATE_FILE
from penstock_plugin_manager.apply.files import cannot_write, write_json
from penstock_plugin_manager.apply.generations import base_python
from penstock_plugin_manager.apply.install import install
from penstock_plugin_manager.change.inspection import check_providers
from penstock_plugin_manager.change.policy import check_found_providers, check_policy
from penstock_plugin_manager.change.request import ChangeRequest, Limits
from penstock_plugin_manager.change.requirements import requirement_of
from penstock_plugin_manager.change.session import Session
from penstock_plugin_manager.change.solve.solve import Solution, solve
from penstock_plugin_manager.change.yanked import yanked
from penstock_plugin_manager.errors import IncompatibleError, ManagerError, MissingError
from penstock_plugin_manager.installed.environment import Environment, open_environment, tags
from penstock_plugin_manager.installed.site import providers
from penstock_plugin_manager.model.lock import File, Lock, Locked, chosen_file
from penstock_plugin_manager.model.names import CORE, ProviderRequirement, parse_provider_requirement
from penstock_plugin_manager.plan.steps import Plan, PlanInput, make_plan
from penstock_plugin_manager.resolve.request import Request


class Isolated(NamedTuple):
    """What is to become of one isolated provider.

    Attributes:
        plan: Empty where its environment stands as its lock says.
        files: The file of each distribution to install.
    """

    requirement: ProviderRequirement
    lock: Lock
    plan: Plan
    files: Mapping[str, File]
    warnings: tuple[str, ...] = ()


def propose_isolated(request: ChangeRequest, core: Locked | None, limits: Limits, session: Session) -> list[Isolated]:
    """Work out the environments of the providers that an intent isolates, for the core that the shared one will have.

    Raises:
        MissingError: the lock shall be used as it is, and there is none; or a source lacks something.
        IncompatibleError: a provider would not work, or its lock is for another core.
        UnverifiedError: the policy forbids it.
    """
    found = []
    for text in request.intent.isolated:
        requirement = parse_provider_requirement(text)
        if core is None:
            raise MissingError(
                f"{session.environment.root} has no core for provider {requirement.id!r}.", "Install a provider first."
            )
        lock, left_out = _lock(requirement, core, request, limits, session)
        target = lock.for_environment(session.markers)
        name = session.distribution_of(requirement.id)
        if name not in target:
            raise MissingError(f"{session.isolated_lock_path(requirement.id)} does not hold {name}.", "Delete it.")
        if _stands(requirement.id, target, session):
            found.append(Isolated(requirement, lock, Plan(()), {}))
            continue
        accepted, where = tags(session.environment), f"Python {session.environment.short_version} on this platform"
        chosen = {each: chosen_file(target[each], accepted, where) for each in target}
        files = {each: file for each, file in chosen.items() if file}
        sentences: list[str] = []
        if name in files:
            stands = core.name in session.distributions and session.distributions[core.name].version == core.version
            coming = None if stands else (core, chosen_file(core, accepted, where))
            sentences = check_providers(
                [(requirement.id, target[name], files[name])], coming, limits, session, alone=True
            )
        check_policy(target.values(), request.intent, session)
        old = session.read_lock(session.isolated_lock_path(requirement.id))
        warnings = (*left_out, *sentences, *yanked(target.values(), lock, old, session))
        found.append(Isolated(requirement, lock, make_plan(PlanInput({}, target, {name: text})), files, warnings))
    return found


def _lock(
    requirement: ProviderRequirement, core: Locked, request: ChangeRequest, limits: Limits, session: Session
) -> Solution:
    name = session.distribution_of(requirement.id)
    path = session.isolated_lock_path(requirement.id)
    old = session.read_lock(path)
    roots = (requirement_of(requirement, name), _root_of(core))
    moving = "*" in request.upgrade or name in request.upgrade
    if old and not moving and sorted(old.roots) == sorted(roots):
        return Solution(old)
    if request.frozen:
        if old is None:
            raise MissingError(
                f"There is no lock {path} for provider {requirement.id!r}.", "plugin-manager lock makes it."
            )
        differ = ", ".join(sorted(set(old.roots) ^ set(roots)))
        raise ManagerError(
            f"{path} does not fit the intent and the core: {differ}.", "plugin-manager lock makes it anew."
        )
    kept = tuple((each.name, each.version) for each in (old.packages if old else ()) if each.name != CORE)
    asked = Request(
        roots,
        preferred=kept,
        upgrade=("*",) if "*" in request.upgrade else (name,) if moving else (),
        python=f">={session.environment.short_version}",
        allow_prerelease=limits.prereleases,
    )
    own = session.isolated.get(requirement.id)
    present = own.distributions if own and own.has_environment else {}
    intent = request.intent.with_requirements([requirement])
    lock, left_out = solve(asked, intent, session, present)
    return Solution(lock._replace(roots=roots), left_out)


def _root_of(core: Locked) -> str:
    if core.directory:
        place = Path(core.directory).as_uri()
        return f"-e {place}" if core.editable else f"{CORE} @ {place}"
    return f"{CORE}=={core.version}"


def _stands(provider_id: str, target: Mapping[str, Locked], session: Session) -> bool:
    """Tell whether a provider's environment is there and holds what its lock says, undamaged."""
    own = session.isolated.get(provider_id)
    if own is None or not own.has_environment or not Path(own.environment.python).exists():
        return False
    present = own.distributions
    same = all(
        name in present and present[name].version == each.version for name, each in target.items() if each.version
    )
    return same and len(present) == len(target) and not own.damaged


def build_isolated(each: Isolated, session: Session) -> str:
    """Make a provider's environment under a name of its own, so that an older one serves until the change is final.

    Returns:
        Its interpreter.

    Raises:
        IncompatibleError: it holds no sound provider of that id.
        ManagerError: it could not be made; nothing is left of it.
    """
    shared = session.environment
    store = Path(shared.isolated)
    try:
        store.mkdir(exist_ok=True)
        (store / ".gitignore").write_text("*\n", encoding="utf-8")
    except OSError as error:
        raise cannot_write(store, error) from None
    root = next(path for number in count(1) if not (path := store / f"{each.requirement.id}-{number}").exists())
    packages = list(each.lock.for_environment(session.markers).values())
    try:
        session.resolver.create(str(root), base_python(shared))
        made = open_environment(str(root))
        install(packages, packages, (), made, session.resolver, session.sources)
        _check_sound(each.requirement.id, made)
        brought = sorted(package.name for package in packages)
        write_json(Path(made.state) / STATE_FILE, {"schema": 1, "brought": brought})
        check_found_providers(made, session)
    except BaseException:
        shutil.rmtree(root, ignore_errors=True)
        raise
    return made.python


def _check_sound(provider_id: str, made: Environment) -> None:
    found = [each for each in providers(environment_path(made.root, os.environ)) if each.id == provider_id]
    if not found or found[0].manifest is None:
        problem = found[0].problems[0] if found else "none at all"
        raise IncompatibleError(f"{made.root} holds no sound provider {provider_id!r}: {problem}.")
