"""The text of a lock file: what others wrote into it, comments included, outlives each new resolution."""

from __future__ import annotations

import re
import tomllib
from typing import Any, NamedTuple

from penstock_plugin_manager.errors import ManagerError
from penstock_plugin_manager.model.lock import Lock, order, read_lock, write_lock
from penstock_plugin_manager.model.toml import BOM, key, value

_HEADER = re.compile(r"\[\[?\s*([A-Za-z0-9_\-.\"' ]+?)\s*\]\]?\s*(?:#.*)?\Z")
_HEAD_KEYS = frozenset({"lock-version", "created-by", "requires-python", "environments"})
_PACKAGE_KEYS = frozenset({
    "name", "version", "marker", "requires-python", "index", "dependencies", "directory", "archive", "sdist", "wheels",
})  # fmt: skip
_OWN = "tool.penstock"


class _Chunk(NamedTuple):
    """A table of the file with the comments above it; a package's own tables below it are a part of it."""

    name: str
    comments: list[str]
    lines: list[str]

    @property
    def data(self) -> dict[str, Any]:
        """What the part says by itself."""
        found: dict[str, Any] = tomllib.loads("\n".join(self.lines))
        return found["packages"][0] if self.name == "packages" else found

    @property
    def text(self) -> list[str]:
        """The lines as they are written."""
        return [*self.comments, *self.lines]


def rewritten(text: str, lock: Lock, name: str) -> str:
    """Return the text of a lock file that holds another lock, and all else that it held before.

    A package that is as it was keeps its very words; keys and tables that are not the manager's stay, as do comments.

    Args:
        text: The text as it is; "" for a new file.
        lock: The lock that it shall hold.
        name: The file's name for messages.

    Raises:
        ManagerError: the text is written in a way that cannot be edited safely.
    """
    fresh = write_lock(lock)
    if not text.strip():
        return fresh
    end = "\r\n" if "\r\n" in text else "\n"
    mark = BOM if text.startswith(BOM) else ""
    old, new = _parts(text.removeprefix(BOM).replace("\r\n", "\n")), _parts(fresh)
    parts = [_head(old[0], new[0]), *_packages(old, new)]
    parts += [part.text for part in old[1:] if part.name not in {"packages", _OWN}]
    parts += [_own(old, next(part for part in new if part.name == _OWN))]
    result = "\n\n".join("\n".join(lines).strip("\n") for lines in parts if lines) + "\n"
    if _read(result) != _read(fresh):
        raise ManagerError(
            f"{name} is written in a way that cannot be edited safely.",
            "Move it away, and make the lock anew: plugin-manager lock",
        )
    return mark + result.replace("\n", end)


def _read(text: str) -> Lock | None:
    try:
        lock = read_lock(tomllib.loads(text), "the lock")
    except (tomllib.TOMLDecodeError, ManagerError):
        return None
    return lock._replace(packages=tuple(sorted(lock.packages, key=order)))


def _parts(text: str) -> list[_Chunk]:
    """Split a text at its table headers; the first part is what stands before them all."""
    parts = [_Chunk("", [], [])]
    comments: list[str] = []
    for line in text.split("\n"):
        header = _HEADER.match(line)
        name = re.sub(r"[\"'\s]", "", header[1]) if header else ""
        if header and _is_whole(parts[-1]) and not (name.startswith("packages.") and parts[-1].name == "packages"):
            parts.append(_Chunk(name, comments, [line]))
            comments = []
        elif line.startswith("#") and any(each and not each.startswith("#") for each in parts[-1].lines):
            comments.append(line)
        elif line.strip() or not comments:
            parts[-1].lines.extend([*comments, line])
            comments = []
    parts[-1].lines.extend(comments)
    return parts


def _is_whole(part: _Chunk) -> bool:
    try:
        tomllib.loads("\n".join(part.lines))
    except tomllib.TOMLDecodeError:
        return False
    return True


def _head(old: _Chunk, new: _Chunk) -> list[str]:
    before, after = old.data, new.data
    if {key: before.get(key) for key in _HEAD_KEYS} == {key: after.get(key) for key in _HEAD_KEYS}:
        return old.text
    comments = [line for line in old.lines if line.startswith("#")]
    return [*comments, *(line for line in new.text if line), *_others(before, _HEAD_KEYS)]


def _packages(old: list[_Chunk], new: list[_Chunk]) -> list[list[str]]:
    known = {_key(part.data): part for part in old if part.name == "packages"}
    comments = {part.data.get("name"): part.comments for part in old if part.name == "packages"}
    found = []
    for part in (each for each in new if each.name == "packages"):
        data = part.data
        before = known.get(_key(data))
        kept = before.data if before else {}
        if before and {name: kept[name] for name in kept if name in _PACKAGE_KEYS} == data:
            found.append(before.text)
        else:
            lines = [line for line in part.lines if line]
            found.append([*comments.get(data["name"], []), *lines, *_others(kept, _PACKAGE_KEYS)])
    return found


def _key(data: dict[str, Any]) -> tuple[Any, ...]:
    return data.get("name"), data.get("version"), data.get("marker")


def _own(old: list[_Chunk], new: _Chunk) -> list[str]:
    before = next((part for part in old if part.name == _OWN), None)
    if before is None or tomllib.loads("\n".join(before.lines)) == tomllib.loads("\n".join(new.lines)):
        return before.text if before else new.text
    table = tomllib.loads("\n".join(before.lines))["tool"]["penstock"]
    ours = frozenset({"schema", "roots", "universal", "publishers"})
    comments = [*before.comments, *(line for line in before.lines if line.startswith("#"))]
    return [*comments, *(line for line in new.lines if line), *_others(table, ours)]


def _others(data: dict[str, Any], ours: frozenset[str]) -> list[str]:
    """Return the lines of keys that the manager does not write."""
    return [f"{key(name)} = {value(item)}" for name, item in data.items() if name not in ours]
