"""What changed between two versions of a provider for those who use it, as their manifests say; pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from penstock_manifest.format import Capability, Manifest, Parameter, plain

REMOVED, PARAMETER_REMOVED, PARAMETER_REQUIRED, PARAMETER_DEFAULT, OTHER = (
    "removed", "parameter removed", "parameter required", "parameter default", "other",
)  # fmt: skip


class ApiChange(NamedTuple):
    """One change that may break a use.

    Attributes:
        target: The dotted path or the capability id of what changed.
        kind: One of the words of this module.
        parameter: The parameter that changed, or "".
        more: What to add for people: another place, two defaults; of the kind ``other`` all that is known.
    """

    target: str
    kind: str
    parameter: str = ""
    more: str = ""


def manifest_changes(old: Manifest, new: Manifest) -> list[ApiChange]:
    """Compare the capabilities of two manifests, each by its id and by the path of its object."""
    after = {each.id: each for each in new.capabilities}
    paths = {_path(each) for each in new.capabilities}
    found: list[ApiChange] = []
    for each in old.capabilities:
        now = after.get(each.id)
        if now is None:
            found.append(ApiChange(each.id, REMOVED, more=new.replacement or each.replacement))
        if _path(each) not in paths:
            found.append(ApiChange(_path(each), REMOVED, more=f"it is {_path(now)} now" if now else each.replacement))
        if now is not None:
            found += [
                ApiChange(target, kind, name, more)
                for kind, name, more in _parameters(each.parameters, now.parameters)
                for target in (each.id, _path(each))
            ]
    return found


def _path(capability: Capability) -> str:
    return capability.object.replace(":", ".")


def _parameters(old: tuple[Parameter, ...], new: tuple[Parameter, ...]) -> Iterator[tuple[str, str, str]]:
    before, after = {each.name: each for each in old}, {each.name: each for each in new}
    for name in before:
        if name not in after:
            yield PARAMETER_REMOVED, name, ""
    for name, each in after.items():
        was = before.get(name)
        if each.required and not (was and was.required):
            yield PARAMETER_REQUIRED, name, ""
        elif was and not was.required and not each.required and was.default != each.default:
            yield PARAMETER_DEFAULT, name, f"{plain(repr(was.default), 60)} to {plain(repr(each.default), 60)}"
