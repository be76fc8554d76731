"""Releases: a wave is a list of packages, each released by itself; one that fails is left behind and holds up none."""

import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from packaging.requirements import Requirement
from packaging.version import Version

from train.affected import Touch, change_of
from train.build import Refused, build_tag, fragments_at
from train.fragments import disagreement, next_version, problems
from train.packages import Package, by_name, packages_of
from train.repository import Repository
from train.tags import Tag, tag_of

TOWNCRIER = Path(__file__).parent / "towncrier.toml"


class Standing(NamedTuple):
    """Where a package stands.

    Attributes:
        package: The package.
        released: Its last release on this branch, empty if there is none.
        coming: The version that is due; the last release if none is.
        problem: Why there can be no release, empty if nothing is wrong.
    """

    package: Package
    released: str
    coming: str
    problem: str


def standing(repository: Repository, package: Package) -> Standing:
    """Where a package stands at HEAD: what was released, what comes, and what is in the way."""
    tags = {tag.version for tag in repository.tags() if tag.package == package.name}
    names = fragments_at(repository, "HEAD", package)
    if wrong := problems(names):
        return Standing(package, "", package.version, "\n".join(wrong))
    if not tags:
        return Standing(package, "", package.version, "")
    if package.version not in tags:
        reason = (
            f"{package.folder}/pyproject.toml says {package.version}, which no tag has: releases alone set versions. Take "
            "back the commit of a release that was broken off, or fetch its tag"
        )
        return Standing(package, "", package.version, reason)
    coming = next_version(package.version, names)
    files = repository.changed(f"refs/tags/{Tag(package.name, package.version)}")
    depth = change_of(files, [package]).packages.get(package.name)
    silent = depth is Touch.SOURCE and coming == package.version
    reason = f"{package.folder} has changed since {package.version}, and changelog.d does not say how" if silent else ""
    return Standing(package, package.version, coming, reason)


def release_wave(repository: Repository, wanted: Sequence[str], out: Path) -> Iterator[tuple[str, Tag | Refused]]:
    """Release packages one after another, those first that others need; each becomes a commit and a tag.

    A package whose release is refused leaves the clone as it was before.

    Args:
        repository: The clone; nothing in it may be uncommitted.
        wanted: Names of packages, each as it is or with ``==`` and a version.
        out: Where the files that were built are put.

    Yields:
        Each name with its tag, or why it is left behind.

    Raises:
        Refused: Something in the clone is not committed.
        LookupError: No package has one of the names.
    """
    if not repository.is_clean():
        raise Refused("the work tree has changes that are not committed; a release is made of commits alone")
    versions = {name: version for name, _, version in (each.partition("==") for each in wanted)}
    packages = packages_of(repository.root)
    named = {by_name(packages, name).name for name in versions}
    for package in (each for each in packages if each.name in named):
        before = repository.commit()
        try:
            tag = _release(repository, package, versions[package.name], out)
        except BaseException as error:
            repository.git("reset", "--quiet", "--hard", before)
            repository.git("clean", "--quiet", "--force", "-d", "--", str(package.folder))
            if not isinstance(error, Exception):  # somebody has interrupted the wave
                raise
            yield package.name, error if isinstance(error, Refused) else Refused(str(error) or repr(error))
        else:
            yield package.name, tag


def _release(repository: Repository, package: Package, asked: str, out: Path) -> Tag:
    tag = Tag(package.name, _version(repository, package, asked))
    folder = repository.root / package.folder
    if tag.version != package.version:
        _run(folder, "hatchling", "version", tag.version)
    names = ("--config", str(TOWNCRIER), "--dir", ".", "--name", package.distribution)
    day = datetime.now(UTC).strftime("%Y-%m-%d")
    _run(folder, "towncrier", "build", *names, "--version", tag.version, "--date", day, "--yes")
    lock = repository.root / "uv.lock"
    lock.write_text(with_version(lock.read_text(encoding="utf-8"), package.distribution, tag.version), encoding="utf-8")
    repository.git("add", "--all", "--", str(package.folder), "uv.lock")
    repository.git("commit", "--quiet", "--message", f"Release {package.name} {tag.version}")
    build_tag(repository, tag, out, commit=repository.commit())
    repository.git("tag", "--annotate", "--message", f"{package.distribution} {tag.version}", str(tag))
    return tag


def _version(repository: Repository, package: Package, asked: str) -> str:
    if not package.is_published:
        raise Refused(f"{package.name} is for tests alone and has no releases")
    found = standing(repository, package)
    if found.problem:
        raise Refused(found.problem)
    version = asked or found.coming
    tag_of(str(Tag(package.name, version)))
    if found.released and (reason := disagreement(found.released, version, fragments_at(repository, "HEAD", package))):
        raise Refused(reason)
    if Tag(package.name, version) in repository.tags():
        raise Refused(f"{Tag(package.name, version)} is there already; a version is released once")
    if missing := unreleased_floors(package, packages_of(repository.root), repository.tags()):
        raise Refused("\n".join(missing))
    return version


def unreleased_floors(package: Package, packages: Sequence[Package], tags: Sequence[Tag]) -> list[str]:
    """Requirements of a package on others of the workspace that no release of those meets, a sentence each."""
    names = {each.distribution: each.name for each in packages}
    missing = []
    for floor in package.floors:
        requirement = Requirement(floor)
        versions = [tag.version for tag in tags if tag.package == names[requirement.name]]
        if not any(requirement.specifier.contains(Version(each), prereleases=True) for each in versions):
            missing.append(f"{package.distribution} needs {floor}, and no release of {names[requirement.name]} is that")
    return missing


def with_version(lock: str, distribution: str, version: str) -> str:
    """A ``uv.lock`` in which a package of the workspace has another version."""
    entry = rf'(\[\[package\]\]\nname = "{re.escape(distribution)}"\nversion = ")[^"]+("\nsource = {{ editable)'
    return re.sub(entry, rf"\g<1>{version}\g<2>", lock)


def _run(folder: Path, module: str, *words: str) -> None:
    command = [sys.executable, "-m", module, *words]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    if done.returncode:
        raise Refused(f"{module} {' '.join(words)}: exit code {done.returncode}\n{done.stdout}{done.stderr}")
