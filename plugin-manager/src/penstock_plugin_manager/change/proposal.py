"""Proposing a change: solve, inspect, plan, measure and judge, before anything is touched."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from penstock_plugin_manager.change.inspection import check_providers, verdicts
from penstock_plugin_manager.change.isolate import Isolated, propose_isolated
from penstock_plugin_manager.change.policy import check_policy
from penstock_plugin_manager.change.request import ChangeRequest, Limits
from penstock_plugin_manager.change.requirements import (
    Ownership,
    build_request,
    managed,
    ownership_of,
    wanted,
)
from penstock_plugin_manager.change.session import Session
from penstock_plugin_manager.change.sizes import with_sizes
from penstock_plugin_manager.change.solve.solve import Solution, solve
from penstock_plugin_manager.change.yanked import yanked
from penstock_plugin_manager.errors import IncompatibleError, ManagerError, MissingError, UnverifiedError
from penstock_plugin_manager.installed.environment import tags
from penstock_plugin_manager.model.intent import Intent
from penstock_plugin_manager.model.lock import File, Lock, Locked, chosen_file
from penstock_plugin_manager.model.names import CORE
from penstock_plugin_manager.model.requirement import allows, edges, reach
from penstock_plugin_manager.plan.limits import Budget, over_budget
from penstock_plugin_manager.plan.steps import Plan, PlanInput, Step, make_plan
from penstock_plugin_manager.resolve.request import Request


class Proposal(NamedTuple):
    """A change that may be carried out, and what was found on the way.

    Attributes:
        isolated: What becomes of each isolated provider of the intent.
    """

    request: ChangeRequest
    plan: Plan
    lock: Lock
    files: Mapping[str, File]
    own: Ownership
    warnings: tuple[str, ...]
    isolated: tuple[Isolated, ...] = ()

    @property
    def steps(self) -> tuple[Step, ...]:
        """All steps: those of the shared environment, then those of the isolated ones."""
        return (*self.plan.steps, *(step for each in self.isolated for step in each.plan.steps))


def propose(request: ChangeRequest, limits: Limits, session: Session, *, sized: bool = True) -> Proposal:
    """Work out a change.

    Args:
        request: What is wanted.
        limits: What the change may do.
        session: The call.
        sized: Whether files are looked at; a call that changes nothing and shows no sizes does without.

    Raises:
        IncompatibleError: it cannot be, in words.
        MissingError: something does not exist.
        UnverifiedError: the policy forbids it, or it exceeds the budget.
        ManagerError: a source does not answer.
    """
    gone = {session.distribution_of(each): "you asked to remove it" for each in request.dropped}
    names = {**managed(session, request.intent), **dict.fromkeys(gone, ())}
    own = ownership_of(session, names)
    if own.by_hand and session.environment.has_generations:
        request = request._replace(intent=_with_packages(request.intent, own.by_hand, session))
        own = ownership_of(session, {**names, **dict.fromkeys(own.by_hand, ())})
    lock, left_out = _lock(request, limits, session, own)
    target = lock.for_environment(session.markers)
    want = wanted(session, request.intent)
    damage = {name: found[0].sentence for name, found in session.damaged.items()}
    plan = make_plan(PlanInput(session.distributions, target, want, gone, own.removable, request.prune, damage))
    accepted = tags(session.environment)
    where = f"Python {session.environment.short_version} on this platform"
    files = {name: chosen_file(target[name], accepted, where) for name in plan.installs}
    found = {name: file for name, file in files.items() if file}
    warnings = [
        *(session.warnings if plan.steps else ()),
        *left_out,
        *plan.warnings,
        *_linked(plan, session),
        *_inspect(plan, target, found, request.intent, limits, session),
    ]
    _check_foreign(plan, own, session)
    fresh = [target[name] for name in plan.installs]
    check_policy(fresh, request.intent, session)
    warnings += yanked(fresh, lock, session.lock, session)
    isolated = propose_isolated(request, target.get(CORE), limits, session)
    warnings += [sentence for each in isolated for sentence in each.warnings]
    plans = [(plan, found), *((each.plan, each.files) for each in isolated)]
    plan, *others = within_limits(plans, limits, session, sized=sized)
    isolated = [each._replace(plan=sized_plan) for each, sized_plan in zip(isolated, others, strict=True)]
    return Proposal(request, plan, lock, found, own, tuple(warnings), tuple(isolated))


def _with_packages(intent: Intent, by_hand: frozenset[str], session: Session) -> Intent:
    """Return the intent with hand-installed packages added; a new generation would lose them otherwise."""
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


def _lock(requested: ChangeRequest, limits: Limits, session: Session, own: Ownership) -> Solution:
    request = build_request(session, requested.intent, own, upgrade=requested.upgrade, limits=limits)
    old = session.lock
    if requested.frozen:
        return Solution(_frozen(old, request, session))
    if old and old.roots == request.roots and not requested.upgrade and _serves(old, session):
        return Solution(old)
    if requested.dropped and old and set(request.roots) <= set(old.roots):
        return Solution(with_others(shrink(old, request.roots), old))
    if not requested.intent.providers and not requested.intent.packages and requested.dropped:
        return Solution(_lock_of_core(session, request))
    lock, left_out = solve(request, requested.intent, session, session.distributions)
    return Solution(with_others(lock, old), left_out)


def with_others(lock: Lock, old: Lock | None) -> Lock:
    """Return a new lock with the packages of the old one that none of the old one's roots needs: others put them there."""
    if old is None:
        return lock
    ours = {each.name for each in (*shrink(old, old.roots).packages, *lock.packages)}
    return lock._replace(packages=(*lock.packages, *(each for each in old.packages if each.name not in ours)))


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


