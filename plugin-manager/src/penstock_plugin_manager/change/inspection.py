"""A look into providers before they are installed: their wheels are read, never run."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from functools import partial

from penstock_manifest.deprecations import deprecated_uses
from penstock_manifest.format import Manifest
from penstock_manifest.providers import source_below
from penstock_manifest.ranges import serves
from penstock_manifest.specs import shown

from penstock_plugin_manager.catalog.entry import CatalogEntry
from penstock_plugin_manager.change.request import Limits
from penstock_plugin_manager.change.session import Session
from penstock_plugin_manager.errors import IncompatibleError, ManagerError, UnverifiedError
from penstock_plugin_manager.index.cache import DownloadCache
from penstock_plugin_manager.index.wheel import Wheel, check_hash, read_wheel_bytes
from penstock_plugin_manager.installed.site import core_spec
from penstock_plugin_manager.model.lock import File, Locked


def inspect_wheel(file: File, session: Session) -> Wheel | None:
    """Return what a wheel says about itself; None for a source distribution, which would have to be run.

    Raises:
        UnverifiedError: the file is not the one that its hash names.
        ManagerError: it cannot be fetched or is no wheel.
    """
    if not file.name.endswith(".whl"):
        return None
    return read_wheel_bytes(file.name, wheel_body(file, session))


def wheel_body(file: File, session: Session) -> bytes:
    """Return the bytes of a wheel, from the manager's cache where it has them.

    Raises:
        UnverifiedError: the file is not the one that its hash names.
        ManagerError: it cannot be fetched.
    """
    place = file.path or file.url
    if place.startswith(("http://", "https://")):
        return _download(file, session)
    body = session.client.fetch(place).body
    check_hash(file, body)
    return body


def _download(file: File, session: Session) -> bytes:
    cache = DownloadCache("wheels")
    kept = cache.read(file.sha256) if file.sha256 else None
    if kept is not None and hashlib.sha256(kept).hexdigest() == file.sha256:
        return kept
    body = session.client.fetch(file.url).body
    check_hash(file, body)
    if file.sha256:
        cache.write(file.sha256, body)
    return body


def check_providers(
    wanted: Sequence[tuple[str, Locked, File]],
    core: tuple[Locked, File | None] | None,
    limits: Limits,
    session: Session,
    *,
    alone: bool = False,
) -> list[str]:
    """Judge the providers that are about to be installed.

    Args:
        wanted: Provider id, package and file of each.
        core: The core that is about to be installed, and its file; None when it stays.
        limits: Whether broken and suspended providers are permitted.
        session: The call.
        alone: Whether they come into an environment of their own, where nothing of the shared one stands in their way.

    Returns:
        Warnings: deprecated and experimental providers; what they may do beyond others; what of the specs will be gone that they
        use, or those that stay.

    Raises:
        IncompatibleError: a provider is broken, claims a foreign id, does not fit the core, or is suspended or removed; or one that
            stays would not fit a core that moves.
    """
    package, file = core or (None, None)
    served = spec_of_core(package, file, session)
    version = package.version if package else core_spec(session.search_path)[0]
    moving = {each[1].name for each in wanted}
    warnings = _check_standing(served, version, moving, limits, session) if core and not alone else []
    for provider_id, package, file in wanted:
        wheel = inspect_wheel(file, session)
        if wheel is None:
            continue
        problems = _problems(provider_id, wheel, version, served)
        manifest = next((each.manifest for each in wheel.providers if each.id == provider_id), None)
        problems += apart_problems(manifest) if alone else _taken(wheel, session)
        if problems and not limits.broken:
            raise IncompatibleError(
                f"{package.name} {package.version} would not work here: {problems[0]}.",
                "Ask for another version, or give --allow-broken.",
                "\n".join(problems[1:]),
            )
        warnings += problems + _judge_state(provider_id, wheel, limits, session)
        warnings += _deprecated(provider_id, wheel, served) + power_warnings(manifest)
    return warnings


def apart_problems(manifest: Manifest | None) -> list[str]:
    """Return why a provider cannot live in an environment of its own, a sentence each."""
    return [
        f"its service {each.id} is given the whole installation, which one in an environment of its own cannot have"
        for each in (manifest.capabilities if manifest else ())
        if each.installation
    ]


def power_warnings(manifest: Manifest | None) -> list[str]:
    """Return what a provider may do beyond others, a sentence each."""
    return [f"{each.id} {power}" for each in (manifest.capabilities if manifest else ()) for power in each.powers]


def spec_of_core(package: Locked | None, file: File | None, session: Session) -> range | None:
    """Return the spec versions that a core serves; None if they are not known.

    Args:
        package: A core that is about to be installed; None for the installed one.
        file: Its file; None for the installed one.
        session: The call.

    Raises:
        UnverifiedError: the file is not the one that its hash names.
    """
    if file is None:
        return core_spec(session.search_path)[1]
    try:
        wheel = inspect_wheel(file, session)
    except UnverifiedError:
        raise
    except ManagerError as error:
        what = f"{package.name} {package.version}" if package else file.name
        session.console.note(f"The spec versions of {what} are not known yet: {error}")
        wheel = None
    return wheel.served if wheel else None


def _check_standing(
    served: range | None, version: str, moving: set[str], limits: Limits, session: Session
) -> list[str]:
    """Judge the providers that stay while the core moves.

    Raises:
        IncompatibleError: one would not work with the new core, and that is not permitted.
    """
    staying = [(each, each.manifest) for each in session.providers if each.manifest and each.distribution not in moving]
    problems = [
        f"provider {each.id!r} ({each.distribution} {each.version}) would not work any more: it serves spec "
        f"{manifest.spec}, and core {version} serves spec {shown(served)}"
        for each, manifest in staying
        if served and not serves(manifest.spec, served)
    ]
    if problems and not limits.broken:
        raise IncompatibleError(
            f"{problems[0][:1].upper()}{problems[0][1:]}.",
            "Upgrade or remove it in the same call, keep the core, or give --allow-broken.",
            "\n".join(problems[1:]),
        )
    return problems + [
        f"provider {each.id!r}, which stays: {use.sentence}"
        for each, manifest in staying
        if served is None or serves(manifest.spec, served)
        for use in deprecated_uses(manifest, served, partial(_installed_source, session))
    ]


def _installed_source(session: Session, module: str) -> str | None:
    """Return the text of a module that is installed, None where there is none."""
    found = (source_below(folder, module) for folder in session.search_path.folders)
    return next((text for text in found if text is not None), None)


def _deprecated(provider_id: str, wheel: Wheel, served: range | None) -> list[str]:
    return [
        f"provider {provider_id!r}: {use.sentence}"
        for each in wheel.providers
        if each.id == provider_id and each.manifest
        for use in deprecated_uses(each.manifest, served, each.sources.get)
    ]


def _problems(provider_id: str, wheel: Wheel, core_version: str, served: range | None) -> list[str]:
    offered = {each.id: each for each in wheel.providers}
    if provider_id not in offered:
        names = ", ".join(sorted(offered)) or "none"
        return [f"it offers no provider {provider_id!r} (it offers: {names})"]
    provider = offered[provider_id]
    problems = [*provider.problems, *provider.claims]
    if provider.manifest and served and not serves(provider.manifest.spec, served):
        problems.append(f"it serves spec {provider.manifest.spec}, and core {core_version} serves spec {shown(served)}")
    return problems


def _taken(wheel: Wheel, session: Session) -> list[str]:
    offered = {each.id for each in wheel.providers}
    others = [each.distribution for each in session.providers if each.id in offered and each.distribution != wheel.name]
    return [f"its id is taken by {name}, which is installed" for name in others]


def states_of(entry: CatalogEntry | None, manifest: Manifest | None) -> set[str]:
    """Return what a catalog and a manifest say of a provider's lifecycle; neither can take back what the other says."""
    return {each.state for each in (entry, manifest) if each}


