"""Distributions and providers of an environment, as importlib-metadata and penstock-manifest find them.

No package of the environment is imported and no process of it is started.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import importlib_metadata
from penstock_manifest import discovery
from penstock_manifest.claims import ships_module
from penstock_manifest.discovery import ProviderEntryPoint
from penstock_manifest.environments import SearchPath
from penstock_manifest.format import Manifest, plain
from penstock_manifest.providers import grouped, read_provider

from penstock_plugin_manager.model.names import CORE, normalize
from penstock_plugin_manager.model.requirement import Distribution, allows, edges

if TYPE_CHECKING:
    from importlib_metadata._meta import IDistribution

_LARGEST_EGG = 256 << 10
_SPEC = re.compile(r"^(OLDEST_)?SPEC_VERSION\b[^=\n]*=\s*(\d{1,4})\b", re.MULTILINE)


class Provider(NamedTuple):
    """A provider that is installed in an environment, active or broken.

    Attributes:
        problems: Why it is not active; empty for an active one.
        manifest: What it offers; None where it could not be read.
        paths: The files on which this reading rests.
    """

    id: str
    distribution: str
    version: str
    source: str
    core: str
    problems: tuple[str, ...]
    notes: tuple[str, ...]
    manifest: Manifest | None
    paths: tuple[str, ...]


def distributions(*folders: str) -> dict[str, Distribution]:
    """Return every distribution of some folders of a Python's path by its normal name; the first folder that has it counts."""
    # the library remembers a folder by a time that is too coarse for a folder which has just been changed
    importlib_metadata.MetadataPathFinder.invalidate_caches()
    found: dict[str, Distribution] = {}
    for each in discovery.distributions(SearchPath(folders)):
        if discovery.has_metadata(each):
            read = read_distribution(each)
            found[read.name] = read
    return found


def read_distribution(dist: IDistribution) -> Distribution:
    """Return what a distribution says about itself; what it lacks is empty."""
    fields = discovery.headers(_text(dist, "METADATA") or _text(dist, "PKG-INFO"))
    source, editable = _source(dist)
    folder = Path(discovery.metadata_of(dist))
    stem, _, version = folder.stem.partition("-")
    # uv goes by the folder; a METADATA that was edited must not give a distribution the name of another
    named = folder.suffix == ".dist-info" and bool(version)
    return Distribution(
        name=normalize(plain((not named and fields.get("Name")) or stem, 200)),
        version=plain(fields.get("Version") or version or "0", 100),
        requires=tuple(fields.get_all("Requires-Dist") or _egg_requires(dist)),
        requested=dist.read_text("REQUESTED") is not None,
        installer=plain(_text(dist, "INSTALLER"), 50),
        source=source,
        editable=editable,
        license=plain((fields.get("License-Expression") or fields.get("License") or "").split("\n")[0], 80),
    )


def providers(where: SearchPath, cache: str | None = None) -> list[Provider]:
    """Return every provider that an environment's Python would find; a broken one carries its problems.

    Of several distributions with one id each is reported, and none is active.

    Args:
        where: Where that Python looks.
        cache: Folder in which is kept what was found; None to keep nothing.
    """
    core, served = core_spec(where)
    found = []
    for entries in grouped(discovery.find_providers(where, cache=cache)).values():
        found += _providers(entries, core, served)
    return found


def _providers(entries: Sequence[ProviderEntryPoint], core: str, served: range | None) -> list[Provider]:
    """Return the providers that announce one id; the library of the manifest judges them as the core does."""
    verdict = read_provider(entries, served=served)
    found = []
    for entry in entries:
        # what can be read of a broken provider is shown all the same
        shown = verdict if verdict.active else read_provider([entry])
        dist = _distribution(entry)
        need = next((edge.specifier for edge in edges(dist, {"extra": ""}) if edge.child == CORE), "")
        problems = [*verdict.problems, *core_problems(need, core)]
        paths = (entry.metadata, *([shown.file] if shown.file else []))
        source = dist.source or dist.installer
        found.append(
            Provider(
                entry.id, dist.name, entry.version, source, need, tuple(problems), shown.notes, shown.manifest, paths
            )
        )
    return found


def _distribution(entry: ProviderEntryPoint) -> Distribution:
    if Path(entry.metadata).exists():
        return read_distribution(importlib_metadata.Distribution.at(entry.metadata))
    for dist in discovery.distributions_in(entry.site, entry.distribution):  # in a zip file
        return read_distribution(dist)
    return Distribution(normalize(entry.distribution), entry.version)


