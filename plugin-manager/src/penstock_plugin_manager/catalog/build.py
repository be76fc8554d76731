"""Building a catalog from wheels, without importing or installing them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from penstock_plugin_manager.catalog.entry import CatalogEntry, Release
from penstock_plugin_manager.catalog.verdicts import Verdict, words_by_release
from penstock_plugin_manager.errors import ManagerError, MissingError
from penstock_plugin_manager.index.wheel import Wheel, read_wheel
from penstock_plugin_manager.model.names import CORE
from penstock_plugin_manager.model.requirement import Distribution, edges, newer


def build_catalog(folders: list[Path], verdicts: Iterable[Verdict], note: Callable[[str], None]) -> list[CatalogEntry]:
    """Return an entry for each provider that lies in the wheels of some folders.

    Args:
        folders: Folders of wheels.
        verdicts: What tests have said of their providers.
        note: Told of each wheel that cannot be read or holds a broken provider, and of each verdict on what no wheel holds; they are
            left out.

    Raises:
        MissingError: a folder does not exist.
    """
    entries: dict[str, CatalogEntry] = {}
    words = words_by_release(verdicts)
    for folder in folders:
        if not folder.is_dir():
            raise MissingError(f"There is no folder {folder}.", "Name a folder of wheels.")
        for path in sorted(folder.glob("*.whl")):
            try:
                wheel = read_wheel(path)
            except ManagerError as error:
                note(f"{path.name} is left out: {error}")
                continue
            for entry in _entries(wheel, words, note):
                entries[entry.id] = _joined(entries.get(entry.id), entry)
    for provider_id, versions in words.items():
        releases = {each.version for each in entries[provider_id].releases} if provider_id in entries else set()
        for version in versions.keys() - releases:
            note(f"The verdict on {provider_id} {version} is left out: no wheel here holds that.")
    return [entries[name] for name in sorted(entries)]


def _entries(
    wheel: Wheel, verdicts: Mapping[str, Mapping[str, Mapping[str, str]]], note: Callable[[str], None]
) -> list[CatalogEntry]:
    found = []
    for provider in wheel.providers:
        manifest = provider.manifest
        if manifest is None or provider.claims:
            note(
                f"{wheel.filename}: provider {provider.id} is left out: {'; '.join((*provider.problems, *provider.claims))}"
            )
            continue
        dist = Distribution(wheel.name, wheel.version, wheel.requires)
        core = next((edge.specifier for edge in edges(dist, {"extra": ""}) if edge.child == CORE), "")
        release = Release(
            wheel.version, core, manifest.spec, wheel.requires_python, wheel.size, wheel.unpacked,
            verdicts=dict(verdicts.get(manifest.id, {}).get(wheel.version, {})),
        )  # fmt: skip
        found.append(
            CatalogEntry(
                manifest.id, wheel.name, provider.data, (release,), manifest.state, manifest.replacement, manifest.until
            )
        )
    return found


def _joined(old: CatalogEntry | None, new: CatalogEntry) -> CatalogEntry:
    if old is None:
        return new
    releases = {each.version: each for each in (*old.releases, *new.releases)}
    latest = new if newer(new.releases[0].version, old.newest()) else old
    return latest._replace(releases=tuple(releases[version] for version in sorted(releases)))
