"""Executing a plan: show it, ask, apply it, and report what came of it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from penstock_plugin_manager.apply.change import Change
from penstock_plugin_manager.apply.generations import change_generation, retire_isolated
from penstock_plugin_manager.apply.inplace import change_in_place
from penstock_plugin_manager.apply.python import start_advice, start_problem
from penstock_plugin_manager.change.impact.impact import Impact, impact
from penstock_plugin_manager.change.isolate import build_isolated
from penstock_plugin_manager.change.policy import check_found_providers
from penstock_plugin_manager.change.proposal import Proposal, propose
from penstock_plugin_manager.change.request import ChangeOptions, ChangeRequest
from penstock_plugin_manager.change.session import Session
from penstock_plugin_manager.change.solve.not_found import known_ids
from penstock_plugin_manager.errors import CHANGES, ManagerError
from penstock_plugin_manager.installed.damage import startup_files
from penstock_plugin_manager.installed.environment import isolated_pythons, open_environment
from penstock_plugin_manager.installed.site import info_folder
from penstock_plugin_manager.model.intent import TABLE, Intent
from penstock_plugin_manager.model.lock import File, Locked
from penstock_plugin_manager.model.toml import read_text
from penstock_plugin_manager.model.toml_edits import set_keys
from penstock_plugin_manager.output import Result, next_command, style
from penstock_plugin_manager.plan.format import rows_of, total
from penstock_plugin_manager.plan.steps import Plan


def change(make: Callable[[], ChangeRequest], title: str, options: ChangeOptions, session: Session) -> Result:
    """Propose a change and execute its plan, alone on the environment from the first look to the last write.

    Args:
        make: Works out what is wanted; called when the environment's lock is held.
        title: The command for the history and for whoever has to wait.
        options: What the change may do, and whether it is executed.
        session: The call.

    Raises:
        ManagerError: the user said no, or the change cannot be; nothing was changed.
    """
    try:
        return _carried_out(make, title, options, session)
    except ManagerError:
        _refuse_dead_interpreter(
            session
        )  # the tools ask the interpreter before all else, and tell its last words as theirs
        raise


def _carried_out(make: Callable[[], ChangeRequest], title: str, options: ChangeOptions, session: Session) -> Result:
    if options.dry_run:
        proposal = propose(make(), options.limits, session)
        return plan_result(proposal, session, impact(proposal, session) if options.impact else None)
    with session.holding(title):
        proposal = propose(make(), options.limits, session)
        shown = session.console.interactive() and bool(proposal.steps) and not options.yes
        if shown:
            session.console.print(plan_lines(proposal))
            if input("Go on? [y/N] ").strip().lower() not in {"y", "yes"}:
                raise ManagerError("Not carried out; nothing was changed.")
        return execute_plan(proposal, session, shown=shown)


def execute_plan(proposal: Proposal, session: Session, *, shown: bool = False) -> Result:
    """Execute a proposal's plan under the environment's lock and return what is installed afterwards.

    Args:
        proposal: What to execute.
        session: The call.
        shown: Whether the user has seen the plan already.
    """
    plan = proposal.plan
    files = _files(proposal, session)
    standing = isolated_pythons(session.environment.root)
    kept = {name: python for name, python in standing.items() if name not in _given_up(proposal, session)}
    unchanged = kept == standing and all(
        (read_text(Path(name)) or None) == (text or None) for name, text in files.items()
    )
    if not proposal.steps:
        _refuse_dead_interpreter(session)
    if not proposal.steps and unchanged:
        return Result(plan_data(proposal), [*_kept(plan, proposal), *_closing(proposal)])
    environment = session.environment
    built: dict[str, str] = {}
    try:
        for each in proposal.isolated:
            if each.plan.steps:
                built[each.requirement.id] = build_isolated(each, session)
        change = _change(proposal, files, {**kept, **built}, session)
        if environment.has_generations and (plan.steps or change.isolated != standing):
            change_generation(change, environment, session.resolver, session.sources)
        else:
            change_in_place(change, environment, session.resolver, session.sources)
    finally:
        retire_isolated(environment)
    after = open_environment(environment.root)
    running = startup_files(Path(after.site), plan.installs)
    outside = not_installed(proposal, session)
    written = [name for name, text in files.items() if text is not None]
    data = {**plan_data(proposal), "applied": True, "files": written, "not_installed": outside, "runs": running}
    lines = [*([] if shown else plan_lines(proposal)), *_kept(plan, proposal)]
    lines += [f"Provider {name!r} has an environment of its own: {python}" for name, python in built.items()]
    lines += [f"{style('warning', 'yellow')}: {path} of {name} runs at each start of Python" for name, path in running]
    if outside:
        lines.append(style(f"{len(outside)} other known providers were not installed: nothing asked for them.", "dim"))
    return Result(data, [*lines, *_closing(proposal)])


def _refuse_dead_interpreter(session: Session) -> None:
    """Call nothing sound that does not start; a change with steps finds that out by itself."""
    for own in session.environments.values():
        problem = start_problem(own.environment)
        if problem:
            raise ManagerError(f"{own.environment.python} {problem.rstrip('.')}.", start_advice(own.environment))


def _given_up(proposal: Proposal, session: Session) -> set[str]:
    """Return the ids of providers that are isolated no longer."""
    request = proposal.request
    return ({*session.intent.isolated_ids, *request.dropped}) - set(request.intent.isolated_ids)


def not_installed(proposal: Proposal, session: Session) -> list[str]:
    """Return the ids of known providers that the change leaves out."""
    standing = {each.distribution for each in session.every_provider}  # what was just removed is no news either
    inside = {each.name for each in proposal.plan.target} | standing
    inside |= {each.name for own in proposal.isolated for each in own.lock.packages}
    return [each for each in known_ids(session) if session.distribution_of(each) not in inside]


def _change(proposal: Proposal, files: dict[str, str | None], isolated: dict[str, str], session: Session) -> Change:
    title, plan = proposal.request.title, proposal.plan
    target = {each.name: each for each in plan.target}
    installs = tuple(_only(target[name], proposal.files.get(name)) for name in plan.installs)
    brought = set(session.state().get("brought", ())) - set(plan.removals)
    brought |= {step.name for step in plan.steps if step.action == "add"}
    site = Path(session.environment.site)
    stale = tuple(
        step.name for step in plan.steps if step.action in {"add", "replace"} and info_folder(site, step.name)
    )
    complete = tuple(target[name] for name in sorted(target))
    after = {name: locked.version for name, locked in target.items()}
    judge = partial(check_found_providers, session=session)
    return Change(
        title, installs, tuple(plan.removals), stale, after, complete, files, tuple(sorted(brought)), isolated, judge
    )


def _only(package: Locked, file: File | None) -> Locked:
    """Return a package with the one file that will be installed here, so that no tool can choose another."""
    if file is None:
        return package
    is_wheel = file.name.endswith(".whl")
    return package._replace(wheels=(file,) if is_wheel else (), sdist=None if is_wheel else file)


def _files(proposal: Proposal, session: Session) -> dict[str, str | None]:
    intent = proposal.request.intent
    text = intent_text(session.intent_text, intent, session)
    files: dict[str, str | None] = {str(session.intent_path): text}
    lock = proposal.lock
    if lock.packages and all(each.installable for each in lock.packages):
        files[str(session.lock_path)] = session.lock_text(lock)
    elif not intent.providers and session.lock is not None and not lock.packages:
        files[str(session.lock_path)] = None
    for each in proposal.isolated:
        path = session.isolated_lock_path(each.requirement.id)
        files[str(path)] = session.lock_text(each.lock, path)
    gone = (session.isolated_lock_path(each) for each in _given_up(proposal, session))
    return {**files, **{str(path): None for path in gone if path.is_file()}}


def intent_text(text: str, intent: Intent, session: Session) -> str:
    """Return the intent file's text for an intent; what the user wrote besides stays as it is."""
    changes: dict[str, Any] = {}
    if tuple(intent.providers) != tuple(session.intent.providers) or not text:
        changes["providers"] = [str(requirement) for requirement in intent.providers]
    if intent.packages != session.intent.packages:
        changes["packages"] = list(intent.packages)
    if intent.core != session.intent.core:
        changes["core"] = intent.core or None
    if intent.isolated != session.intent.isolated:
        changes["isolated"] = list(intent.isolated) or None
    if intent.disabled != session.intent.disabled:
        changes["disabled"] = list(intent.disabled) or None
    return set_keys(text, TABLE, changes, str(session.intent_path)) if changes else text