def _lock_of_core(session: Session, request: Request) -> Lock:
    """Return a lock of what the core in the environment needs, for an intent that wants nothing more."""
    present = session.distributions
    needed = [name for name in reach({CORE: ()}, present, session.markers) if name in present]
    packages = []
    for name in needed:
        children = sorted({edge.child for edge in edges(present[name], session.markers)} & set(present))
        packages.append(Locked(name, present[name].version, dependencies=tuple(children)))
    return Lock(tuple(packages), request.python, (), universal=False)


def _linked(plan: Plan, session: Session) -> list[str]:
    """Say of what moves that it will not be used, because a link stands before it."""
    moving = {step.name for step in plan.steps}
    return [
        f"{name} is linked to {each.project}, which stands before what is installed until: plugin-manager dev unlink {name}"
        for name, each in session.links.items()
        if session.distribution_of(name) in moving
    ]


def _inspect(
    plan: Plan,
    target: Mapping[str, Locked],
    files: Mapping[str, File],
    intent: Intent,
    limits: Limits,
    session: Session,
) -> list[str]:
    fresh = []
    for requirement in intent.providers:
        name = session.distribution_of(requirement.id)
        if name in files:
            fresh.append((requirement.id, target[name], files[name]))
    core = (target[CORE], files.get(CORE)) if CORE in plan.installs else None
    warnings = check_providers(fresh, core, limits, session) if fresh or core else []
    version = target[CORE].version if CORE in target else ""
    return [*warnings, *verdicts([(each[0], each[1].version) for each in fresh], version, session)]


def _check_foreign(plan: Plan, own: Ownership, session: Session) -> None:
    """Refuse a plan that would break what the user installed by hand."""
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


def within_limits(
    plans: Sequence[tuple[Plan, Mapping[str, File]]], limits: Limits, session: Session, *, sized: bool = True
) -> list[Plan]:
    """Return plans with their sizes, together held to the budget: the smaller one of the call's and the project's.

    Args:
        plans: Each plan with the file of each distribution that it installs.
        limits: What the call permits.
        session: The call.
        sized: Whether files are looked at where no budget asks for their sizes.

    Raises:
        UnverifiedError: they exceed the budget, or nobody can tell.
    """
    policy = session.intent.policy
    megabytes = _smaller(policy.max_mb, limits.max_mb)
    budget = Budget(None if megabytes is None else megabytes << 20, _smaller(policy.max_dists, limits.max_dists))
    if sized or budget.max_bytes is not None:
        plans = [(with_sizes(plan, files, session), files) for plan, files in plans]
    found = over_budget(Plan(tuple(step for plan, _ in plans for step in plan.steps)), budget)
    if found:
        raise UnverifiedError(
            f"The plan exceeds the budget: {'; '.join(found)}.",
            f"Ask for less, or raise --max-mb, --max-dists or those of [plugin-manager.policy] in {session.intent_path}.",
        )
    return [plan for plan, _ in plans]


def _smaller(one: int | None, other: int | None) -> int | None:
    return min((limit for limit in (one, other) if limit is not None), default=None)
