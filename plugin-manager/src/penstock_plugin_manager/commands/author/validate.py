"""``validate``: a provider, seen as its author should see it."""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

from importlib_metadata import EntryPoint
from penstock_manifest.claims import claim_problems, ships_module
from penstock_manifest.deprecations import deprecated_uses
from penstock_manifest.discovery import GROUP, target_of
from penstock_manifest.format import Manifest, plain
from penstock_manifest.judge import read_manifest
from penstock_manifest.providers import source_below

from penstock_plugin_manager.change.session import Session
from penstock_plugin_manager.conformance.fenced import run_fenced
from penstock_plugin_manager.errors import INCOMPATIBLE, OK, ManagerError, MissingError
from penstock_plugin_manager.index.wheel import read_wheel
from penstock_plugin_manager.model.names import CORE, default_distribution, normalize
from penstock_plugin_manager.model.provider_project import read_project
from penstock_plugin_manager.model.requirement import parse_requirement
from penstock_plugin_manager.output import Result, style

_SECONDS = 300
_MOST_BYTES = 1_000_000
Source = Callable[[str], str | None]
"""Gives the text of a module of the provider, by its name."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    parser.add_argument("path", help="a wheel, a provider's folder, or a provider.toml")
    parser.add_argument(
        "--import",
        dest="with_import",
        action="store_true",
        help="import it in the environment, where it must be installed, and check its code as ProviderSuite does",
    )


def run(options: argparse.Namespace, session: Session) -> Result:
    """Check a wheel, a provider's folder or a manifest as strictly as an author needs it. Exit code 5 if anything is wrong.

    Nothing is imported unless --import is given.

    Raises:
        MissingError: there is no such file or folder.
        ManagerError: it is a device or a pipe, or a pyproject.toml has another shape.
    """
    path = Path(options.path)
    if not path.exists():
        raise MissingError(
            f"There is no file or folder {path}.", "Name a wheel, a provider's folder or a provider.toml."
        )
    if not path.is_dir() and not path.is_file():  # a pipe or a device would be read for ever
        raise ManagerError(f"{path} is neither a file nor a folder.", "Name a wheel, a folder or a provider.toml.")
    if path.suffix == ".whl":
        problems, manifest, source = _wheel(path)
    elif path.is_dir():
        problems, manifest, source = _folder(path)
    else:
        problems, manifest, source = (*_judged(path), _none)
    if options.with_import and manifest:
        problems += _imports(manifest, session)
    uses = deprecated_uses(manifest, None, source) if manifest else []
    data = {
        "path": str(path), "id": manifest.id if manifest else None, "problems": problems,
        "deprecated": [each._asdict() for each in uses],
    }  # fmt: skip
    lines = [*problems, *(f"{style('warning', 'yellow')}: {each.sentence}" for each in uses)]
    return Result(data, lines if problems else [*lines, f"{path} is sound."], INCOMPATIBLE if problems else OK)


def _none(module: str) -> str | None:
    """Say that there is no module beside a manifest that was named alone."""
    del module
    return None


def _judged(path: Path, entry_point: str = "") -> tuple[list[str], Manifest | None]:
    try:
        text = path.read_bytes()
    except OSError as error:
        raise ManagerError(f"{path} cannot be read: {error.strerror}.") from None
    return list(read_manifest(text, entry_point, strict=True).problems), read_manifest(text, entry_point).manifest


def _wheel(path: Path) -> tuple[list[str], Manifest | None, Source]:
    wheel = read_wheel(path, strict=True)
    if not wheel.providers:
        return [f"{wheel.filename} has no entry point in the group {GROUP}"], None, _none
    problems: list[str] = []
    for provider in wheel.providers:
        problems += [*provider.problems, *provider.claims]
        problems += _names(provider.id, wheel.name, wheel.requires)
    return problems, wheel.providers[0].manifest, wheel.providers[0].sources.get


def _names(provider_id: str, distribution: str, requires: tuple[str, ...]) -> list[str]:
    problems = []
    if distribution.startswith("penstock-providers-") and distribution != default_distribution(provider_id):
        problems.append(f"distribution {distribution} should be named {default_distribution(provider_id)}")
    core = next((each for text in requires if (each := parse_requirement(text)) and normalize(each.name) == CORE), None)
    if core is None:
        problems.append(f"it does not require {CORE}")
    elif any(each.operator in {"<", "<=", "==", "~="} for each in core.specifier):
        problems.append(
            f"{CORE}{core.specifier} caps the core; the manifest's spec range decides what fits, so give a floor alone"
        )
    return problems


def _folder(path: Path) -> tuple[list[str], Manifest | None, Source]:
    project = read_project(path)
    if not project.providers:
        return [f"pyproject.toml has no entry point in the group {GROUP}"], None, _none
    problems: list[str] = []
    manifest: Manifest | None = None
    read: Source = _none
    for name, value in project.providers.items():
        package, file, problem = target_of(EntryPoint(name, value, GROUP))
        inside = Path(*package.split("."), file)
        source = next((base / inside for base in (path / "src", path) if file and (base / inside).is_file()), None)
        if problem or source is None:
            problems.append(problem or f"its manifest {inside} is missing")
            continue
        found, manifest = _judged(source, name)
        if manifest is not None:
            root = source.parents[len(inside.parts) - 1]
            found += claim_problems(manifest, partial(_holds, root), tuple(project.extras))
            read = partial(source_below, str(root))
        problems += found + _names(name, project.name, project.dependencies)
    return problems, manifest, read


def _holds(root: Path, module: str) -> bool:
    """Whether a folder of sources holds a module, a package or an extension module."""
    path = root.joinpath(*module.split("."))
    beside = (each.name for each in path.parent.glob(f"{path.name}.*"))
    return path.is_dir() or ships_module(beside, path.name)


def _imports(manifest: Manifest, session: Session) -> list[str]:
    """Have the environment's core check the provider as it is installed there, as ``ProviderSuite`` does.

    Raises:
        MissingError: the environment has no core that could do so.
        ManagerError: the check did not come to its end.
    """
    if CORE not in session.visible_distributions:
        raise MissingError(
            f"{session.environment.root} has no core, so nothing can be imported.", "Install the provider there first."
        )
    with tempfile.TemporaryDirectory(prefix="plugin-manager-") as folder:
        answer = Path(folder, "answer.json")
        command = [session.environment.python, "-P", "-m", "penstock.testing.every_check", manifest.id, str(answer)]
        try:
            end = run_fenced(command, _SECONDS)
        except OSError as error:
            raise ManagerError(f"{command[0]} cannot be run: {error.strerror}.") from None
        if end.code is None:
            raise ManagerError(f"The import of provider {manifest.id!r} takes more than {_SECONDS} s.")
        try:
            found = _read(answer)
        except (OSError, ValueError, RecursionError):
            raise ManagerError(
                f"The import of provider {manifest.id!r} ended the interpreter.",
                "Look into the code that its modules run.",
                end.output[-2000:],
            ) from None
    return [plain(str(each)) for each in found]


def _read(answer: Path) -> list[object]:
    """What the check has found.

    Raises:
        OSError: It has not come to its end.
        ValueError: It is no list, or more than a check says.
    """
    with answer.open("rb") as stream:
        data = stream.read(_MOST_BYTES + 1)
    found = json.loads(data) if len(data) <= _MOST_BYTES else None
    if not isinstance(found, list):
        raise ValueError(len(data))  # noqa: TRY004 - of the content
    return found