def plan_result(proposal: Proposal, session: Session, found: Impact | None = None) -> Result:
    """Return a plan that is not carried out: exit code 2 where it would change something.

    Args:
        proposal: The plan.
        session: The call.
        found: What it may break of the project; None where that was not asked.
    """
    plan = proposal.plan
    lines = [*plan_lines(proposal), *_kept(plan, proposal), *(_impact_lines(found) if found else ())]
    if not proposal.steps:
        _refuse_dead_interpreter(session)
    changes = bool(proposal.steps) or bool(_given_up(proposal, session) & session.isolated.keys())
    lines.append("Nothing was changed." if changes else "Nothing is to be done.")
    data = {**plan_data(proposal), "applied": False}
    if found:
        hits = [each._asdict() for each in found.hits]
        data["impact"] = {"hits": hits, "compared": list(found.compared), "notes": list(found.notes)}
    return Result(data, lines, CHANGES if changes else 0)


def _impact_lines(found: Impact) -> list[str]:
    lines = [f"{style(f'{each.file}:{each.line}', 'bold')} {each.text}" for each in found.hits]
    if found.compared and not found.hits:
        lines.append(f"No line of the project's DAG files uses what changes: {', '.join(found.compared)}.")
    return [*lines, *(style(each, "dim") for each in found.notes)]


