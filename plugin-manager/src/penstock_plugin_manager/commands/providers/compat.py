"""``compat``: which versions of providers go with which cores."""

from __future__ import annotations

import argparse
from typing import NamedTuple

from penstock_manifest.ranges import range_problem, serves
from penstock_manifest.specs import shown

from penstock_plugin_manager.arguments import add_source_options
from penstock_plugin_manager.catalog.entry import Release
from penstock_plugin_manager.catalog.verdicts import FAIL
from penstock_plugin_manager.change.inspection import inspect_wheel
from penstock_plugin_manager.change.known_providers import find_provider, project_of
from penstock_plugin_manager.change.session import Session
from penstock_plugin_manager.errors import OK, ManagerError, MissingError, UsageError
from penstock_plugin_manager.installed.site import core_spec
from penstock_plugin_manager.model.lock import File
from penstock_plugin_manager.model.names import CORE
from penstock_plugin_manager.model.requirement import allows, newer, newest
from penstock_plugin_manager.output import Result, style, table

_COLOURS = {"pass": "green", FAIL: "red", "no": "red"}


class Pair(NamedTuple):
    """One version of a provider with one core.

    Attributes:
        word: ``pass`` or ``fail`` by a test, ``no`` by what the two declare, ``untested`` otherwise.
        why: What was declared, where the word is ``no``.
    """

    word: str
    why: str = ""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    parser.add_argument(
        "id", nargs="?", metavar="ID", help="a provider, with all its versions (default: the newest of each)"
    )
    parser.add_argument(
        "--core",
        metavar="A..B",
        help="cores, such as 0.1..0.3, 0.2.. or 0.2.0 (default: those of verdicts and the installed)",
    )
    add_source_options(parser)


def run(options: argparse.Namespace, session: Session) -> Result:
    """Show which versions of providers go with which cores: by tests that ran, and by what both declare.

    Raises:
        MissingError: there is no such provider, or no such core.
        UsageError: the cores are no range.
    """
    releases = _releases(options.id, session)
    cores = _cores(options.core, releases, session)
    pairs = {
        (provider_id, release.version): {core: judged(release, core, served) for core, served in cores.items()}
        for provider_id, found in releases.items()
        for release in found
    }
    data = [
        {"provider": name, "version": version, "cores": {core: pair._asdict() for core, pair in found.items()}}
        for (name, version), found in pairs.items()
    ]
    rows = [(*key, *(_cell(pair) for pair in found.values())) for key, found in pairs.items()]
    lines = table(("PROVIDER", "VERSION", *(f"CORE {core}" for core in cores)), rows)
    lines += sorted(
        {
            f"{name} {version}: {pair.why}"
            for (name, version), found in pairs.items()
            for pair in found.values()
            if pair.why
        }
    )
    specs = {core: list(served) if served else None for core, served in cores.items()}
    return Result({"cores": specs, "pairs": data}, lines if pairs else ["No provider is known."], OK)


def judged(release: Release, core: str, served: range | None) -> Pair:
    """Say how a release goes with a core.

    Args:
        release: What is known of it.
        core: The core's version.
        served: The spec versions of that core; None if they are not known.
    """
    if release.core and not allows(release.core, core):
        return Pair("no", f"needs core {release.core}")
    if served and release.spec and not range_problem(release.spec) and not serves(release.spec, served):
        return Pair("no", f"serves spec {release.spec}, core {core} serves {shown(served)}")
    return Pair(release.verdicts.get(core, "untested"))


def _cell(pair: Pair) -> str:
    return style(pair.word, _COLOURS[pair.word]) if pair.word in _COLOURS else pair.word


def _releases(provider_id: str | None, session: Session) -> dict[str, list[Release]]:
    """Return the releases to show by provider: all of one that is named, else the newest and the installed one of each."""
    installed = {
        each.id: Release(each.version, each.core, each.manifest.spec)
        for each in session.every_provider
        if each.manifest
    }
    if provider_id is not None and provider_id not in {*installed, *session.catalog}:
        known = find_provider(provider_id, session)
        return {known.id: [Release(known.version, spec=known.manifest.spec)]}
    found = {}
    for name in [provider_id] if provider_id else sorted({*installed, *session.catalog}):
        entry, own = session.catalog.get(name), installed.get(name)
        listed = [each for each in (entry.releases if entry else ()) if not each.yanked]
        shown_too = {own.version if own else "", entry.newest() if entry else ""}
        rows = listed if provider_id else [each for each in listed if each.version in shown_too]
        rows += [own] if own and own.version not in {each.version for each in rows} else []
        found[name] = _ascending(rows)
    return found


def _ascending(releases: list[Release]) -> list[Release]:
    found: list[Release] = []
    for each in releases:
        at = next((number for number, other in enumerate(found) if newer(other.version, each.version)), len(found))
        found.insert(at, each)
    return found


def _cores(text: str | None, releases: dict[str, list[Release]], session: Session) -> dict[str, range | None]:
    """Return the spec versions of each core to show, by its version, the oldest first.

    Raises:
        MissingError: no source has a core of the range.
    """
    installed, served = core_spec(session.search_path) if session.has_environment else ("", None)
    tested = {core for found in releases.values() for each in found for core in each.verdicts}
    if text is None:
        versions = tested | ({installed} - {""})
    else:
        low, high = _bounds(text)
        versions = {each for each in tested | _offered(session) | ({installed} - {""}) if _inside(each, low, high)}
    if not versions:
        raise MissingError(
            "There is no core to compare with.", "Name some that your sources have, such as --core 0.1..0.3"
        )
    ordered = _ascending([Release(each) for each in versions])
    return {
        each.version: served if each.version == installed else _spec_of(each.version, session, ask=text is not None)
        for each in ordered
    }


def _bounds(text: str) -> tuple[str, str]:
    low, dots, high = text.partition("..")
    parts = [each for each in (low, high) if each]
    if not parts or any(newest([each]) is None for each in parts):
        raise UsageError(f"{text!r} is no range of cores.", "Write two versions, such as --core 0.1..0.3, or one.")
    return low, high if dots else low


def _inside(version: str, low: str, high: str) -> bool:
    return not (low and newer(low, version)) and not (high and newer(version, high))


def _offered(session: Session) -> set[str]:
    project = project_of(CORE, session)
    return set(project.versions()) if project else set()


def _spec_of(version: str, session: Session, *, ask: bool) -> range | None:
    """Return the spec versions of a core as its wheel says; None if no source gives it, or none may be asked for the default."""
    if not ask:
        return None
    try:
        project = project_of(CORE, session)
        wheels = [
            each
            for each in (project.files if project else ())
            if each.name.endswith(".whl") and each.version == version
        ]
        wheel = inspect_wheel(File(wheels[0].name, wheels[0].url, sha256=wheels[0].sha256), session) if wheels else None
    except ManagerError as error:
        session.console.note(f"The spec versions of core {version} are not known: {error}")
        return None
    return wheel.served if wheel else None
