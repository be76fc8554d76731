"""``isolate``: a provider in an environment of its own."""

from __future__ import annotations

import argparse
import os
import shutil
from itertools import count
from pathlib import Path
from typing import Any

from penstock_manifest.environments import environment_path

from penstock_plugin_manager.apply.files import read_json, write_files, write_json
from penstock_plugin_manager.apply.generations import base_python
from penstock_plugin_manager.apply.install import install
from penstock_plugin_manager.arguments import add_change_options, change_options
from penstock_plugin_manager.change.execute_plan import change, intent_text
from penstock_plugin_manager.change.inspection import check_providers
from penstock_plugin_manager.change.not_found import explain_missing
from penstock_plugin_manager.change.request import ChangeRequest, Limits
from penstock_plugin_manager.change.requirements import requirement_of
from penstock_plugin_manager.change.session import Session
from penstock_plugin_manager.errors import IncompatibleError, MissingError
from penstock_plugin_manager.installed.environment import Environment, markers, open_environment, tags
from penstock_plugin_manager.installed.site import providers
from penstock_plugin_manager.model.lock import Lock, chosen_file
from penstock_plugin_manager.model.names import CORE, ProviderRequirement, parse_provider_requirement
from penstock_plugin_manager.output import Result, next_command
from penstock_plugin_manager.resolve.request import Request

FILE = "penstock-isolated.json"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    parser.add_argument("id", metavar="ID", help="a provider")
    parser.add_argument("--undo", action="store_true", help="take its own environment away again")
    add_change_options(parser)


def run(options: argparse.Namespace, session: Session) -> Result:
    """Give a provider an environment of its own, where the core runs its tasks: for dependencies that conflict with others'.

    A provider that stands in the shared environment is taken out there, with what it alone needed.

    Raises:
        MissingError: the environment has no core yet.
    """
    requirement = parse_provider_requirement(options.id)
    if options.undo:
        return _undo(requirement.id, session)
    chosen = change_options(options)
    known = session.intent.requirement(requirement.id) or requirement
    merged = ProviderRequirement(
        requirement.id, tuple(sorted({*known.extras, *requirement.extras})), requirement.specifier or known.specifier
    )
    if CORE not in session.distributions:
        raise MissingError(
            f"{session.environment.root} has no core yet.", "Install any provider, or the core itself, first."
        )
    with session.holding(f"isolate {requirement.id}"):
        made, lock = _build(merged, chosen.limits, session)
        path = _lock_path(session, requirement.id)
        files = {str(path): session.lock_text(lock, path)}
        intent = session.intent.with_isolated(merged)
        entry = _entry(made, requirement.id)
        record(session, requirement.id, entry["python"])
        write_files({**files, str(session.intent_path): intent_text(session.intent_text, intent, session)})
        for folder in Path(made.root).parent.glob(f"{requirement.id}-[0-9]*"):
            if folder != Path(made.root):
                shutil.rmtree(folder, ignore_errors=True)
    lines = [f"Provider {requirement.id!r} lives in {made.root} now; its tasks run there."]
    data: dict[str, Any] = {"id": requirement.id, **entry, "environment": made.root, "lock": next(iter(files))}
    if any(each.id == requirement.id for each in session.providers):
        fresh = session.with_options()
        title = f"isolate {requirement.id}"
        moved = change(
            lambda: ChangeRequest(title, fresh.intent.without([requirement.id]), dropped=(requirement.id,), prune=True),
            title,
            chosen,
            fresh,
        )
        data["shared"] = moved.data
        lines += moved.text
    return Result(data, [*lines, next_command("doctor")])


def _build(requirement: ProviderRequirement, limits: Limits, session: Session) -> tuple[Environment, Lock]:
    """Make the provider's environment under a name of its own, so that an older one serves until the record is changed."""
    shared = session.environment
    lock = _solve(requirement, session)
    target = lock.for_environment(markers(shared))
    name = session.distribution_of(requirement.id)
    chosen = chosen_file(target[name], tags(shared), f"Python {shared.short_version}")
    if chosen:
        check_providers([(requirement.id, target[name], chosen)], None, limits, session)
    store = Path(f"{shared.root}.isolated")
    store.mkdir(exist_ok=True)
    (store / ".gitignore").write_text("*\n", encoding="utf-8")
    root = next(path for number in count(1) if not (path := store / f"{requirement.id}-{number}").exists())
    try:
        session.resolver.create(str(root), base_python(shared))
        made = open_environment(str(root))
        packages = list(target.values())
        install(packages, packages, (), made, session.resolver, session.sources)
    except BaseException:
        shutil.rmtree(root, ignore_errors=True)
        raise
    return made, lock


def _solve(requirement: ProviderRequirement, session: Session) -> Lock:
    """Solve for one provider and the very core of the shared environment."""
    core = session.distributions[CORE]
    roots = [requirement_of(requirement, session.distribution_of(requirement.id))]
    local = core.source.startswith("file:")
    roots.append(
        (f"-e {core.source}" if core.editable else f"{CORE} @ {core.source}") if local else f"{CORE}=={core.version}"
    )
    request = Request(tuple(roots), python=f">={session.environment.short_version}")
    try:
        return session.resolver.solve(request, session.environment, session.sources)
    except MissingError as error:
        raise explain_missing(error, session.intent.with_requirements([requirement]), session) from None


def _entry(made: Environment, provider_id: str) -> dict[str, Any]:
    found = next((each for each in providers(environment_path(made.root, os.environ)) if each.id == provider_id), None)
    if found is None or found.manifest is None:
        raise IncompatibleError(
            f"{made.root} holds no sound provider {provider_id!r}: {found.problems[0] if found else 'none at all'}."
        )
    return {
        "python": made.python,
        "distribution": found.distribution,
        "version": found.version,
        "manifest": found.paths[-1],
    }


def record(session: Session, provider_id: str, python: str | None) -> None:
    """Write a provider's interpreter into the file that the core reads, or take it out."""
    isolated = isolated_providers(session)
    isolated.pop(provider_id, None)
    if python:
        isolated[provider_id] = python
    write_json(Path(session.environment.root) / FILE, isolated)


def isolated_providers(session: Session) -> dict[str, str]:
    """Return the interpreter of each isolated provider of the environment, by id."""
    data = read_json(Path(session.environment.root) / FILE) or {}
    return {name: python for name, python in data.items() if isinstance(python, str)}


def _lock_path(session: Session, provider_id: str) -> Path:
    return session.project / f"pylock.{provider_id}.toml"


def _undo(provider_id: str, session: Session) -> Result:
    with session.holding(f"isolate {provider_id} --undo"):
        if provider_id not in isolated_providers(session):
            raise MissingError(f"Provider {provider_id!r} is not isolated.")
        record(session, provider_id, None)
        text = intent_text(session.intent_text, session.intent.without_isolated(provider_id), session)
        write_files({str(session.intent_path): text, str(_lock_path(session, provider_id)): None})
        for folder in Path(f"{session.environment.root}.isolated").glob(f"{provider_id}-[0-9]*"):
            shutil.rmtree(folder, ignore_errors=True)
    return Result(
        {"id": provider_id},
        [f"Provider {provider_id!r} is isolated no longer.", next_command(f"install {provider_id}")],
    )