def plan_data(proposal: Proposal) -> dict[str, Any]:
    """Return a plan for programs."""
    plan = proposal.plan
    return {
        "title": proposal.request.title,
        "steps": [{**step._asdict(), "via": list(step.via)} for step in plan.steps],
        "kept": plan.kept,
        "no_longer_needed": list(plan.orphans),
        "warnings": list(proposal.warnings),
        "isolated": {
            each.requirement.id: [{**step._asdict(), "via": list(step.via)} for step in each.plan.steps]
            for each in proposal.isolated
        },
        "download": total([step.download for step in proposal.steps]),
        "disk": total([step.disk for step in proposal.steps]),
        "providers": [str(requirement) for requirement in proposal.request.intent.providers],
        "left_alone": sorted(proposal.own.foreign),
    }


def plan_lines(proposal: Proposal) -> list[str]:
    """Return a plan for the user: each step with its reason and its sizes, then the sum, environment by environment."""
    lines = rows_of(proposal.plan)
    for each in proposal.isolated:
        if each.plan.steps:
            lines += [f"In an environment of its own for {each.requirement.id}:", *rows_of(each.plan)]
    return lines + [f"{style('warning', 'yellow')}: {text}" for text in proposal.warnings]


def _kept(plan: Plan, proposal: Proposal) -> list[str]:
    lines = []
    if proposal.own.foreign:
        lines.append(style(f"{len(proposal.own.foreign)} distributions installed by hand are left alone.", "dim"))
    if plan.orphans:
        lines.append(f"No longer needed: {', '.join(plan.orphans)}")
        lines.append(next_command("prune"))
    return lines


def _closing(proposal: Proposal) -> list[str]:
    return [style("Done.", "green")] if proposal.steps else ["Everything is as it should be."]
