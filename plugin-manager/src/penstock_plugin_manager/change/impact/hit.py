"""Which lines of a file a change of a provider touches; pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from penstock_plugin_manager.need.uses import Use
from penstock_plugin_manager.plan.api_changes import (
    PARAMETER_DEFAULT,
    PARAMETER_REMOVED,
    PARAMETER_REQUIRED,
    REMOVED,
    ApiChange,
)

_SHOWN = 5


def touched(changes: Iterable[ApiChange], uses: Iterable[Use], version: str) -> list[tuple[int, str]]:
    """Return line and sentence of each use that a change may break, without doubles, by line.

    Args:
        changes: What changed.
        uses: What one file uses.
        version: The version with the changes.
    """
    changes, found = list(changes), set[tuple[int, str]]()
    for use in uses:
        met = [change for change in changes if _meets(change.target, use.target)]
        texts = [*(_sentence(change, use, version) for change in met), _unclear(met, use, version)]
        found |= {(use.line, text) for text in texts if text}
    return sorted(found)


def _meets(changed: str, used: str) -> bool:
    if used.endswith(".*"):
        return changed.startswith(used[:-1])
    return used == changed or used.startswith(f"{changed}.")


def _unclear(met: Iterable[ApiChange], use: Use, version: str) -> str:
    """Say of a use that what it gives or takes cannot be read, where that may be what changes."""
    if use.target.endswith(".*"):
        module = use.target[:-2]
        names = sorted({change.target.removeprefix(f"{module}.").partition(".")[0] for change in met})
        return (
            f"cannot be judged: all names of {module} are imported by *, and {_listed(names)} changes in {version}"
            if names
            else ""
        )
    parameters = sorted({change.parameter for change in met if change.parameter} - {*(use.keywords or ())})
    if not use.unpacked or not parameters:
        return ""
    return (
        f"cannot be judged: options are passed to {_name(use)} by {', '.join(use.unpacked)}, and {_listed(parameters)} "
        f"changes in {version}"
    )


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:_SHOWN]) + (f" or one of {len(names) - _SHOWN} more" if len(names) > _SHOWN else "")


def _name(use: Use) -> str:
    return use.target if "." not in use.target or _is_id(use.target) else use.target.rpartition(".")[2]


def _sentence(change: ApiChange, use: Use, version: str) -> str:
    if use.target.endswith(".*"):
        return ""
    name = _name(use)
    more = f" ({change.more})" if change.more else ""
    given = change.parameter in (use.keywords or ())
    left_out = use.keywords is not None and use.whole and not given
    if change.kind == REMOVED:
        return f"uses {name}, removed in {version}{more}"
    if change.kind == PARAMETER_REMOVED:
        return f"uses {name}({change.parameter}=), removed in {version}" if given else ""
    if change.kind == PARAMETER_REQUIRED:
        return f"uses {name} without {change.parameter}, required in {version}" if left_out else ""
    if change.kind == PARAMETER_DEFAULT:
        text = f"uses {name} without {change.parameter}, whose default changes in {version}: {change.more}"
        return text if left_out else ""
    return f"uses {name}, changed in {version}{more}"


def _is_id(target: str) -> bool:
    return target.count(".") == 1 and not target.startswith("penstock_")
