"""Tags of releases, and whether all that names a release says the same."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from train.packages import Package

# Versions as they are written when normal: a second tag of one version, such as v1.02 beside v1.2, is none.
_NUMBER = "(?:0|[1-9][0-9]*)"
_TAG = re.compile(rf"(?P<package>[a-z0-9][a-z0-9-]*)/v(?P<version>{_NUMBER}(?:\.{_NUMBER})+(?:(?:a|b|rc){_NUMBER})?)")


class Tag(NamedTuple):
    """A tag: a package and its version."""

    package: str
    version: str

    def __str__(self) -> str:
        """The tag as git has it."""
        return f"{self.package}/v{self.version}"


def tag_of(text: str) -> Tag:
    """The package and the version that a tag names.

    Raises:
        ValueError: It is no tag of a release.
    """
    found = _TAG.fullmatch(text.removeprefix("refs/tags/"))
    if found is None:
        raise ValueError(f"{text!r} is no tag of a release; one is PACKAGE/vVERSION, such as core/v1.2.0")
    return Tag(found["package"], found["version"])


def tags_of(texts: Sequence[str]) -> list[Tag]:
    """Those of some tags that are tags of releases."""
    return [tag_of(text) for text in texts if _TAG.fullmatch(text)]


def disagreements(tag: Tag, package: Package, files: Mapping[str, str], wheel: Mapping[str, str]) -> Iterator[str]:
    """What does not agree with a tag, a sentence each.

    Args:
        tag: The tag.
        package: The package at the tag's commit.
        files: Texts of the package at that commit: ``CHANGELOG.md``, and each fragment that is left by its name.
        wheel: What the wheel says of itself: ``name`` and ``version`` of its metadata, ``id`` of its manifest, empty if it has
            none, and ``point``, the id of its entry point.
    """
    if package.version != tag.version:
        yield f"{tag} and {package.folder}/pyproject.toml disagree: the version there is {package.version}"
    if f"\n## {tag.version} (" not in files["CHANGELOG.md"]:
        yield f"{package.folder}/CHANGELOG.md has no section of {tag.version}"
    yield from (f"{name} is left, though {tag} is to release it" for name in files if name != "CHANGELOG.md")
    if (wheel["name"], wheel["version"]) != (package.distribution, tag.version):
        yield f"{tag} and its wheel disagree: the wheel is {wheel['name']} {wheel['version']}"
    if package.is_provider:
        meant = package.folder.name.replace("-", "_")
        for what, found in (("manifest", wheel["id"]), ("entry point", wheel["point"])):
            if found != meant:
                yield f"{tag} and its {what} disagree: the id there is {found!r}, the folder's is {meant!r}"
