"""Writing TOML: values, and one key of one table in a file that the user keeps."""

from __future__ import annotations

import datetime as dt
import json
import re
import tomllib
from typing import Any

from penstock_plugin_manager.errors import ManagerError

_BARE = re.compile(r"[A-Za-z0-9_-]+\Z")


def value(data: object) -> str:
    """Return a TOML value; tables are written inline.

    Raises:
        TypeError: the value has no form in TOML.
    """
    if isinstance(data, bool):
        return "true" if data else "false"
    if isinstance(data, int):
        return str(data)
    if isinstance(data, str):
        return json.dumps(data, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(data, dt.datetime):
        return data.astimezone(dt.UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    if isinstance(data, (list, tuple)):
        return f"[{', '.join(value(item) for item in data)}]"
    if isinstance(data, dict):
        inner = ", ".join(f"{key(name)} = {value(item)}" for name, item in data.items())
        return f"{{ {inner} }}" if inner else "{}"
    raise TypeError(f"{type(data).__name__} has no form in TOML")


def key(name: str) -> str:
    """Return a key, quoted where it must be."""
    return name if _BARE.match(name) else json.dumps(name)


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
    before = parse(text, name)
    wanted = {**before, table: {k: v for k, v in {**before.get(table, {}), **changes}.items() if v is not None}}
    if wanted == before:
        return text
    result = _edit(text.splitlines(), table, changes)
    try:
        after = tomllib.loads(result)
    except tomllib.TOMLDecodeError:
        after = None
    if after != wanted:
        raise ManagerError(
            f"{name} writes the table [{table}] in a way that cannot be edited safely.",
            f"Write it as a [{table}] section with one key a line, or set {', '.join(changes)} by hand.",
        )
    return result


def parse(text: str, name: str) -> dict[str, Any]:
    """Parse a TOML document.

    Raises:
        ManagerError: it is no TOML; the message names the file and the place.
    """
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ManagerError(f"{name} is no valid TOML: {error}", "Mend the file; nothing was changed.") from None


def _edit(lines: list[str], table: str, changes: dict[str, Any]) -> str:
    header = f"[{table}]"
    starts = [at for at, line in enumerate(lines) if line.split("#")[0].strip() == header]
    if not starts:
        lines = [*lines, *([""] if lines and lines[-1].strip() else []), header]
        starts = [len(lines) - 1]
    start = starts[0] + 1
    for name, new in changes.items():
        end = next((at for at in range(start, len(lines)) if lines[at].lstrip().startswith("[")), len(lines))
        span = _span(lines, start, end, name)
        body = [] if new is None else _written(name, new)
        if span:
            lines[span[0] : span[1]] = body
        else:
            while end > start and not lines[end - 1].strip():
                end -= 1
            lines[end:end] = body
    return "\n".join(lines).rstrip("\n") + "\n"


def _written(name: str, new: object) -> list[str]:
    line = f"{key(name)} = {value(new)}"
    if isinstance(new, list) and len(line) > 100:
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
