"""The blast radius of an upgrade: what changed in each provider that moves, intersected with what the project's files use of it."""

from __future__ import annotations

import io
import tempfile
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from penstock_manifest.format import Manifest

from penstock_plugin_manager.change.impact.code import code_changes, has_griffe
from penstock_plugin_manager.change.inspection import wheel_body
from penstock_plugin_manager.change.proposal import Proposal
from penstock_plugin_manager.change.session import Session
from penstock_plugin_manager.errors import ManagerError
from penstock_plugin_manager.index.wheel import read_wheel_bytes
from penstock_plugin_manager.model.lock import File
from penstock_plugin_manager.need.dag_files import find_files, source_of
from penstock_plugin_manager.need.uses import Use, read_uses
from penstock_plugin_manager.plan.api_changes import (
    PARAMETER_DEFAULT,
    PARAMETER_REMOVED,
    PARAMETER_REQUIRED,
    REMOVED,
    ApiChange,
    manifest_changes,
)


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


def impact(proposal: Proposal, session: Session) -> Impact:
    """Compare the versions of each provider that a plan moves, and find what the project's DAG files use of it. Nothing is imported.

    The manifests say what changed in capabilities; griffe, where it is installed, also what changed in the code.
    """
    moving = {step.name: step for step in proposal.plan.steps if step.old and step.new and step.old != step.new}
    standing = [each for each in session.providers if each.distribution in moving and each.manifest]
    if not standing:
        return Impact((), (), ())
    with_code = has_griffe()
    notes = (
        []
        if with_code
        else ["Only manifests were compared. For the code, too: pip install 'penstock-plugin-manager[api]'"]
    )
    sources = _sources(session, notes)
    hits: list[Hit] = []
    compared = []
    for each in standing:
        step, old = moving[each.distribution], each.manifest
        if old is None or each.distribution not in proposal.files:
            continue
        try:
            changes = _changes(each.id, old, proposal.files[each.distribution], session, with_code=with_code)
        except ManagerError as error:
            notes.append(f"{each.id} {step.old} and {step.new} could not be compared: {error}")
            continue
        compared.append(f"{each.id} {step.old} -> {step.new}")
        for file, source in sources.items():
            uses = read_uses(source, old.imports)
            hits += [Hit(each.id, file, line, text) for line, text in touched(changes, uses, step.new)]
    return Impact(tuple(hits), tuple(compared), tuple(notes))


def touched(changes: Iterable[ApiChange], uses: Iterable[Use], version: str) -> list[tuple[int, str]]:
    """Return line and sentence of each use that a change may break, without doubles, by line.

    Args:
        changes: What changed.
        uses: What one file uses.
        version: The version with the changes.
    """
    found = {
        (use.line, text)
        for use in uses
        for change in changes
        if use.target == change.target or use.target.startswith(f"{change.target}.")
        for text in [_sentence(change, use, version)]
        if text
    }
    return sorted(found)


def _sentence(change: ApiChange, use: Use, version: str) -> str:
    name = use.target if "." not in use.target or _is_id(use.target) else use.target.rpartition(".")[2]
    more = f" ({change.more})" if change.more else ""
    given = change.parameter in (use.keywords or ())
    left_out = use.keywords is not None and use.whole and not given
    if change.kind == REMOVED:
        return f"uses {name}, removed in {version}{more}"
    if change.kind == PARAMETER_REMOVED:
        return f"uses {name}({change.parameter}=), removed in {version}" if given else ""
    if change.kind == PARAMETER_REQUIRED:
        return f"uses {name} without {change.parameter}, required in {version}" if left_out else ""
    if change.kind == PARAMETER_DEFAULT:
        text = f"uses {name} without {change.parameter}, whose default changes in {version}: {change.more}"
        return text if left_out else ""
    return f"uses {name}, changed in {version}{more}"


def _is_id(target: str) -> bool:
    return target.count(".") == 1 and not target.startswith("penstock_")


def _changes(provider_id: str, old: Manifest, file: File, session: Session, *, with_code: bool) -> list[ApiChange]:
    body = wheel_body(file, session)
    wheel = read_wheel_bytes(file.name, body)
    new = next((each.manifest for each in wheel.providers if each.id == provider_id), None)
    if new is None:
        raise ManagerError("The new version has no sound manifest.")
    found = manifest_changes(old, new)
    if with_code:
        with tempfile.TemporaryDirectory(prefix="penstock-") as folder, zipfile.ZipFile(io.BytesIO(body)) as archive:
            archive.extractall(folder, [each for each in archive.namelist() if each.endswith((".py", ".pyi"))])
            known = {(each.target, each.kind, each.parameter) for each in found}
            code = code_changes(old.imports, Path(session.environment.site), Path(folder))
            found += [each for each in code if (each.target, each.kind, each.parameter) not in known]
    return found


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
