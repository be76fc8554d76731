"""The provider manifest: what a provider says it can do, read from data alone."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from penstock_plugin_manager.model.names import is_id

SCHEMA = 1
STATES = ("experimental", "stable", "deprecated", "suspended", "removed")
KINDS = (
    "hooks", "operators", "sensors", "executors", "object_stores", "secrets_backends", "log_stores",
    "notifiers", "metrics_sinks", "timetables",
)  # fmt: skip
TOP_KEYS = frozenset(
    {
        "schema", "id", "name", "doc", "spec", "state", "replacement", "until", "imports", "documentation",
        "changelog", "plugin", "extras", "connections", "commands", *KINDS,
    }
)  # fmt: skip
_COMMON = frozenset({"id", "object", "doc", "extra", "parameters", "state", "replacement"})
_OWN = {"hooks": {"connection_type"}, "object_stores": {"scheme"}, "log_stores": {"scheme"}}
_PARAMETER = frozenset({"name", "type", "doc", "required", "default"})
_CONNECTION = frozenset({"type", "doc", "schemes", "fields"})
_FIELD = frozenset({"name", "type", "doc", "required", "secret", "default"})
_COMMAND = frozenset({"name", "object", "doc"})
_OBJECT = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*(\.[A-Za-z_]\w*)*\Z")
_RANGE = re.compile(r"\s*(~=|==|!=|<=|>=|<|>)\s*\d[\w.*+!]*\s*(,\s*(~=|==|!=|<=|>=|<|>)\s*\d[\w.*+!]*\s*)*\Z")


class Capability(NamedTuple):
    """One thing a provider offers; connections and commands take part with an id of their own making."""

    kind: str
    id: str
    doc: str
    object: str = ""
    extra: str = ""
    connection_type: str = ""
    schemes: tuple[str, ...] = ()
    parameters: tuple[dict[str, Any], ...] = ()
    state: str = "stable"
    replacement: str = ""


class Manifest(NamedTuple):
    """A valid manifest."""

    id: str
    name: str
    doc: str
    spec: str
    state: str
    replacement: str
    until: str
    imports: tuple[str, ...]
    documentation: str
    changelog: str
    plugin: str
    extras: dict[str, str]
    capabilities: tuple[Capability, ...]


class Reading(NamedTuple):
    """What came of reading a manifest: its value, or the problems that make it invalid."""

    manifest: Manifest | None
    problems: tuple[str, ...]
    notes: tuple[str, ...] = ()


def read_manifest(data: dict[str, Any], entry_point: str = "") -> Reading:
    """Judge a manifest as the core does: unknown keys and kinds are passed over, the rest must be right.

    Args:
        data: The parsed TOML.
        entry_point: Name of the entry point that led here; empty when there is none to compare with.
    """
    problems = [*_top(data, entry_point), *_capability_problems(data)]
    notes = [
        f"capability kind {key!r} is unknown here and was skipped"
        for key, value in data.items()
        if key not in TOP_KEYS and isinstance(value, list) and value and isinstance(value[0], dict)
    ]
    if problems:
        return Reading(None, tuple(problems), tuple(notes))
    return Reading(_build(data), (), tuple(notes))


def strict_problems(data: dict[str, Any]) -> list[str]:
    """Return what an author should mend although readers forgive it: every unknown key, by its place."""
    found = [f"unknown key {key!r}" for key in sorted(set(data) - TOP_KEYS)]
    for kind in KINDS:
        allowed = _COMMON | _OWN.get(kind, set())
        for place, item in _tables(data, kind):
            found += [f"{place}: unknown key {key!r}" for key in sorted(set(item) - allowed)]
            for parameter in item.get("parameters", ()):
                if isinstance(parameter, dict):
                    found += [
                        f"{place}: parameter has unknown key {key!r}" for key in sorted(set(parameter) - _PARAMETER)
                    ]
    for place, item in _tables(data, "connections"):
        found += [f"{place}: unknown key {key!r}" for key in sorted(set(item) - _CONNECTION)]
        for field in item.get("fields", ()):
            if isinstance(field, dict):
                found += [f"{place}: field has unknown key {key!r}" for key in sorted(set(field) - _FIELD)]
    for place, item in _tables(data, "commands"):
        found += [f"{place}: unknown key {key!r}" for key in sorted(set(item) - _COMMAND)]
    return found


def _tables(data: dict[str, Any], kind: str) -> list[tuple[str, dict[str, Any]]]:
    value = data.get(kind, [])
    items = value if isinstance(value, list) else []
    return [(f"{kind}[{at}]", item) for at, item in enumerate(items) if isinstance(item, dict)]


def _top(data: dict[str, Any], entry_point: str) -> list[str]:
    required = ("schema", "id", "name", "doc", "spec", "imports")
    problems = [f"key {key!r} is missing" for key in required if key not in data]
    texts = ("id", "name", "doc", "spec", "state", "replacement", "documentation", "changelog", "plugin")
    problems += [
        f"key {key!r} must be a string, not {_kind(data[key])}"
        for key in texts
        if key in data and not isinstance(data[key], str)
    ]
    if isinstance(data.get("id"), str):
        problems += _id_problems(data["id"], entry_point)
    problems += _version_problems(data)
    imports = data.get("imports", [])
    if not isinstance(imports, list) or not all(isinstance(item, str) for item in imports):
        problems.append("key 'imports' must be a list of strings")
    extras = data.get("extras", {})
    if not isinstance(extras, dict) or not all(isinstance(item, str) for item in extras.values()):
        problems.append("key 'extras' must be a table of name to sentence")
    return problems


def _version_problems(data: dict[str, Any]) -> list[str]:
    problems = []
    schema = data.get("schema")
    if schema is not None and (not isinstance(schema, int) or isinstance(schema, bool)):
        problems.append(f"key 'schema' must be an integer, not {_kind(schema)}")
    elif schema is not None and schema != SCHEMA:
        problems.append(f"schema {schema} is not known here (known: {SCHEMA})")
    if isinstance(data.get("spec"), str) and not _RANGE.match(data["spec"]):
        problems.append(f"key 'spec' is no version range: {data['spec']!r}")
    if isinstance(data.get("state"), str) and data["state"] not in STATES:
        problems.append(f"key 'state' is {data['state']!r}; it must be one of {', '.join(STATES)}")
    return problems


def _id_problems(provider_id: str, entry_point: str) -> list[str]:
    problems = []
    if not is_id(provider_id):
        problems.append(f"id {provider_id!r} is not lower-case letters, digits and underscores")
    if entry_point and provider_id != entry_point:
        problems.append(f"id {provider_id!r} differs from the entry point's name {entry_point!r}")
    return problems


def _capability_problems(data: dict[str, Any]) -> list[str]:
    problems: list[str] = []
    seen: dict[str, str] = {}
    prefix = f"{data.get('id', '')}."
    for kind in (*KINDS, "connections", "commands"):
        value = data.get(kind, [])
        if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
            problems.append(f"key {kind!r} must be an array of tables")
            continue
        for place, item in _tables(data, kind):
            problems += _one(kind, place, item)
            name = item.get("id")
            if kind in KINDS and isinstance(name, str):
                if not name.startswith(prefix):
                    problems.append(f"{place}: id {name!r} does not begin with {prefix!r}")
                if name in seen:
                    problems.append(f"{place}: id {name!r} is taken by {seen[name]}")
                seen.setdefault(name, place)
    return problems


def _one(kind: str, place: str, item: dict[str, Any]) -> list[str]:
    required = {"connections": ("type", "doc"), "commands": ("name", "object", "doc")}.get(
        kind, ("id", "object", "doc")
    )
    required = (*required, *sorted(_OWN[kind])) if kind in ("hooks", "object_stores") else required
    problems = []
    for key in required:
        if key not in item:
            problems.append(f"{place}: key {key!r} is missing")
        elif not isinstance(item[key], str):
            problems.append(f"{place}: key {key!r} must be a string, not {_kind(item[key])}")
    target = item.get("object")
    if isinstance(target, str) and not _OBJECT.match(target):
        problems.append(f"{place}: object {target!r} is no module:attribute")
    for key in ("parameters", "fields"):
        value = item.get(key, [])
        if not isinstance(value, list) or not all(isinstance(each, dict) and "name" in each for each in value):
            problems.append(f"{place}: key {key!r} must be a list of tables with a name")
    schemes = item.get("schemes", [])
    if not isinstance(schemes, list) or not all(isinstance(each, str) for each in schemes):
        problems.append(f"{place}: key 'schemes' must be a list of strings")
    return problems


def _kind(value: object) -> str:
    return {bool: "a boolean", int: "an integer", list: "a list", dict: "a table", float: "a number"}.get(
        type(value), f"a {type(value).__name__}"
    )


def _build(data: dict[str, Any]) -> Manifest:
    capabilities = [_capability(kind, item) for kind in KINDS for item in data.get(kind, ())]
    capabilities += [
        Capability(
            "connections", item["type"], item["doc"], connection_type=item["type"],
            schemes=tuple(item.get("schemes", ())), parameters=tuple(item.get("fields", ())),
        )
        for item in data.get("connections", ())
    ]  # fmt: skip
    capabilities += [
        Capability("commands", item["name"], item["doc"], object=item["object"]) for item in data.get("commands", ())
    ]
    return Manifest(
        id=data["id"],
        name=data["name"],
        doc=data["doc"],
        spec=data["spec"],
        state=data.get("state", "stable"),
        replacement=data.get("replacement", ""),
        until=str(data.get("until", "")),
        imports=tuple(data["imports"]),
        documentation=data.get("documentation", ""),
        changelog=data.get("changelog", ""),
        plugin=data.get("plugin", ""),
        extras=dict(data.get("extras", {})),
        capabilities=tuple(capabilities),
    )


def _capability(kind: str, item: dict[str, Any]) -> Capability:
    return Capability(
        kind=kind,
        id=item["id"],
        doc=item["doc"],
        object=item["object"],
        extra=str(item.get("extra", "")),
        connection_type=str(item.get("connection_type", "")),
        schemes=(item["scheme"],) if isinstance(item.get("scheme"), str) else (),
        parameters=tuple(item.get("parameters", ())),
        state=str(item.get("state", "stable")),
        replacement=str(item.get("replacement", "")),
    )
