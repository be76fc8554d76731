"""What changed in the code of a provider, found by griffe in two folders of source; nothing is imported."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from penstock_manifest.format import plain

from penstock_plugin_manager.plan.api_changes import (
    OTHER,
    PARAMETER_DEFAULT,
    PARAMETER_REMOVED,
    PARAMETER_REQUIRED,
    REMOVED,
    ApiChange,
)

_KINDS = {
    "OBJECT_REMOVED": REMOVED,
    "PARAMETER_REMOVED": PARAMETER_REMOVED,
    "PARAMETER_ADDED_REQUIRED": PARAMETER_REQUIRED,
    "PARAMETER_CHANGED_REQUIRED": PARAMETER_REQUIRED,
    "PARAMETER_CHANGED_DEFAULT": PARAMETER_DEFAULT,
}
"""Of griffe's kinds of breakage (https://mkdocstrings.github.io/griffe/guide/users/checking/) those that a call shows."""


def has_griffe() -> bool:
    """Tell whether griffe is installed beside the manager."""
    from importlib.util import find_spec  # noqa: PLC0415  few ask

    return find_spec("griffe") is not None


def code_changes(packages: Iterable[str], old: Path, new: Path) -> tuple[list[ApiChange], list[str]]:
    """Compare the public names of packages in two folders; what could not be compared is the second part, a sentence each.

    Args:
        packages: Top-level packages.
        old: The folder that holds them as they are.
        new: The folder that holds them as they will be.
    """
    import griffe  # noqa: PLC0415  an extra, and slow to import

    logging.getLogger("griffe").setLevel(logging.CRITICAL)
    found: list[ApiChange] = []
    unclear = []
    for package in packages:
        if _source(old, package) and not _source(new, package):
            found.append(ApiChange(package, REMOVED))
            continue
        try:
            before, after = (
                griffe.load(package, search_paths=[str(folder)], allow_inspection=False) for folder in (old, new)
            )
            moved = _follow(before, after)
            changes = [_change(each, moved) for each in griffe.find_breaking_changes(before, after)]
        except Exception as error:  # noqa: BLE001  strangers' source: the library raises what its parts raise
            reason = plain(f"{type(error).__name__}: {error}", 160)
            unclear.append(f"the code of {package} could not be compared: {reason}")
        else:
            found += [_judged(each, new) for each in changes]
    return found, unclear


def _source(folder: Path, module: str) -> Path | None:
    """The file or the folder of a module, if it is there."""
    path = folder.joinpath(*module.split("."))
    return next((each for each in (path, path.with_suffix(".py"), path.with_suffix(".pyi")) if each.exists()), None)


def _follow(before: Any, after: Any) -> dict[str, str]:  # noqa: ANN401  griffe may not be installed where types are checked
    """Put what has moved, and can be imported from its old place, there; its new path is given with its old one.

    The library compares a name that was defined with one that is imported by what both are called, which ends there.
    """
    from griffe import AliasResolutionError, CyclicAliasError  # noqa: PLC0415  as above

    moved: dict[str, str] = {}
    for name, was in before.members.items():
        now = after.members.get(name)
        if now is None or was.is_alias:
            continue
        if now.is_alias:
            try:
                target = now.final_target
            except (AliasResolutionError, CyclicAliasError):
                continue  # it is another package's, or nothing that can be read
            after.members[name] = target
            moved[target.path] = was.path
        elif was.is_module and now.is_module:
            moved |= _follow(was, now)
    return moved


def _judged(change: ApiChange, new: Path) -> ApiChange:
    """Say of a module that is there, and was not read, that it cannot be read."""
    if change.kind == REMOVED and _source(new, change.target):
        return change._replace(kind=OTHER, more="its source is no Python that can be read here")
    return change


def _change(breakage: Any, moved: Mapping[str, str]) -> ApiChange:  # noqa: ANN401  as above
    target = str(breakage.obj.path)
    new = next((path for path in moved if target == path or target.startswith(f"{path}.")), "")
    target = (moved[new] + target.removeprefix(new) if new else target).removesuffix(".__init__")
    kind = _KINDS.get(breakage.kind.name, OTHER)
    parameter = (
        str(getattr(breakage.new_value or breakage.old_value, "name", "")) if kind.startswith("parameter") else ""
    )
    more = ""
    if kind == PARAMETER_DEFAULT:
        more = f"{breakage.old_value.default} to {breakage.new_value.default}"
    elif kind == OTHER:
        more = str(breakage.kind.value).lower()
        name = getattr(breakage.old_value, "name", None)
        more += f" ({name})" if name else ""
    return ApiChange(target, kind, parameter, plain(more, 160))
