"""Distributions and providers in a site-packages folder, read from their metadata."""

from __future__ import annotations

import csv
import json
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from penstock_plugin_manager.model.manifest import Manifest, read_manifest
from penstock_plugin_manager.model.names import CORE, GROUP, normalize
from penstock_plugin_manager.model.requirement import Distribution, allows, edges

SPEC_VERSION = re.compile(r"""^SPEC_VERSION\b[^=\n]*=\s*["']?([\d.]+)""", re.MULTILINE)


class Provider(NamedTuple):
    """A provider that stands in an environment, whole or broken.

    Attributes:
        problems: Why it is not active; empty for one that works.
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


def distributions(site: Path) -> dict[str, Distribution]:
    """Return every distribution of a site-packages folder by its normal name."""
    found: dict[str, Distribution] = {}
    for folder in _infos(site):
        read = read_distribution(folder)
        if read:
            found[read.name] = read
    return found


def read_distribution(folder: Path) -> Distribution | None:
    """Return the distribution of a ``.dist-info`` folder, or None where its metadata is missing or unreadable."""
    try:
        text = (folder / "METADATA").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    fields = parse_metadata(text)
    if not fields.get("name"):
        return None
    source, editable = _source(folder)
    return Distribution(
        name=normalize(fields["name"][0]),
        version=fields.get("version", ["0"])[0],
        requires=tuple(fields.get("requires-dist", ())),
        requested=(folder / "REQUESTED").exists(),
        installer=_text(folder / "INSTALLER").strip(),
        source=source,
        editable=editable,
        license=(fields.get("license-expression") or fields.get("license") or [""])[0].split("\n")[0][:80],
    )


def parse_metadata(text: str) -> dict[str, list[str]]:
    """Return the header fields of core metadata, lower-case names to their values."""
    fields: dict[str, list[str]] = {}
    for line in text.splitlines():
        if not line:
            break
        name, colon, rest = line.partition(":")
        if colon and not line[0].isspace():
            fields.setdefault(name.strip().lower(), []).append(rest.strip())
    return fields


def providers(site: Path) -> list[Provider]:
    """Return every provider of a site-packages folder; a broken one carries its problems.

    Two distributions with one id are both reported, and neither is active.
    """
    core = core_spec(site)
    found: list[Provider] = []
    for folder in _infos(site):
        found += [_provider(site, folder, name, target, core) for name, target in entry_points(folder)]
    by_id: dict[str, list[Provider]] = {}
    for each in found:
        by_id.setdefault(each.id, []).append(each)
    return sorted(_marked(each, by_id[each.id]) for each in found)


def _marked(provider: Provider, same: list[Provider]) -> Provider:
    others = sorted({each.distribution for each in same} - {provider.distribution})
    if not others:
        return provider
    problem = f"id {provider.id!r} is claimed by {', '.join(others)} as well; neither is active"
    return provider._replace(problems=(*provider.problems, problem))


def _infos(site: Path) -> Iterator[Path]:
    try:
        names = sorted(path.name for path in site.iterdir() if path.name.endswith(".dist-info"))
    except OSError:
        return
    for name in names:
        if not name.startswith("~"):
            yield site / name


def entry_points(folder: Path) -> list[tuple[str, str]]:
    """Return name and target of each provider entry point of a distribution."""
    text = _text(folder / "entry_points.txt")
    if GROUP not in text:
        return []
    found, inside = [], False
    for raw in text.splitlines():
        line = raw.strip()
        if line.startswith("["):
            inside = line == f"[{GROUP}]"
        elif inside and "=" in line and not line.startswith(("#", ";")):
            name, _, target = line.partition("=")
            found.append((name.strip(), target.strip()))
    return found


def _provider(site: Path, folder: Path, name: str, target: str, core: tuple[str, str]) -> Provider:
    dist = read_distribution(folder) or Distribution(normalize(folder.name.split("-")[0]), "0")
    path, problem = _manifest_path(site, folder, target)
    problems = [problem] if problem else []
    manifest: Manifest | None = None
    notes: tuple[str, ...] = ()
    if path:
        data, problem = _load(path)
        if problem:
            problems.append(problem)
        else:
            reading = read_manifest(data, name)
            manifest, notes = reading.manifest, reading.notes
            problems += reading.problems
    need = next((edge.specifier for edge in edges(dist, {"extra": ""}) if edge.child == CORE), "")
    problems += compatibility(manifest, need, *core)
    source = dist.source or ("editable" if dist.editable else dist.installer)
    return Provider(
        name, dist.name, dist.version, source, need, tuple(problems), notes, manifest,
        (str(folder), *([str(path)] if path else [])),
    )  # fmt: skip


def compatibility(manifest: Manifest | None, need: str, core_version: str, spec: str) -> list[str]:
    """Return why a provider does not fit a core; an unknown version is not judged."""
    problems = []
    if core_version and need and not allows(need, core_version):
        problems.append(f"needs {CORE}{need}, found {core_version}")
    if manifest and spec and not allows(manifest.spec, spec):
        problems.append(f"serves spec {manifest.spec}, the core has spec {spec}")
    return problems


def _load(path: Path) -> tuple[dict[str, Any], str]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8")), ""
    except OSError as error:
        return {}, f"manifest {path.name} cannot be read: {error.strerror}"
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        return {}, f"manifest {path.name} is no TOML: {error}"


def _manifest_path(site: Path, folder: Path, target: str) -> tuple[Path | None, str]:
    package, colon, name = target.partition(":")
    if not colon or not re.match(r"[\w.]+\Z", package) or not re.match(r"[\w./-]+\.toml\Z", name) or ".." in name:
        return None, f"entry point {target!r} names no manifest file; it must be like penstock_x:provider.toml"
    inside = Path(*package.split("."), *name.split("/"))
    for base in (site, *_editable_roots(site, folder)):
        if (base / inside).is_file():
            return base / inside, ""
    return None, f"manifest {inside} is missing"


def _editable_roots(site: Path, folder: Path) -> list[Path]:
    """Return the source folders of an editable distribution, from the ``.pth`` files that its RECORD lists."""
    roots = []
    for path, _, _ in read_record(folder):
        if path.endswith(".pth") and "/" not in path:
            lines = _text(site / path).splitlines()
            roots += [Path(line) for line in lines if line.strip() and not line.startswith(("import ", "#"))]
    return roots


def read_record(folder: Path) -> list[tuple[str, str, str]]:
    """Return path, hash and size of each file that a distribution recorded."""
    rows = csv.reader(_text(folder / "RECORD").splitlines())
    return [(row[0], row[1] if len(row) > 1 else "", row[2] if len(row) > 2 else "") for row in rows if row]


def info_folder(site: Path, name: str) -> Path | None:
    """Return the ``.dist-info`` folder of a distribution, or None."""
    return next(
        (
            folder
            for folder in _infos(site)
            if normalize(folder.name.removesuffix(".dist-info").rpartition("-")[0]) == name
        ),
        None,
    )


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


def core_spec(site: Path) -> tuple[str, str]:
    """Return version and spec version of the core that stands here; empty strings where it is not known.

    The spec version is read from the text of ``penstock/spec``, where the core writes ``SPEC_VERSION = "..."``.
    """
    folder = info_folder(site, CORE)
    dist = read_distribution(folder) if folder else None
    if folder is None or dist is None:
        return "", ""
    for base in (site, *_editable_roots(site, folder)):
        for path in sorted((base / "penstock" / "spec").glob("*.py")):
            found = SPEC_VERSION.search(_text(path))
            if found:
                return dist.version, found[1]
    return dist.version, ""


def _source(folder: Path) -> tuple[str, bool]:
    text = _text(folder / "direct_url.json")
    if not text:
        return "", False
    try:
        data = json.loads(text)
        return str(data.get("url", "")), bool(data.get("dir_info", {}).get("editable", False))
    except (ValueError, AttributeError):
        return "", False


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
