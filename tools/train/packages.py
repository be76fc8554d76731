"""The packages of the workspace, read from their ``pyproject.toml``: no list of names is kept anywhere."""

import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from house.tree import package_folders

UNPUBLISHED = frozenset({"testkit"})
"""Packages that only tests use; they have no releases."""


@dataclass(frozen=True)
class Package:
    """One package of the workspace.

    Attributes:
        name: What its tags begin with: its folder, with ``-`` for ``/``.
        folder: Its folder below the workspace.
        distribution: Its name on PyPI.
        version: The version that its ``pyproject.toml`` says.
        requires: Distributions of the workspace that it needs at run time, extras included.
        tests_require: Distributions of the workspace that its dependency group ``tests`` names.
        floors: The requirement of each of those that it needs, as written.
    """

    name: str
    folder: PurePosixPath
    distribution: str
    version: str
    requires: frozenset[str] = frozenset()
    tests_require: frozenset[str] = frozenset()
    floors: tuple[str, ...] = ()

    @property
    def is_provider(self) -> bool:
        """Whether it stands among the providers."""
        return self.folder.parts[0] == "providers"

    @property
    def is_published(self) -> bool:
        """Whether it has releases."""
        return self.name not in UNPUBLISHED


def packages_of(root: Path) -> tuple[Package, ...]:
    """All packages of a workspace, in the order of the folders."""
    tables = {folder: _table(root / folder / "pyproject.toml") for folder in package_folders(root)}
    ours = frozenset(str(table["project"]["name"]) for table in tables.values())
    return tuple(package_of(PurePosixPath(folder), table, ours) for folder, table in tables.items())


def package_of(folder: PurePosixPath, table: Mapping[str, Mapping[str, object]], ours: frozenset[str]) -> Package:
    """The package that a ``pyproject.toml`` describes.

    Args:
        folder: Where it stands below the workspace.
        table: The file's content.
        ours: The distributions of the workspace.
    """
    project = table["project"]
    extras = project.get("optional-dependencies", {})
    groups = table.get("dependency-groups", {})
    needed = [*_texts(project.get("dependencies", ()))]
    for each in extras.values() if isinstance(extras, dict) else ():
        needed += _texts(each)
    return Package(
        name=str(folder).replace("/", "-"),
        folder=folder,
        distribution=str(project["name"]),
        version=str(project["version"]),
        requires=_named(needed, ours),
        tests_require=_named(_texts(groups.get("tests", ())), ours) - {str(project["name"])},
        floors=tuple(text for text in _texts(project.get("dependencies", ())) if _named([text], ours)),
    )


def by_name(packages: Sequence[Package], name: str) -> Package:
    """The package of a name.

    Raises:
        LookupError: There is none of that name.
    """
    for each in packages:
        if each.name == name:
            return each
    raise LookupError(f"no package is called {name!r}; there are {', '.join(each.name for each in packages)}")


def dependants(packages: Sequence[Package], names: Iterable[str]) -> frozenset[str]:
    """Names of the packages that need one of some others at run time, over any number of steps."""
    distributions = {each.name: each.distribution for each in packages}
    reached, found = {distributions[name] for name in names}, set[str]()
    while True:
        more = {each.name for each in packages if each.requires & reached} - found
        if not more:
            return frozenset(found)
        found |= more
        reached |= {distributions[name] for name in more}


def needs(packages: Sequence[Package], package: Package) -> tuple[Package, ...]:
    """The packages of the workspace that a package needs at run time, over any number of steps."""
    return tuple(each for each in packages if package.name in dependants(packages, [each.name]))


def _table(path: Path) -> Mapping[str, Mapping[str, object]]:
    return tomllib.loads(path.read_text(encoding="utf-8"))


def _texts(value: object) -> list[str]:
    return [each for each in value if isinstance(each, str)] if isinstance(value, list | tuple) else []


def _named(requirements: Iterable[str], ours: frozenset[str]) -> frozenset[str]:
    return frozenset(re.split(r"[^\w.-]", text, maxsplit=1)[0] for text in requirements) & ours
