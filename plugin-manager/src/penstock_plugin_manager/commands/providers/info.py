"""``info``: what a provider can do, before and after it is installed."""

from __future__ import annotations

import argparse
from typing import Any

from penstock_manifest.format import Field, plain

from penstock_plugin_manager.arguments import add_source_options
from penstock_plugin_manager.change.known_providers import KnownProvider, find_provider, project_of
from penstock_plugin_manager.change.session import Session
from penstock_plugin_manager.errors import IncompatibleError, ManagerError
from penstock_plugin_manager.model.names import parse_provider_requirement
from penstock_plugin_manager.model.offers import Offer, offer_data, offers_of
from penstock_plugin_manager.model.requirement import human_size
from penstock_plugin_manager.output import Result, next_command, style


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    parser.add_argument("id", metavar="ID", help="a provider")
    parser.add_argument("--versions", action="store_true", help="ask the sources for all versions")
    add_source_options(parser)


def run(options: argparse.Namespace, session: Session) -> Result:
    """Show what a provider can do: capabilities with parameters, extras, versions, links. Nothing is imported."""
    known = find_provider(_checked(parse_provider_requirement(options.id).id, session), session)
    versions = _versions(known, session, ask=options.versions)
    broken = next((list(each.problems) for each in session.every_provider if each.id == known.id), [])
    entry = session.catalog.get(known.id)
    release = entry.release(known.version) if entry else None
    manifest = known.manifest
    link = session.links.get(known.id) if session.has_environment else None
    linked = link.project if link else None
    data: dict[str, Any] = {
        "id": known.id, "name": manifest.name, "doc": manifest.doc, "distribution": known.distribution,
        "version": known.version, "installed": known.installed or None, "where": known.where,
        "linked": linked, "state": manifest.state,
        "replacement": manifest.replacement, "until": manifest.until, "spec": manifest.spec, "extras": manifest.extras,
        "documentation": manifest.documentation, "changelog": manifest.changelog, "versions": versions, "problems": broken,
        "download": release.download if release else None, "disk": release.disk if release else None,
        "verdicts": dict(release.verdicts) if release else {},
        "capabilities": [offer_data(each) for each in offers_of(manifest)],
    }  # fmt: skip
    return Result(data, _lines(known, data), 0)


def _checked(provider_id: str, session: Session) -> str:
    """Return an id unless a provider with that id stands here and has no manifest to show.

    Raises:
        IncompatibleError: it is broken in that way; the message says how.
    """
    for each in session.every_provider:
        if each.id == provider_id and each.manifest is None:
            raise IncompatibleError(
                f"Provider {provider_id!r} ({each.distribution} {each.version}) is installed and broken: {each.problems[0]}.",
                f"plugin-manager upgrade {provider_id}, or plugin-manager remove {provider_id}",
            )
    return provider_id


def _versions(known: KnownProvider, session: Session, *, ask: bool) -> list[str]:
    entry = session.catalog.get(known.id)
    listed = [each.version for each in entry.releases] if entry else []
    if not ask:
        return listed or [known.version]
    try:
        project = project_of(known.distribution, session)
    except ManagerError as error:
        session.console.note(f"The sources were not asked: {error}")
        return listed
    return project.versions() if project else listed


def _lines(known: KnownProvider, data: dict[str, Any]) -> list[str]:
    manifest = known.manifest
    standing = f"installed {known.installed}" if known.installed else f"not installed ({known.where}: {known.version})"
    lines = [
        f"{style(manifest.name, 'bold')} ({known.id}): {manifest.doc}",
        f"{known.distribution}, {standing}, {manifest.state}",
    ]
    lines += [f"linked to {data['linked']}, which stands before what is installed"] if data["linked"] else []
    if manifest.replacement:
        lines.append(
            f"use instead: {manifest.replacement}{f' (works until {manifest.until})' if manifest.until else ''}"
        )
    lines.append(f"spec {manifest.spec}; versions: {', '.join(data['versions']) or known.version}")
    if data["download"]:
        lines.append(
            f"{human_size(data['download'])} to fetch, {human_size(data['disk'])} on disk, without what it needs"
        )
    lines += [f"{key}: {data[key]}" for key in ("documentation", "changelog") if data[key]]
    lines += [f"{style('broken', 'red')}: {problem}" for problem in data["problems"]]
    if manifest.extras:
        lines += ["", style("extras", "bold"), *(f"  {name}: {doc}" for name, doc in sorted(manifest.extras.items()))]
    kind = ""
    for capability in offers_of(manifest):
        if capability.kind != kind:
            kind = capability.kind
            lines += ["", style(kind.replace("_", " "), "bold")]
        lines += _capability(capability)
    if not known.installed:
        lines += ["", next_command(f"install {known.id}")]
    return lines


def _capability(capability: Offer) -> list[str]:
    needs = f" [extra {capability.extra}]" if capability.extra else ""
    lines = [f"  {style(capability.id, 'cyan')}{needs}  {capability.doc}"]
    lines += [f"      {capability.object}"] if capability.object else []
    lines += [f"      {style('note well', 'bold')}: it {power}" for power in capability.powers]
    for each in capability.parameters:
        default = "" if each.default is None else f" = {plain(repr(each.default), 120)}"
        must = ", required" if each.required else ""
        secret = ", secret" if isinstance(each, Field) and each.secret else ""
        lines.append(f"      {each.name}: {each.type}{default}{must}{secret}  {each.doc}".rstrip())
    return lines
