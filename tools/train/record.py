"""The record of releases, ``releases.toml``: which commit each version of each package was built from."""

import tomllib
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from packaging.version import Version

from train.tags import Tag

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


def with_release(releases: Sequence[Release], release: Release) -> list[Release]:
    """A record with one more release; the same record if it has that release as it is.

    Raises:
        ValueError: It has that version already, from another commit or with another content.
    """
    for each in releases:
        if each[:2] == release[:2] and each != release:
            different = "commit" if each.commit != release.commit else "contents"
            raise ValueError(
                f"{FILE} has {release.package} {release.version} already, and its {different} is {getattr(each, different)}, "
                f"not {getattr(release, different)}: a version is released once. Release the next one"
            )
    return [*releases] if release in releases else [*releases, release]


def elsewhere(releases: Iterable[Release], tag: Tag, commit: str) -> str:
    """Why a tag selects nothing: its version was released from another commit than it is on; empty if it was not."""
    for each in releases:
        if each[:2] == tag and each.commit != commit:
            return (
                f"{tag} is on {commit[:12]}, and {FILE} says that {each.version} was released from {each.commit[:12]}: a tag is "
                "never moved. Put it back, and release the next version"
            )
    return ""


def newest(releases: Sequence[Release], package: str) -> Release | None:
    """The release of a package with the highest version, None if there is none."""
    return max(
        (each for each in releases if each.package == package), key=lambda each: Version(each.version), default=None
    )
