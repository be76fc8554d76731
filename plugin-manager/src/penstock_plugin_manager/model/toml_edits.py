"""Editing TOML that a person keeps: keys of one table change; comments, order, line ends and all else stay as they were."""

from __future__ import annotations

import re
import tomllib
from typing import Any

from penstock_plugin_manager.errors import ManagerError
from penstock_plugin_manager.model.toml import BOM, key, parse, value

_TOKEN = re.compile(r"""("(?:\\.|[^"\\\n])*"|'[^'\n]*')|(\#[^\n]*)|(\n)|([\[\],])|[ \t]+""")
_WIDTH = 100


def set_keys(text: str, table: str, changes: dict[str, Any], name: str) -> str:
    """Return a TOML document with keys of one table changed and all else, comments included, as it was.

    Args:
        text: The document.
        table: Name of the table; it is made at the end where it is missing.
        changes: New values; None takes a key out.
        name: The file's name for messages.

    Raises:
        ManagerError: the document is no TOML, or writes the table in a form that cannot be edited safely.
    """
    mark = BOM if text.startswith(BOM) else ""
    end = "\r\n" if "\r\n" in text else "\n"
    text = text.removeprefix(BOM)
    before = parse(text, name)
    wanted = {**before, table: {k: v for k, v in {**before.get(table, {}), **changes}.items() if v is not None}}
    if wanted == before:
        return mark + text
    result = _edit(text.replace("\r\n", "\n").split("\n"), table, changes)
    try:
        after = tomllib.loads(result)
    except tomllib.TOMLDecodeError:
        after = None
    if after is None or _without_order(after, table) != _without_order(wanted, table):
        raise ManagerError(
            f"{name} writes the table [{table}] in a way that cannot be edited safely.",
            f"Write it as a [{table}] section with one key a line, or set {', '.join(changes)} by hand.",
        )
    return mark + result.replace("\n", end)


def _without_order(data: dict[str, Any], table: str) -> dict[str, Any]:
    """Return a document whose lists in one table are sorted: items that stay keep their places, new ones follow."""
    items = data.get(table, {}).items()
    return {**data, table: {name: sorted(each, key=repr) if isinstance(each, list) else each for name, each in items}}


def _edit(lines: list[str], table: str, changes: dict[str, Any]) -> str:
    header = re.compile(rf"""\s*\[\s*(["']?){re.escape(table)}\1\s*\]\s*(?:\#.*)?\Z""")
    starts = [at for at, line in enumerate(lines) if header.match(line)]
    if not starts:
        while lines and not lines[-1].strip():
            lines.pop()
        lines = [*lines, *([""] if lines else []), f"[{table}]", ""]
        starts = [len(lines) - 2]
    start = starts[0] + 1
    for name, new in changes.items():
        end = next((at for at in range(start, len(lines)) if lines[at].lstrip().startswith("[")), len(lines))
        span = _span(lines, start, end, name)
        if span:
            lines[span[0] : span[1]] = _changed(lines[span[0] : span[1]], name, new)
        elif new is not None:
            while end > start and not lines[end - 1].strip():
                end -= 1
            lines[end:end] = _written(name, new)
    return "\n".join(lines) if not lines[-1] else "\n".join([*lines, ""])


def _changed(old: list[str], name: str, new: object) -> list[str]:
    """Return the lines of a key with another value and the comments that stood in them."""
    head, _, tail = "\n".join(old).partition("=")
    indent = head[: len(head) - len(head.lstrip())]
    comments = [each for each in _TOKEN.findall(tail) if each[1]]
    if new is None:
        return [f"{indent}{comment}" for _, comment, _, _ in comments]
    if len(old) == 1:
        line = f"{head.rstrip()} = {value(_in_old_order(tail, new))}"
        return [f"{line} {comments[0][1]}" if comments else line]
    if not isinstance(new, list):
        return [*(f"{indent}{comment}" for _, comment, _, _ in comments), *_written(name, new)]
    return [f"{head.rstrip()} = [{_first_comment(tail)}", *_items(tail, new, indent), f"{indent}]{_last_comment(tail)}"]


def _in_old_order(tail: str, new: object) -> object:
    if not isinstance(new, list):
        return new
    kept = [item for item in _strings(tail) if item in new]
    return [*kept, *(item for item in new if item not in kept)]


def _strings(tail: str) -> list[Any]:
    return [tomllib.loads(f"x = {text}")["x"] for text, *_ in _TOKEN.findall(tail) if text]


def _first_comment(tail: str) -> str:
    found = re.match(r"\s*\[[ \t]*(\#[^\n]*)", tail)
    return f" {found[1]}" if found else ""


def _last_comment(tail: str) -> str:
    found = re.search(r"\][ \t]*(\#[^\n]*)\Z", tail)
    return f" {found[1]}" if found else ""


def _items(tail: str, new: list[Any], indent: str) -> list[str]:
    """Return the inner lines of an array: each kept item with its comment, comments of their own, then the new items."""
    body = tail.partition("[")[2].rpartition("]")[0]
    inner = re.search(r"\n([ \t]+)\S", body)
    step = inner[1] if inner else f"{indent}  "
    kept: list[Any] = []
    lines: list[str] = []
    fresh_line = not _first_comment(tail)
    for text, comment, newline, _ in _TOKEN.findall(body):
        if text and (item := tomllib.loads(f"x = {text}")["x"]) in new and item not in kept:
            kept.append(item)
            lines.append(f"{step}{text},")
            fresh_line = False
        elif comment and (fresh_line or not lines):
            lines += [f"{step}{comment}"] if fresh_line else []
        elif comment:
            lines[-1] += f" {comment}"
        elif newline:
            fresh_line = True
        elif text:
            fresh_line = True  # its comment stays, on a line of its own
    return [*lines, *(f"{step}{value(item)}," for item in new if item not in kept)]


def _written(name: str, new: object) -> list[str]:
    line = f"{key(name)} = {value(new)}"
    if isinstance(new, list) and len(line) > _WIDTH:
        return [f"{key(name)} = [", *(f"  {value(item)}," for item in new), "]"]
    return [line]


def _span(lines: list[str], start: int, end: int, name: str) -> tuple[int, int] | None:
    pattern = re.compile(rf'\s*(?:{re.escape(name)}|"{re.escape(name)}")\s*=')
    for at in range(start, end):
        if not pattern.match(lines[at]):
            continue
        for until in range(at + 1, len(lines) + 1):
            try:
                tomllib.loads("\n".join(lines[at:until]))
            except tomllib.TOMLDecodeError:
                continue
            return at, until
    return None
