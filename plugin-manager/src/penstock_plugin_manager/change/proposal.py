"""Proposing a change: solve, inspect, plan, measure and judge, before anything is touched."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import NamedTuple

from penstock_plugin_manager.change.conflict import in_words
from penstock_plugin_manager.change.inspection import check_providers, verdicts
from penstock_plugin_manager.change.not_found import explain_missing
from penstock_plugin_manager.change.requirements import Ownership, build_request, managed, ownership, wanted
from penstock_plugin_manager.change.session import Session
from penstock_plugin_manager.change.sizes import with_sizes
from penstock_plugin_manager.errors import IncompatibleError, ManagerError, MissingError, UnverifiedError
from penstock_plugin_manager.installed.environment import tags
from penstock_plugin_manager.model.intent import Intent
from penstock_plugin_manager.model.lock import File, Lock, Locked, chosen_file
from penstock_plugin_manager.model.names import CORE
from penstock_plugin_manager.model.requirement import allows, edges, reach
from penstock_plugin_manager.plan.limits import Budget, over_budget, violations
from penstock_plugin_manager.plan.steps import Plan, Situation, make_plan
from penstock_plugin_manager.resolve.request import Request


class Ask(NamedTuple):
    """What a command wants done.

    Attributes:
        title: The command as it was typed, for the history.
        intent: The intent that shall hold afterwards.
        dropped: Provider ids to take out.
        upgrade: Distributions that may move; ``*`` is all of them.
        prune: Whether what nothing needs any more goes.
        frozen: Whether the lock must be used as it is.
    """

    title: str
    intent: Intent
    dropped: tuple[str, ...] = ()
    upgrade: tuple[str, ...] = ()
    prune: bool = False
    frozen: bool = False


class Proposal(NamedTuple):
    """A change that may be carried out, and what was found on the way."""

    ask: Ask
    plan: Plan
    lock: Lock
    files: Mapping[str, File]
    own: Ownership
    warnings: tuple[str, ...]


def propose(ask: Ask, session: Session, *, sized: bool = True) -> Proposal:
    """Work out a change.

    Args:
        ask: What is wanted.
        session: The call.
        sized: Whether sizes are looked up; a quiet call without a budget does without.

    Raises:
        IncompatibleError: it cannot be, in words.
        MissingError: something does not exist.
        UnverifiedError: the policy forbids it.
        ManagerError: it exceeds the budget, or a source does not answer.
    """
    intent = _with_foreign_packages(ask.intent, session)
    ask = ask._replace(intent=intent)
    names = managed(session, intent)
    gone = {session.distribution_of(each): "you asked to remove it" for each in ask.dropped}
    own = ownership(
        session.distributions,
        set(session.state().get("brought", ())),
        {**names, **dict.fromkeys(gone, ())},
        session.markers,
    )
    lock = _lock(ask, session, own)
    target = lock.for_environment(session.markers)
    want = wanted(session, intent)
    situation = Situation(session.distributions, target, want, gone, own.removable, ask.prune)
    plan = make_plan(situation)
    accepted = tags(session.environment)
    where = f"Python {session.environment.short_version} on this platform"
    files = {name: chosen_file(target[name], accepted, where) for name in plan.installs}
    found = {name: file for name, file in files.items() if file}
    warnings = [*plan.warnings, *_inspect(plan, target, found, intent, session)]
    _check_foreign(plan, own, session)
    _check_policy(plan, target, session)
    if sized or vars(session.options).get("max_mb") is not None:
        plan = with_sizes(plan, found, session)
    _check_budget(plan, session)
    return Proposal(ask, plan, lock, found, own, tuple(warnings))


def _with_foreign_packages(intent: Intent, session: Session) -> Intent:
    """Return the intent with hand-installed packages added, where a new generation would lose them otherwise."""
    if not session.environment.has_generations:
        return intent
    names = managed(session, intent)
    brought = set(session.state().get("brought", ()))
    by_hand = ownership(session.distributions, brought, names, session.markers).by_hand
    found = [session.distributions[name] for name in sorted(by_hand)]
    for dist in found:
        session.console.note(
            f"{dist.name} {dist.version} was installed by hand; it is now among the project's packages."
        )
    lines = [
        f"{dist.name} @ {dist.source}" if dist.source.startswith("file:") else f"{dist.name}=={dist.version}"
        for dist in found
    ]
    return intent._replace(packages=(*intent.packages, *lines))


def _lock(ask: Ask, session: Session, own: Ownership) -> Lock:
    core_may_move = bool(vars(session.options).get("allow_core_change", False)) or CORE in ask.upgrade
    request = build_request(session, ask.intent, own, upgrade=ask.upgrade, core_may_move=core_may_move)
    old = session.lock
    if ask.frozen:
        return _frozen(old, request, session)
    if old and old.roots == request.roots and not ask.upgrade and _serves(old, session):
        return old
    if ask.dropped and old and set(request.roots) <= set(old.roots):
        return shrink(old, request.roots)
    if not ask.intent.providers and not ask.intent.packages and ask.dropped:
        return _standing(session, request)
    return solve(request, ask.intent, session)


def _frozen(old: Lock | None, request: Request, session: Session) -> Lock:
    if old is None:
        raise MissingError(f"There is no lock {session.lock_path}.", "Make one with: plugin-manager lock")
    if old.roots and old.roots != request.roots:
        differ = sorted(set(old.roots) ^ set(request.roots))
        raise ManagerError(
            f"The lock does not fit the intent: {', '.join(differ)}.", "Make it anew with: plugin-manager lock"
        )
    if not _serves(old, session):
        raise IncompatibleError(
            f"The lock serves {old.requires_python}{' on ' + old.environments[0] if old.environments else ''}, not this environment.",
            "Make a universal lock with uv at hand: plugin-manager lock",
        )
    return old


def _serves(lock: Lock, session: Session) -> bool:
    from packaging.markers import Marker  # noqa: PLC0415  only locks of one platform ask

    python = allows(lock.requires_python, session.environment.version)
    return python and (
        not lock.environments or any(Marker(each).evaluate(dict(session.markers)) for each in lock.environments)
    )


def shrink(lock: Lock, roots: tuple[str, ...]) -> Lock:
    """Return the part of a lock that some of its roots need; no source is asked."""
    from penstock_plugin_manager.model.names import normalize  # noqa: PLC0415  only removals ask
    from penstock_plugin_manager.model.requirement import parse_requirement  # noqa: PLC0415  as above

    names: set[str] = set()
    for root in roots:
        parsed = parse_requirement(root)
        names |= {normalize(parsed.name)} if parsed else {each.name for each in lock.packages if each.directory}
    graph = {each.name: each.dependencies for each in lock.packages}
    needed, queue = set(), list(names)
    while queue:
        name = queue.pop()
        if name not in needed:
            needed.add(name)
            queue += graph.get(name, ())
    return lock._replace(packages=tuple(each for each in lock.packages if each.name in needed), roots=roots)


def _standing(session: Session, request: Request) -> Lock:
    """Return a lock of what the core in the environment needs, for an intent that wants nothing more."""
    present = session.distributions
    needed = [name for name in reach({CORE: ()}, present, session.markers) if name in present]
    packages = []
    for name in needed:
        children = sorted({edge.child for edge in edges(present[name], session.markers)} & set(present))
        packages.append(Locked(name, present[name].version, dependencies=tuple(children)))
    return Lock(tuple(packages), request.python, (), universal=False)


def solve(request: Request, intent: Intent, session: Session) -> Lock:
    """Solve a request; a failure is put into words.

    Raises:
        IncompatibleError: with the smallest conflict and the ways out.
        MissingError: with the nearest names.
    """
    try:
        return session.resolver.solve(request, session.environment, session.sources)
    except MissingError as error:
        raise explain_missing(error, intent, session) from None
    except IncompatibleError as error:
        raise in_words(error, request, intent, session) from None


def _inspect(
    plan: Plan, target: Mapping[str, Locked], files: Mapping[str, File], intent: Intent, session: Session
) -> list[str]:
    fresh = []
    for wish in intent.providers:
        name = session.distribution_of(wish.id)
        if name in files:
            fresh.append((wish.id, target[name], files[name]))
    core = (target[CORE], files.get(CORE)) if CORE in plan.installs else None
    said = check_providers(fresh, core, session) if fresh else []
    version = target[CORE].version if CORE in target else ""
    return [*said, *verdicts([(each[0], each[1].version) for each in fresh], version, session)]


def _check_foreign(plan: Plan, own: Ownership, session: Session) -> None:
    """Refuse a plan that would break what a person installed by hand."""
    after = {name: dist.version for name, dist in session.distributions.items() if name not in plan.removals}
    after |= {step.name: step.new for step in plan.steps if step.new}
    for name in sorted(own.foreign - set(plan.removals)):
        for edge in edges(session.distributions[name], session.markers):
            if edge.child in after and not allows(edge.specifier, after[edge.child]):
                before = session.distributions.get(edge.child)
                if before and not allows(edge.specifier, before.version):
                    continue
                raise IncompatibleError(
                    f"{name}, which was installed by hand, needs {edge.child}{edge.specifier}; the plan puts {after[edge.child]} there.",
                    f"Remove {name}, or isolate the provider: plugin-manager isolate ID",
                )


def _check_policy(plan: Plan, target: Mapping[str, Locked], session: Session) -> None:
    policy = session.intent.policy
    packages = [target[name] for name in plan.installs]
    states = {entry.distribution: entry.state for entry in session.catalog.values()} if policy.states else {}
    found = violations(policy, packages, states, dt.datetime.now(dt.UTC))
    if found:
        raise UnverifiedError(
            f"The policy forbids this: {found[0]}.",
            f"See [plugin-manager.policy] in {session.intent_path}.",
            "\n".join(found[1:]),
        )


def _check_budget(plan: Plan, session: Session) -> None:
    options, policy = vars(session.options), session.intent.policy
    megabytes = options["max_mb"] if options.get("max_mb") is not None else policy.max_mb
    dists = options["max_dists"] if options.get("max_dists") is not None else policy.max_dists
    found = over_budget(plan, Budget(None if megabytes is None else megabytes << 20, dists))
    if found:
        raise ManagerError(
            f"The plan exceeds the budget: {'; '.join(found)}.", "Raise --max-mb or --max-dists, or ask for less."
        )
