"""Descriptions of providers for people and programs, whether installed, in a catalog or in a source."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from penstock_manifest.format import Manifest

from penstock_plugin_manager.change.inspection import inspect_wheel
from penstock_plugin_manager.change.session import Session
from penstock_plugin_manager.change.solve.not_found import known_ids
from penstock_plugin_manager.errors import ManagerError, MissingError, did_you_mean
from penstock_plugin_manager.index.simple import Offered, Project, read_links, read_project
from penstock_plugin_manager.installed.site import Provider, believed
from penstock_plugin_manager.model.lock import File
from penstock_plugin_manager.model.requirement import newer, wheel_parts


class KnownProvider(NamedTuple):
    """A provider whose manifest is known.

    Attributes:
        where: ``installed``, ``catalog`` or ``source``.
    """

    id: str
    distribution: str
    version: str
    where: str
    manifest: Manifest
    installed: str = ""


def known_providers(session: Session, installed: Iterable[Provider] | None = None) -> list[KnownProvider]:
    """Return every provider whose manifest is known; what is installed hides what a catalog says of the same id.

    Args:
        session: The call.
        installed: The installed providers; those of the session's environment when None.
    """
    found = {
        each.id: KnownProvider(
            each.id, each.distribution, each.version, "installed", believed(each.manifest, each.paths[0]), each.version
        )
        for each in (session.every_provider if installed is None else installed)
        if each.manifest
    }
    for entry in session.catalog.values():
        manifest = entry.manifest
        if entry.id not in found and manifest:
            found[entry.id] = KnownProvider(entry.id, entry.distribution, entry.newest(), "catalog", manifest)
    for each in _in_folders(session):
        found.setdefault(each.id, each)
    return [found[name] for name in sorted(found)]


def _in_folders(session: Session) -> list[KnownProvider]:
    newest: dict[str, Offered] = {}
    for place in session.sources.find_links:
        try:
            offered = read_links(place, session.client)
        except MissingError:
            continue
        except ManagerError as error:
            session.console.note(str(error))
            continue
        for each in offered:
            parts = wheel_parts(each.name)
            if parts and each.name.endswith(".whl") and each.url.startswith("file:"):
                old = newest.get(parts[0])
                newest[parts[0]] = each if old is None or newer(each.version, old.version) else old
    found = []
    for distribution, each in newest.items():
        try:
            wheel = inspect_wheel(File(each.name, each.url), session)
        except ManagerError:
            continue
        found += [
            KnownProvider(provider.id, distribution, each.version, "source", provider.manifest)
            for provider in (wheel.providers if wheel else ())
            if provider.manifest and not provider.claims
        ]
    return found


def find_provider(provider_id: str, session: Session) -> KnownProvider:
    """Return one provider, from the environment, a catalog or, at last, its newest wheel in the sources.

    Raises:
        MissingError: nobody knows it; the nearest names are offered.
    """
    for each in known_providers(session):
        if each.id == provider_id:
            return each
    project = project_of(session.distribution_of(provider_id), session)
    if project:
        wheels = [each for each in project.files if each.name.endswith(".whl") and each.version == project.newest()]
        wheel = inspect_wheel(File(wheels[0].name, wheels[0].url, sha256=wheels[0].sha256), session) if wheels else None
        for provider in wheel.providers if wheel else ():
            if provider.id == provider_id and provider.manifest:
                return KnownProvider(
                    provider_id, project.name, wheel.version if wheel else "", "source", provider.manifest
                )
    if project and not wheels:
        raise MissingError(
            f"Provider {provider_id!r} comes as a source distribution alone ({project.name} {project.newest()}): what it can do is "
            "not known before its build has run.",
            f"Install it, then ask again: plugin-manager install {provider_id}",
        )
    hint = (
        did_you_mean(provider_id, [each for each in known_ids(session) if each != provider_id])
        or "plugin-manager list --available shows what there is."
    )
    raise MissingError(f"There is no provider {provider_id!r}.", hint)


def project_of(distribution: str, session: Session) -> Project | None:
    """Return what the sources have of a distribution, or None where they have nothing.

    Raises:
        ManagerError: a source could not be asked.
    """
    try:
        return read_project(distribution, session.sources, session.client)
    except MissingError:
        return None
