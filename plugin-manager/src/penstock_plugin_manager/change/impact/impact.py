"""The blast radius of an upgrade: what changed in each provider that moves, intersected with what the project's files use of it."""

from __future__ import annotations

import io
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from penstock_manifest.format import Manifest

from penstock_plugin_manager.change.impact.code import code_changes, has_griffe
from penstock_plugin_manager.change.impact.hit import touched
from penstock_plugin_manager.change.inspection import wheel_body
from penstock_plugin_manager.change.proposal import Proposal
from penstock_plugin_manager.change.session import Session
from penstock_plugin_manager.errors import ManagerError
from penstock_plugin_manager.index.wheel import read_wheel_bytes
from penstock_plugin_manager.installed.site import Provider
from penstock_plugin_manager.model.lock import File
from penstock_plugin_manager.need.dag_files import find_files, source_of
from penstock_plugin_manager.need.uses import read_uses
from penstock_plugin_manager.plan.api_changes import ApiChange, manifest_changes


class Hit(NamedTuple):
    """A line of the project that an upgrade may break.

    Attributes:
        text: What the line uses and what becomes of that.
    """

    provider: str
    file: str
    line: int
    text: str


class Impact(NamedTuple):
    """What an upgrade may break.

    Attributes:
        compared: Each provider that moves, with its two versions.
        notes: What could not be compared, and why.
    """

    hits: tuple[Hit, ...]
    compared: tuple[str, ...]
    notes: tuple[str, ...]


class _Upgrade(NamedTuple):
    """A provider that a plan moves.

    Attributes:
        site: Where its code stands now.
        file: The file that its code will come from.
    """

    provider: Provider
    new: str
    site: str
    file: File


def impact(proposal: Proposal, session: Session) -> Impact:
    """Compare the versions of each provider that a plan moves, and find what the project's DAG files use of it. Nothing is imported.

    The manifests say what changed in capabilities; griffe, where it is installed, also what changed in the code.
    """
    found = list(_upgrades(proposal, session))
    if not found:
        return Impact((), (), ())
    notes = (
        []
        if has_griffe()
        else ["Only manifests were compared. For the code, too: pip install 'penstock-plugin-manager[api]'"]
    )
    sources = _sources(session, notes)
    hits: list[Hit] = []
    compared = []
    unread: set[str] = set()
    for upgrade in found:
        each = upgrade.provider
        try:
            if each.manifest is None:
                raise ManagerError(f"The manifest that stands here cannot be read: {'; '.join(each.problems[:1])}")  # noqa: TRY301  told as the others
            changes, unclear = _changes(each.id, each.manifest, upgrade, session)
        except ManagerError as error:
            notes.append(f"{each.id} {each.version} and {upgrade.new} could not be compared: {error}")
            continue
        compared.append(f"{each.id} {each.version} -> {upgrade.new}")
        notes += [f"{each.id} {upgrade.new}: {sentence}" for sentence in unclear]
        for file, source in sources.items():
            uses = read_uses(source, each.manifest.imports)
            unread |= {file} if uses is None else set()
            hits += [Hit(each.id, file, line, text) for line, text in touched(changes, uses or (), upgrade.new)]
    notes += [f"{file} is no Python: nothing in it was looked at." for file in sorted(unread)]
    return Impact(tuple(hits), tuple(compared), tuple(notes))


def _upgrades(proposal: Proposal, session: Session) -> Iterator[_Upgrade]:
    """Find the providers that move: those of the shared environment, then each in an environment of its own."""
    shared = [each for each in session.providers if each.id not in session.isolated]
    parts = [(shared, proposal.plan, proposal.files, session)]
    for each in proposal.isolated:
        own = session.environments.get(each.requirement.id)
        if own is not None:
            there = [provider for provider in own.providers if provider.id == each.requirement.id]
            parts.append((there, each.plan, each.files, own))
    for providers, plan, files, own in parts:
        coming = {step.name: step.new for step in plan.steps}
        for provider in providers:
            new = coming.get(provider.distribution)
            if new and new != provider.version and provider.distribution in files:
                yield _Upgrade(provider, new, own.environment.site, files[provider.distribution])


def _changes(provider_id: str, old: Manifest, upgrade: _Upgrade, session: Session) -> tuple[list[ApiChange], list[str]]:
    body = wheel_body(upgrade.file, session)
    wheel = read_wheel_bytes(upgrade.file.name, body)
    new = next((each.manifest for each in wheel.providers if each.id == provider_id), None)
    if new is None:
        raise ManagerError("The new version has no sound manifest.")
    found, unclear = manifest_changes(old, new), list[str]()
    if has_griffe():
        with tempfile.TemporaryDirectory(prefix="penstock-") as folder, zipfile.ZipFile(io.BytesIO(body)) as archive:
            archive.extractall(folder, [each for each in archive.namelist() if each.endswith((".py", ".pyi"))])
            known = {(each.target, each.kind, each.parameter) for each in found}
            code, unclear = code_changes(old.imports, Path(upgrade.site), Path(folder))
            found += [each for each in code if (each.target, each.kind, each.parameter) not in known]
    return found, unclear


def _sources(session: Session, notes: list[str]) -> dict[str, str]:
    """Return the text of each Python file of the project's DAG folders, by its path from the project."""
    roots = [session.project / name for name in session.intent.dags or ("dags",)]
    gone = [str(root) for root in roots if not root.exists()]
    if gone:
        notes.append(f"There is no folder {', '.join(gone)}: nothing there was looked through.")
    files = find_files(root for root in roots if root.exists())
    found = {path: source_of(path) for path in files if path.endswith(".py")}
    return {_shown(path, session.project): text for path, text in found.items()}


def _shown(path: str, project: Path) -> str:
    inside = Path(path).is_relative_to(project)
    return str(Path(path).relative_to(project)) if inside else path
