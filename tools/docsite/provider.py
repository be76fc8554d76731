"""The reference of a provider, made from its manifest."""

import tomllib
from collections.abc import Iterator, Mapping
from typing import Any

from penstock_manifest.kinds import ARRAYS, Kind


def reference(text: str) -> str:
    """The page of a provider's reference.

    Args:
        text: Its ``provider.toml``.
    """
    data = tomllib.loads(text)
    return "\n".join(_lines(data)) + "\n"


def name_of(text: str) -> str:
    """What people call a provider, by its ``provider.toml``."""
    return str(tomllib.loads(text)["name"])


def _lines(data: Mapping[str, Any]) -> Iterator[str]:
    yield f"# Reference of {data['name']}\n"
    yield f"{data['doc']} Its id is `{data['id']}`; it is made for the provider spec `{data['spec']}`.\n"
    for extra, meaning in data.get("extras", {}).items():
        yield f"- `plugin-manager install {data['id']}[{extra}]`: {meaning}"
    yield ""
    for kind in ARRAYS.values():
        entries = data.get(kind.name, [])
        if entries:
            yield f"## {kind.name.replace('_', ' ').capitalize()}\n"
        for entry in entries:
            yield from _entry(kind, entry)


def _entry(kind: Kind, entry: Mapping[str, Any]) -> Iterator[str]:
    title = entry["object"].rpartition(":")[2] if "object" in entry else entry["type"]
    yield f"### {title}\n"
    yield f"{entry['doc']}\n"
    if "object" in entry:
        module, _, name = entry["object"].partition(":")
        yield f"`from {module} import {name}`, or by its id `{entry['id']}`.\n"
    for key in kind.own_keys:
        if key in entry:
            yield f"{key.replace('_', ' ').capitalize()}: `{entry[key]}`\n"
    if entry.get("state", "stable") != "stable":
        yield (
            f"It is {entry['state']}; `{entry['replacement']}` replaces it.\n"
            if "replacement" in entry
            else f"It is {entry['state']}.\n"
        )
    if rows := entry.get(kind.inner, []):
        yield "| name | type | default | meaning |"
        yield "|---|---|---|---|"
        yield from (_row(row) for row in rows)
        yield ""


def _row(row: Mapping[str, Any]) -> str:
    default = "required" if row.get("required") else f"`{row['default']!r}`" if "default" in row else ""
    kind = str(row.get("type", "str")).replace("|", "\\|")
    return f"| `{row['name']}` | `{kind}` | {default} | {row.get('doc', '')} |"
