"""What changed in the code of a provider, found by griffe in two folders of source; nothing is imported."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterable
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


def code_changes(packages: Iterable[str], old: Path, new: Path) -> list[ApiChange]:
    """Compare the public names of packages in two folders; a package that cannot be read in both is passed over.

    Args:
        packages: Top-level packages.
        old: The folder that holds them as they are.
        new: The folder that holds them as they will be.
    """
    import griffe  # noqa: PLC0415  an extra, and slow to import

    logging.getLogger("griffe").setLevel(logging.CRITICAL)
    found: list[ApiChange] = []
    for package in packages:
        with contextlib.suppress(Exception):  # strangers' source: the library raises what its parts raise
            before, after = (
                griffe.load(package, search_paths=[str(folder)], allow_inspection=False) for folder in (old, new)
            )
            found += [_change(each) for each in griffe.find_breaking_changes(before, after)]
    return found


def _change(breakage: Any) -> ApiChange:  # noqa: ANN401  griffe may not be installed where types are checked
    target = str(breakage.obj.path).removesuffix(".__init__")
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
