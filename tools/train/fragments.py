"""Changelog fragments, and the version that they call for.

A fragment is a file ``NAME.TYPE.md`` in a package's ``changelog.d``; ``NAME`` is the number of an issue, or begins with ``+``
where there is none. towncrier puts them into the changelog at a release.
"""

import re
from collections.abc import Iterable

from packaging.version import Version

TYPES = {"breaking": "major", "feature": "minor", "deps": "minor", "bugfix": "patch", "docs": ""}
"""What each type of fragment calls for once a package is stable, by semantic versioning 2.0.0; ``docs`` alone is no release."""
_ORDER = ("", "patch", "minor", "major")
_COVERED = (_ORDER, _ORDER[:3], _ORDER[:2], _ORDER[:2])
"""Steps that a pre-release has taken already: by whether its minor number, its patch number, or both are above 0."""
_FRAGMENT = re.compile(r"(?:\d+|\+[\w-]*)\.(?P<type>[a-z]+)(?:\.\d+)?\.md")


def problems(names: Iterable[str]) -> list[str]:
    """What is wrong with the names of the files in a ``changelog.d``, a sentence each."""
    return [
        f"{name} is no changelog fragment: call it NUMBER.TYPE.md or +WORD.TYPE.md with one of {', '.join(TYPES)}"
        for name in names
        if name != ".gitkeep" and ((found := _FRAGMENT.fullmatch(name)) is None or found["type"] not in TYPES)
    ]


def step(names: Iterable[str], *, stable: bool) -> str:
    """The step that fragments call for: ``major``, ``minor``, ``patch``, or nothing.

    Args:
        names: Names of the fragments.
        stable: Whether the package has a version 1 or higher. Before, what breaks is a minor step.
    """
    found = {TYPES[match["type"]] for name in names if (match := _FRAGMENT.fullmatch(name)) and match["type"] in TYPES}
    most = max(found, key=_ORDER.index, default="")
    return "minor" if most == "major" and not stable else most


def next_version(current: str, names: Iterable[str]) -> str:
    """The version after a released one, by its fragments; the same if they call for none.

    What comes after a pre-release is its final release, unless a fragment calls for a higher step than it is.
    """
    version = Version(current)
    major, minor, patch = version.major, version.minor, version.micro
    called_for = step(names, stable=major > 0)
    if version.is_prerelease and called_for in _COVERED[(minor > 0) + 2 * (patch > 0)]:
        return version.base_version
    match called_for:
        case "major":
            return f"{major + 1}.0.0"
        case "minor":
            return f"{major}.{minor + 1}.0"
        case "patch":
            return f"{major}.{minor}.{patch + 1}"
    return current


def disagreement(current: str, wanted: str, names: Iterable[str]) -> str:
    """Why a version does not fit the fragments; empty if it does.

    A higher step than the fragments call for is a maintainer's to take, and so is a pre-release of it; a lower one would hide a
    change from those who read versions.

    Args:
        current: The version that was released last.
        wanted: The version that is asked for.
        names: Names of the fragments.
    """
    called_for = next_version(current, names)
    if called_for == current:
        return f"changelog.d holds nothing that calls for a release after {current}"
    if Version(wanted) <= Version(current):
        return f"version {wanted} does not come after {current}"
    if Version(Version(wanted).base_version) < Version(called_for):
        return f"version {wanted} disagrees with changelog.d, which calls for {called_for} after {current}"
    return ""
