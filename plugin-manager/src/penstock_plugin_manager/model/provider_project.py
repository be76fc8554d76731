"""The ``pyproject.toml`` of a provider's folder: what its author wrote, of the shapes that PEP 621 and PEP 735 give it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from penstock_manifest.discovery import GROUP

from penstock_plugin_manager.errors import ManagerError, MissingError
from penstock_plugin_manager.model.names import is_id, normalize
from penstock_plugin_manager.model.toml import parse, read_text

FILE = "pyproject.toml"


class ProviderProject(NamedTuple):
    """What a project says of itself.

    Attributes:
        file: The file.
        name: The distribution's name in normal form; "" where it has none.
        version: Its version; "" where the build makes it.
        dependencies: What it requires.
        extras: What its extras require besides.
        providers: Entry points of its providers by id.
        groups: Dependency groups; an item is a requirement or a table.
    """

    file: Path
    name: str
    version: str
    dependencies: tuple[str, ...]
    extras: Mapping[str, tuple[str, ...]]
    providers: Mapping[str, str]
    groups: Mapping[str, list[Any]]


def read_project(folder: Path) -> ProviderProject:
    """Read the ``pyproject.toml`` of a provider's folder.

    Raises:
        MissingError: there is none.
        ManagerError: it is no TOML, a key in it has a value of another shape, or a provider's id is none.
    """
    file = folder / FILE
    if not file.is_file():
        raise MissingError(f"{folder} has no {FILE}.", "Name a provider's folder.")
    data = parse(read_text(file), str(file))
    project = _table(data, "project", file, "")
    points = _table(_table(project, "entry-points", file, "project."), GROUP, file, "project.entry-points.")
    for provider_id in points:
        if not is_id(provider_id):
            raise _refusal(file, f"the entry point {provider_id!r}", "a provider's id: letters, digits, underscores")
    extras = _table(project, "optional-dependencies", file, "project.")
    groups = _table(data, "dependency-groups", file, "")
    for name, items in groups.items():
        if not isinstance(items, list) or not all(isinstance(each, str | dict) for each in items):
            raise _refusal(file, f"dependency-groups.{name}", "a list of requirements")
    return ProviderProject(
        file,
        normalize(_text(project, "name", file)),
        _text(project, "version", file),
        _texts(project.get("dependencies", []), "project.dependencies", file),
        {each: _texts(items, f"project.optional-dependencies.{each}", file) for each, items in extras.items()},
        {each: str(target) for each, target in points.items()},
        groups,
    )


def _table(data: Mapping[str, Any], key: str, file: Path, above: str) -> dict[str, Any]:
    found = data.get(key, {})
    if not isinstance(found, dict):
        raise _refusal(file, f"{above}{key}", "a table")
    return found


def _text(data: Mapping[str, Any], key: str, file: Path) -> str:
    found = data.get(key, "")
    if not isinstance(found, str) or not found.isprintable():
        raise _refusal(file, f"project.{key}", "a text in one line")
    return found


def _texts(found: object, key: str, file: Path) -> tuple[str, ...]:
    if not isinstance(found, list) or not all(isinstance(each, str) and each.isprintable() for each in found):
        raise _refusal(file, key, "a list of requirements, each a text in one line")
    return tuple(found)


def _refusal(file: Path, what: str, wanted: str) -> ManagerError:
    return ManagerError(f"{file}: {what} must be {wanted}.", "Mend the file; nothing was changed.")
