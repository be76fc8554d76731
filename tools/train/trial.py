"""The trial of a wheel before it is published: in environments that hold what it declares, and nothing else."""

import subprocess
import sys
import tempfile
from os import environ
from pathlib import Path

import wheels
from train.build import Refused, wheel_facts
from train.packages import Package, packages_of
from train.repository import Repository
from train.shelf import CONSTRAINTS, fill


def wheel_of(dist: Path, package: Package, version: str) -> Path:
    """The wheel of a package's version in a folder.

    Raises:
        Refused: It is not there.
    """
    for path in sorted(dist.glob("*.whl")):
        facts = wheel_facts(path)
        if (facts["name"], facts["version"]) == (package.distribution, version):
            return path
    raise Refused(f"{dist} has no wheel of {package.distribution} {version}; build it with `nox -s build`")


def try_wheel(
    repository: Repository, package: Package, wheel: Path, *, core: str = "latest", tests: bool = True
) -> int:
    """Install a wheel and import every module of it, then run its package's tests on it; the number of modules is returned.

    Args:
        repository: The clone, at the commit of the wheel.
        package: The package.
        wheel: Its wheel, the very file that is to be published.
        core: The releases of its siblings to take: `train.shelf.fill`.
        tests: Whether its tests are run.

    Raises:
        Refused: A module cannot be imported beside nothing but what the wheel declares, or a test fails.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        fill(repository, packages_of(repository.root), package, core, folder / "shelf")
        try:
            python = wheels.make_environment(
                folder / "env", folder / "shelf", str(wheel), folder / "shelf" / CONSTRAINTS
            )
            (folder / "empty").mkdir()
            count = wheels.import_everything(python, import_name(wheel), folder / "empty")
        except RuntimeError as error:
            raise Refused(str(error)) from None
        if tests:
            _install_tests(repository.root, package, python, folder / "shelf")
            # The tests are of the wheel only while no source folder has taken its place.
            wheels.import_everything(python, import_name(wheel), folder / "empty")
            _call(repository.root, str(python), "-m", "pytest", "-q", str(repository.root / package.folder / "tests"))
    return count


def import_name(wheel: Path) -> str:
    """The package that a wheel of the workspace holds."""
    name = wheel_facts(wheel)["name"].replace("-", "_")
    return "penstock" if name == "penstock_core" else name.replace("penstock_providers_", "penstock_")


def _install_tests(root: Path, package: Package, python: Path, shelf: Path) -> None:
    siblings = ("--no-sources", "--find-links", str(shelf), "--constraints", str(shelf / CONSTRAINTS))
    words = ("--group", f"{root / package.folder / 'pyproject.toml'}:tests", "-e", str(root / "testkit"))
    _call(root, sys.executable, "-m", "uv", "pip", "install", "--quiet", "--python", str(python), *siblings, *words)


def _call(root: Path, *command: str) -> None:
    if subprocess.run(command, cwd=root, check=False, env={**environ, "PYTHONPATH": ""}).returncode:
        raise Refused(f"failed: {' '.join(command)}")
