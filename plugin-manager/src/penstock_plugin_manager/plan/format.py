"""The rows of a plan for people: each step with its reason and its sizes."""

from __future__ import annotations

from penstock_plugin_manager.model.requirement import human_size
from penstock_plugin_manager.output import style, table
from penstock_plugin_manager.plan.steps import Plan, Step

_MARKS = {"add": "+", "remove": "-", "upgrade": "^", "downgrade": "v", "replace": "~"}
_COLOURS = {"add": "green", "remove": "red", "upgrade": "cyan", "downgrade": "yellow", "replace": "cyan"}


def rows_of(plan: Plan) -> list[str]:
    """Return a table of a plan's steps, each with its reason and its sizes, and their sum; nothing for a plan without steps."""
    if not plan.steps:
        return []
    rows = [_row(step) for step in plan.steps]
    return [*table(("", "DISTRIBUTION", "VERSION", "DOWNLOAD", "DISK", "WHY"), rows), _total(plan)]


def _row(step: Step) -> tuple[str, ...]:
    version = f"{step.old} -> {step.new}" if step.old and step.new else step.new or step.old
    colour = _COLOURS[step.action]
    download = "" if step.action == "remove" else human_size(step.download)
    return (style(_MARKS[step.action], colour), step.name, version, download, _signed(step.disk), step.reason)


def _signed(size: int | None) -> str:
    if size is None:
        return "unknown"
    return f"-{human_size(-size)}" if size < 0 else human_size(size)


def _total(plan: Plan) -> str:
    count = {action: sum(1 for step in plan.steps if step.action == action) for action in _MARKS}
    moved = count["upgrade"] + count["downgrade"] + count["replace"]
    download, disk = total([step.download for step in plan.steps]), total([step.disk for step in plan.steps])
    return (
        f"{count['add']} added, {moved} changed, {count['remove']} removed, {plan.kept} kept; "
        f"{human_size(download)} to fetch, {_signed(disk)} on disk"
    )


def total(sizes: list[int | None]) -> int | None:
    """Return the sum of sizes; None where one is unknown."""
    return None if None in sizes else sum(size for size in sizes if size is not None)
