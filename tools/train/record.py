"""The record of releases, ``releases.toml``: which commit each version of each package was built from."""

import tomllib
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from packaging.version import Version

FILE = "releases.toml"
_HEAD = "# Every release: its package, version and commit, and the sha256 of its wheel's RECORD. Written by `nox -s record`.\n"


class Release(NamedTuple):
    """One version of one package that was published.

    Attributes:
        package: The package's name, as in its tags.
        version: The version.
        commit: The commit that it was built from.
        contents: The sha256 of its wheel's RECORD, in hexadecimal digits; RECORD has the digest of each file.
    """

    package: str
    version: str
    commit: str
    contents: str


def releases_of(text: str) -> list[Release]:
    """The releases that a record holds.

    Raises:
        ValueError: A row has other keys than these four, or is there twice.
    """
    found: list[Release] = []
    for row in tomllib.loads(text).get("release", []):
        if set(row) != set(Release._fields) or not all(isinstance(each, str) for each in row.values()):
            raise ValueError(f"{FILE}: a release has {', '.join(Release._fields)} as text; found {row}")
        found.append(Release(**row))
    names = [release[:2] for release in found]
    for each in names:
        if names.count(each) > 1:
            raise ValueError(f"{FILE} has {each[0]} {each[1]} more than once")
    return found


def text_of(releases: Iterable[Release]) -> str:
    """The record as a text, the oldest release of each package first."""
    rows = sorted(releases, key=lambda each: (each.package, Version(each.version)))
    blocks = [
        "\n[[release]]\n" + "".join(f'{key} = "{value}"\n' for key, value in each._asdict().items()) for each in rows
    ]
    return _HEAD + "".join(blocks)


def newest(releases: Sequence[Release], package: str) -> Release | None:
    """The release of a package with the highest version, None if there is none."""
    return max(
        (each for each in releases if each.package == package), key=lambda each: Version(each.version), default=None
    )
