"""``dev``: a provider's folder in place of what is installed, for whoever works on it."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from penstock_manifest.discovery import GROUP

from penstock_plugin_manager.apply.linking import LinkedProject, link, unlink
from penstock_plugin_manager.arguments import Parser, add_dry_run_option
from penstock_plugin_manager.change.policy import check_folder
from penstock_plugin_manager.change.session import Session
from penstock_plugin_manager.errors import (
    CHANGES,
    INCOMPATIBLE,
    OK,
    IncompatibleError,
    MissingError,
    did_you_mean,
)
from penstock_plugin_manager.model.lock import Locked
from penstock_plugin_manager.model.provider_project import read_project
from penstock_plugin_manager.model.requirement import parse_requirement, unmet
from penstock_plugin_manager.output import Result

_NOTHING = "Nothing was changed."
_NO_VERSION = "0+linked"
"""Version of a project whose own is made by its build."""


def configure(parser: Parser) -> None:
    """Add the command's options."""
    parser.add_argument(
        "action", choices=("link", "unlink"), help="put a folder before what is installed, or take that back"
    )
    parser.add_argument("target", metavar="PATH|ID", help="with link: a provider's folder; with unlink: a provider")

    add_dry_run_option(parser)


def run(options: argparse.Namespace, session: Session) -> Result:
    """Have the environment use a provider's folder as it is, edits included, in place of what is installed; or take that back.

    Intent, lock and installed files stay as they are: the link is kept beside the environment, in a folder that git ignores, and holds
    through every change until it is taken back. Link again after a change of pyproject.toml.

    Raises:
        MissingError: there is no such folder or link.
        IncompatibleError: the folder holds no provider, or one that is isolated.
        UnverifiedError: the policy forbids the provider, or a folder as its source.
    """
    if options.action == "unlink":
        return _unlinked(options.target, session, dry_run=options.dry_run)
    project = Path(options.target).absolute()
    found, ids = _read(project)
    apart = [each for each in ids if each in session.isolated]
    if apart:
        raise IncompatibleError(
            f"Provider {apart[0]!r} has an environment of its own, and links stand in the shared one.",
            f"Take that away first: plugin-manager isolate {apart[0]} --undo",
        )
    check_folder(Locked(found.name, found.version, directory=str(project), editable=True), ids, session)
    would = {each: str(project) for each in ids}
    if options.dry_run:
        return Result({"linked": would}, [f"{', '.join(ids)} would be linked to {project}.", _NOTHING], CHANGES)
    with session.holding("dev link"):
        for provider_id in ids:
            link(provider_id, found, session.environment)
    after = session.with_options()
    problems = [f"{each.id}: {problem}" for each in after.every_provider if each.id in ids for problem in each.problems]
    visible = after.visible_distributions
    problems += [f"{found.name} {problem}" for problem in unmet(visible[found.name], visible, after.markers)]
    lines = [
        f"{provider_id} is linked to {project}; the lock and penstock.toml stay as they are." for provider_id in ids
    ]
    data = {"linked": would, "version": found.version, "problems": problems}
    return Result(data, [*lines, *problems], INCOMPATIBLE if problems else OK)


def _unlinked(provider_id: str, session: Session, *, dry_run: bool) -> Result:
    if provider_id not in session.links:
        hint = did_you_mean(provider_id, list(session.links)) or "plugin-manager list shows what is linked."
        raise MissingError(f"Provider {provider_id!r} is not linked.", hint)
    if dry_run:
        return Result({"unlinked": provider_id}, [f"{provider_id} would be linked no longer.", _NOTHING], CHANGES)
    with session.holding("dev unlink"):
        unlink(provider_id, session.environment)
    standing = next((each for each in session.with_options().every_provider if each.id == provider_id), None)
    now = f"{standing.distribution} {standing.version} is in use again" if standing else "nothing else has that id here"
    data = {"unlinked": provider_id, "version": standing.version if standing else None}
    return Result(data, [f"{provider_id} is linked no longer; {now}."])


def _read(project: Path) -> tuple[LinkedProject, list[str]]:
    """Return the distribution that a folder would be, and the ids of its providers, from its pyproject.toml alone."""
    read = read_project(project)
    if not read.providers or not read.name:
        raise IncompatibleError(f"{read.file} announces no provider.", f'It needs [project.entry-points."{GROUP}"].')
    name, version = read.name, read.version or _NO_VERSION
    requires = [*read.dependencies]
    metadata = [f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}"]
    for extra, texts in read.extras.items():
        metadata.append(f"Provides-Extra: {extra}")
        requires += [_of_extra(text, extra) for text in texts]
    metadata += [f"Requires-Dist: {each}" for each in requires]
    lines = [f"[{GROUP}]", *(f"{point} = {target}" for point, target in read.providers.items())]
    files = {
        "METADATA": "\n".join(metadata) + "\n",
        "entry_points.txt": "\n".join(lines) + "\n",
        "INSTALLER": "plugin-manager dev link\n",
        "direct_url.json": json.dumps({"url": project.as_uri(), "dir_info": {"editable": True}}),
    }
    source = project / "src" if (project / "src").is_dir() else project
    return LinkedProject(name, version, project, source, files), list(read.providers)


def _of_extra(text: str, extra: str) -> str:
    parsed = parse_requirement(text)
    if parsed is None:
        return text
    marker = f"({parsed.marker}) and extra == '{extra}'" if parsed.marker else f"extra == '{extra}'"
    parsed.marker = None
    return f"{parsed} ; {marker}"