def core_problems(need: str, core_version: str) -> list[str]:
    """Return why a provider does not fit a core; an unknown version is not judged."""
    if core_version and need and not allows(need, core_version):
        return [f"needs {CORE}{need}, found {core_version}"]
    return []


def core_spec(where: SearchPath) -> tuple[str, range | None]:
    """Return the version of the core that an environment's Python would import, and the spec versions that it serves.

    They are "" and None if they are not known. The second is read from the text of ``penstock/spec``.
    """
    dist = next((dist for each in where.folders for dist in discovery.distributions_in(each, CORE)), None)
    if dist is None or not discovery.has_metadata(dist):
        return "", None
    version = read_distribution(dist).version
    for package in (str(dist.locate_file("penstock")), *discovery.package_folders("penstock", where)):
        for path in sorted(Path(package, "spec").glob("*.py")):
            served = served_specs(path.read_text(encoding="utf-8", errors="replace"))
            if served:
                return version, served
    return version, None


def served_specs(text: str) -> range | None:
    """Return the spec versions that a core serves, from its module that says ``SPEC_VERSION = 1``; None if it does not.

    A core that names no oldest one serves that one alone.
    """
    found = {bool(oldest): int(number) for oldest, number in _SPEC.findall(text)}
    return range(found.get(True, found[False]), found[False] + 1) or None if False in found else None


def read_record(folder: Path) -> list[tuple[str, str, str]]:
    """Return path, hash and size of each file that a distribution recorded; none where the list cannot be read."""
    try:
        text = (folder / "RECORD").read_text(encoding="utf-8")
        rows = [row for row in csv.reader(text.splitlines(), strict=True) if row]
    except (OSError, ValueError, csv.Error):
        return []
    # Three fields a row: https://packaging.python.org/en/latest/specifications/recording-installed-packages/#the-record-file
    # Zeros are what a power cut leaves of a file; no path can hold one.
    if "\0" in text or any(len(row) != 3 for row in rows):
        return []
    return [(path, digest, size) for path, digest, size in rows]


def info_folder(site: Path, name: str) -> Path | None:
    """Return the metadata folder of a distribution, or None."""
    return next(iter(info_folders(site, name)), None)


def info_folders(site: Path, name: str) -> list[Path]:
    """Return every metadata folder that bears a distribution's name, whole ones first: a broken change leaves more than one."""
    found = importlib_metadata.distributions(name=name, path=[str(site)])
    return [
        Path(discovery.metadata_of(dist)) for dist in sorted(found, key=lambda each: not discovery.has_metadata(each))
    ]


def installed_size(site: Path, name: str) -> int:
    """Return the bytes that a distribution's recorded files take on disk."""
    folder = info_folder(site, name)
    total = 0
    for path, _, size in read_record(folder) if folder else ():
        if size.isdigit():
            total += int(size)
        elif not path.endswith(".pyc"):
            try:
                total += (site / path).stat().st_size
            except OSError:
                continue
    return total


def _egg_requires(dist: IDistribution) -> list[str]:
    """Return the requirements of an egg, which stand in a file of their own; none of anything else."""
    text = _text(dist, "PKG-INFO")
    return (dist.requires or []) if text and len(text) < _LARGEST_EGG else []


def _source(dist: IDistribution) -> tuple[str, bool]:
    try:
        data = json.loads(_text(dist, "direct_url.json") or "{}")
        return plain(_without_login(str(data.get("url", "")))), bool(data.get("dir_info", {}).get("editable", False))
    except (ValueError, AttributeError):
        return "", False


def _without_login(url: str) -> str:
    scheme, middle, rest = url.partition("://")
    host, slash, path = rest.partition("/")
    return f"{scheme}{middle}{host.rpartition('@')[2]}{slash}{path}"


def _text(dist: IDistribution, name: str) -> str:
    try:
        return dist.read_text(name) or ""
    except (OSError, ValueError):
        return ""


def believed(manifest: Manifest, metadata: str) -> Manifest:
    """Return an installed provider's manifest without the packages that its distribution does not hold: no advice rests on them."""
    files = [path for path, _, _ in read_record(Path(metadata))]
    if not files or any(path.endswith(".pth") or "__editable__" in path for path in files):
        return manifest  # an editable install names none of its files
    return manifest._replace(imports=tuple(each for each in manifest.imports if ships_module(files, each)))
