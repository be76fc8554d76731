"""What is tested: a wheel, and the tests that lie beside its source."""

from __future__ import annotations

import tarfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from penstock_plugin_manager.errors import IncompatibleError, ManagerError, MissingError, as_sentence
from penstock_plugin_manager.index.wheel import Wheel, read_wheel
from penstock_plugin_manager.model.provider_project import read_project

_TESTS = ("tests", "test")
"""Folders of tests, and names of dependency groups and extras that hold what tests need; the first that is there counts."""


class Subject(NamedTuple):
    """A provider that is to be tested.

    Attributes:
        path: Its wheel.
        source: The folder that it was built from; None where it was given as a wheel.
        tests: The folder of its own tests; None where there is none.
        test_requires: What these tests need besides.
    """

    wheel: Wheel
    path: Path
    source: Path | None = None
    tests: Path | None = None
    test_requires: tuple[str, ...] = ()

    @property
    def requirement(self) -> str:
        """The requirement on this very wheel."""
        return f"{self.wheel.name} @ {self.path.absolute().as_uri()}"


def read_subject(path: Path, folder: Path, build: Callable[[Path, Path], None]) -> Subject:
    """Return what a wheel, a source distribution or a provider's folder brings to be tested.

    Args:
        path: The file or folder.
        folder: An empty folder to work in.
        build: Builds the wheel of a source folder into another folder.

    Raises:
        MissingError: there is no such file or folder.
        IncompatibleError: it holds no provider.
        ManagerError: it cannot be read or built.
    """
    if not path.exists():
        raise MissingError(f"There is no file or folder {path}.", "Name a wheel, a source distribution or a folder.")
    source = None
    if path.suffix != ".whl":
        source = path if path.is_dir() else _unpacked(path, folder / "sdist")
        path = _built(source, folder / "dist", build)
    wheel = read_wheel(path)
    if not wheel.providers:
        raise IncompatibleError(f"{path.name} announces no provider.", "See what it lacks: plugin-manager validate")
    if source is None:
        return Subject(wheel, path)
    tests = next((source / name for name in _TESTS if (source / name).is_dir()), None)
    return Subject(wheel, path, source, tests, _needs_of_tests(source) if tests else ())


def _unpacked(path: Path, folder: Path) -> Path:
    try:
        with tarfile.open(path) as archive:
            archive.extractall(folder, filter="data")
        inside = [each for each in folder.iterdir() if each.is_dir()]
    except (OSError, tarfile.TarError, EOFError) as error:
        raise ManagerError(
            f"{path} is no source distribution: {as_sentence(error)}", "Name a .tar.gz, a wheel or a folder."
        ) from None
    if len(inside) != 1:
        raise ManagerError(f"{path} is no source distribution: it holds {len(inside)} folders instead of one.")
    return inside[0]


def _built(source: Path, folder: Path, build: Callable[[Path, Path], None]) -> Path:
    read_project(source)
    folder.mkdir()
    build(source, folder)
    wheels = sorted(folder.glob("*.whl"))
    if len(wheels) != 1:
        raise ManagerError(f"The build of {source} made {len(wheels)} wheels instead of one.")
    return wheels[0]


def _needs_of_tests(source: Path) -> tuple[str, ...]:
    """Return the requirements of a project's dependency group (PEP 735) or extra of tests.

    Raises:
        ManagerError: its pyproject.toml cannot be read, or a group includes what is no group.
    """
    project = read_project(source)
    for name in _TESTS:
        if name in project.groups:
            return tuple(_group(project.groups, name, ()))
        if name in project.extras:
            return project.extras[name]
    return ()


def _group(groups: Mapping[str, Any], name: str, above: tuple[str, ...]) -> list[str]:
    if name not in groups or name in above:
        raise ManagerError(f"The dependency group {name!r} is not there, or includes itself.", "Mend pyproject.toml.")
    found: list[str] = []
    for each in groups[name]:
        found += [each] if isinstance(each, str) else _group(groups, str(each.get("include-group")), (*above, name))
    return found
