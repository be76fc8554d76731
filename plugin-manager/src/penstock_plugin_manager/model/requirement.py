"""Requirements of distributions, and the graph that they make."""

# ruff: noqa: PLC0415  loading `packaging` takes longer than a whole call of a command that compares no versions

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, NamedTuple

from penstock_plugin_manager.model.names import normalize

if TYPE_CHECKING:
    from packaging.requirements import Requirement


class Distribution(NamedTuple):
    """A distribution that stands in an environment, as its metadata describes it."""

    name: str
    version: str
    requires: tuple[str, ...] = ()
    size: int = 0
    requested: bool = False
    installer: str = ""
    source: str = ""
    editable: bool = False
    license: str = ""


class Edge(NamedTuple):
    """One requirement of one distribution, as it counts under given markers and extras."""

    parent: str
    child: str
    specifier: str
    extras: tuple[str, ...]


def parse_requirement(text: str) -> Requirement | None:
    """Return a requirement, or None for text that is none (old metadata holds such)."""
    from packaging.requirements import Requirement

    try:
        return Requirement(text)
    except ValueError:  # no requirement, or a number of more digits than Python reads
        return None


def edges(distribution: Distribution, markers: Mapping[str, str], extras: Iterable[str] = ()) -> list[Edge]:
    """Return the requirements of a distribution that count under these markers and extras."""
    wanted = ("", *extras)
    found = []
    for text in distribution.requires:
        requirement = parse_requirement(text)
        if requirement is None:
            continue
        marker = requirement.marker
        if marker and not any(marker.evaluate({**markers, "extra": extra}) for extra in wanted):
            continue
        child = normalize(requirement.name)
        found.append(Edge(distribution.name, child, str(requirement.specifier), tuple(sorted(requirement.extras))))
    return found


def unmet(distribution: Distribution, present: Mapping[str, Distribution], markers: Mapping[str, str]) -> list[str]:
    """Return what a distribution needs and does not find, as the ends of sentences about it."""
    found = []
    for edge in edges(distribution, markers):
        other = present.get(edge.child)
        if other is None:
            found.append(f"needs {edge.child}{edge.specifier}, which is not installed")
        elif not allows(edge.specifier, other.version):
            found.append(f"needs {edge.child}{edge.specifier}, found {other.version}")
    return found


def reach(
    roots: Mapping[str, Iterable[str]], present: Mapping[str, Distribution], markers: Mapping[str, str]
) -> dict[str, list[Edge]]:
    """Walk from root distributions (name to extras) to all that they need.

    Returns:
        Each reached name with the edges that led to it; a root has none of its own. Names that are not present are
        reached as well, so that a caller sees what is missing.
    """
    reached: dict[str, list[Edge]] = {}
    done: dict[str, set[str]] = {}
    queue = [(normalize(name), tuple(extras)) for name, extras in roots.items()]
    for name, _ in queue:
        reached.setdefault(name, [])
    while queue:
        name, extras = queue.pop()
        known = done.get(name)
        if known is not None and set(extras) <= known:
            continue
        done[name] = (known or set()) | set(extras)
        if name not in present:
            continue
        for edge in edges(present[name], markers, extras):
            into = reached.setdefault(edge.child, [])
            if edge not in into:
                into.append(edge)
            queue.append((edge.child, edge.extras))
    return reached


def path_to(name: str, parents: Mapping[str, Iterable[str]], roots: Iterable[str]) -> tuple[str, ...]:
    """Return the shortest path from a root to a distribution, both included; empty where nothing leads there.

    Args:
        name: The distribution.
        parents: What needs each distribution directly.
        roots: Where a path may begin.
    """
    ends = {normalize(root) for root in roots}
    paths: list[tuple[str, ...]] = [(name,)]
    seen = {name}
    while paths:
        path = paths.pop(0)
        if path[0] in ends:
            return path
        for parent in sorted(parents.get(path[0], ())):
            if parent not in seen:
                seen.add(parent)
                paths.append((parent, *path))
    return ()


def allows(specifier: str, version: str) -> bool:
    """Tell whether a version satisfies a specifier; pre-releases that stand are accepted."""
    if not specifier:
        return True
    from packaging.specifiers import SpecifierSet
    from packaging.version import Version

    try:
        return SpecifierSet(specifier).contains(Version(version), prereleases=True)
    except ValueError:  # no version, no range, or a number of more digits than Python reads
        return False


def newest(versions: Iterable[str]) -> str | None:
    """Return the highest final version, else the highest pre-release, else None."""
    from packaging.version import Version

    parsed = []
    for text in versions:
        try:
            parsed.append((Version(text), text))
        except ValueError:  # as above
            continue
    finals = [pair for pair in parsed if not pair[0].is_prerelease]
    best = max(finals or parsed, default=None)
    return best[1] if best else None


def is_prerelease(version: str) -> bool:
    """Tell whether a version is a pre-release; one that is no version at all is none."""
    from packaging.version import Version

    try:
        return Version(version).is_prerelease
    except ValueError:  # as above
        return False


def newer(one: str, other: str) -> bool:
    """Tell whether the first version is higher than the second."""
    from packaging.version import Version

    try:
        return Version(one) > Version(other)
    except ValueError:  # as above
        return False


_SIZES = ((1 << 30, "GB"), (1 << 20, "MB"), (1 << 10, "kB"))


def human_size(count: int | None) -> str:
    """Return a size for the user: 12.3 MB; ``unknown`` for None."""
    if count is None:
        return "unknown"
    for unit, word in _SIZES:
        if count >= unit:
            return f"{count / unit:.1f} {word}"
    return f"{count} B"


def wheel_parts(filename: str) -> tuple[str, str] | None:
    """Return normal name and version of a wheel's or sdist's file name, or None."""
    wheel = re.match(r"([A-Za-z0-9._]+)-([A-Za-z0-9.!+_]+)(?:-[A-Za-z0-9_]+)?(?:-[A-Za-z0-9._]+){3}\.whl\Z", filename)
    if wheel:
        return normalize(wheel[1]), wheel[2].replace("_", "+") if "+" not in wheel[2] else wheel[2]
    sdist = re.match(r"([A-Za-z0-9._-]+)-([A-Za-z0-9.!+_]+)\.(?:tar\.gz|zip)\Z", filename)
    return (normalize(sdist[1]), sdist[2]) if sdist else None