def _judge_state(provider_id: str, wheel: Wheel, limits: Limits, session: Session) -> list[str]:
    manifest = next((each.manifest for each in wheel.providers if each.id == provider_id), None)
    entry = session.catalog.get(provider_id)
    state = entry.state if entry and entry.state != "stable" else (manifest.state if manifest else "stable")
    replacement = (entry.replacement if entry else "") or (manifest.replacement if manifest else "")
    until = (entry.until if entry else "") or (manifest.until if manifest else "")
    instead = f"Use {replacement} instead." if replacement else ""
    if state == "removed":
        raise IncompatibleError(f"Provider {provider_id!r} has been removed from the ecosystem.", instead)
    if state == "suspended" and not limits.suspended:
        raise IncompatibleError(
            f"Provider {provider_id!r} is suspended.", instead or "Give --allow-suspended to install it all the same."
        )
    if state == "deprecated":
        works = f" and works until {until}" if until else ""
        return [f"provider {provider_id!r} is deprecated{works}. {instead}".strip()]
    if state in {"experimental", "suspended"}:
        return [f"provider {provider_id!r} is {state}"]
    return []


def verdicts(wanted: Iterable[tuple[str, str]], core_version: str, session: Session) -> list[str]:
    """Return a warning for each provider version that the catalog has seen fail with this core.

    Untested pairs are reported only where the catalog carries any verdict for that provider.
    """
    found = []
    for provider_id, version in wanted:
        entry = session.catalog.get(provider_id)
        release = entry.release(version) if entry else None
        verdict = release.verdicts.get(core_version) if release else None
        tested = any(each.verdicts for each in entry.releases) if entry else False
        if verdict == "fail":
            found.append(f"{provider_id} {version} is known to fail with core {core_version}")
        elif tested and verdict is None:
            found.append(f"{provider_id} {version} has not been tested with core {core_version}")
    return found
