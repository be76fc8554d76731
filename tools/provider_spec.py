"""The page of the specs: what a provider may implement, when it is called, where, with what, and what an error does."""

import inspect
import re
from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Any, Protocol

from penstock.author.abstract_operator import AbstractOperator
from penstock.spec import plugin
from penstock_manifest.kinds import ARRAYS, Kind
from penstock_manifest.specs import REACTING, Deprecation

_INTRODUCTION = """\
A provider offers *capabilities*, each of a kind, and may *react* to what happens. The core asks for both through specs of pluggy,
and in no other way. For a provider its manifest answers; a module of the project answers in code
([the manifest](provider-manifest.md), [plug-ins of a project](../how-to/extend-a-project.md)).

This core serves {served}. A spec is added to and never changed; what goes is announced first
([ADR 22](../adr/0022-spec-versions-and-deprecation.md)).
"""

_OR = {"executors": "penstock.spec.remote:RemoteExecutor"}
"""Another class that an object of a kind may have, by the kind."""


def page(note: str) -> str:
    """Write the page.

    Args:
        note: Says where it comes from.
    """
    oldest, newest = plugin.OLDEST_SPEC_VERSION, plugin.SPEC_VERSION
    served = f"spec version {newest}" if oldest == newest else f"spec versions {oldest} to {newest}"
    lines = ["# The provider spec\n", note, _INTRODUCTION.format(served=served), "## Kinds\n"]
    lines += ["| kind | what it is | spec |", "|---|---|---|"]
    lines += [f"| [`{kind.name}`](#{kind.name}) | {kind.meaning} | `{kind.spec}` |" for kind in ARRAYS.values()]
    lines.append("")
    for kind in ARRAYS.values():
        lines += _kind(kind)
    lines += ["## Reacting specs\n", _reacting()]
    for name, row in REACTING.items():
        function = getattr(plugin.PenstockSpecs, name)
        lines += [f"### {name}\n", f"`{name}({_parameters(function)})`\n", (inspect.getdoc(function) or "") + "\n"]
        lines += [*_age(row.since, row.deprecated), ""]
    text = re.sub(r"(?<!`)``(?!`)", "`", "\n".join(lines))
    return re.sub(r"\n{3,}", "\n\n", text).rstrip() + "\n"


def _kind(kind: Kind) -> Iterator[str]:
    yield f"## {kind.name}\n"
    yield f"{kind.meaning[:1].upper()}{kind.meaning[1:]}. The spec is `{kind.spec}(mention)`.\n"
    yield "| | |\n|---|---|"
    yield f"| imported | {kind.imported_when} |"
    yield f"| called with | {kind.made_with} |"
    yield f"| works in | {kind.process} |"
    yield f"| what it raises | {kind.raised} |"
    yield f"| stands in | {', '.join(f'`{room}.py`' for room in kind.rooms)} |"
    yield f"| keys of its own | {', '.join(f'`{key}`' for key in kind.own_keys) or 'none'} |\n"
    yield from _age(kind.since, kind.deprecated)
    if kind.protocol:
        yield from _protocol("Its object", kind.protocol)
    if kind.name in _OR:
        yield from _protocol("Or it", _OR[kind.name])


def _age(since: int, deprecated: Deprecation | None) -> Iterator[str]:
    yield f"Since spec version {since}.\n"
    if deprecated is not None:
        yield f"Deprecated since spec version {deprecated.since}, gone with {deprecated.until}; {deprecated.instead}.\n"


def _protocol(subject: str, path: str) -> Iterator[str]:
    module, _, name = path.partition(":")
    found = getattr(import_module(module), name)
    of_spec = module.startswith("penstock.spec.")
    door = f"{module}.{name}" if of_spec else f"penstock.{name}"
    yield f"{subject} is a `{door}`.\n"
    yield from _docstring(found, entries=of_spec)
    for method, function in _methods(found):
        yield f"### {name}.{method}({_parameters(function)})\n"
        yield from _docstring(function)
    if of_spec:
        for value in _values(module, found):
            yield f"### {value.__name__}\n"
            yield from _docstring(value)
            if Protocol in value.__bases__:
                yield from _members(value)


def _members(protocol: type) -> Iterator[str]:
    """What one who implements a protocol of the core writes, or is handed: its methods and properties."""
    for name, member in vars(protocol).items():
        if isinstance(member, property) or (inspect.isfunction(member) and not name.startswith("_")):
            shown = f"{name}({_parameters(member)})" if inspect.isfunction(member) else name
            yield f"#### {protocol.__name__}.{shown}\n"
            yield from _docstring(member)


def _methods(found: type) -> Iterator[tuple[str, Callable[..., Any]]]:
    """What an author implements or may override: the functions of the class itself, in their order."""
    shared = vars(AbstractOperator)
    for name, member in vars(found).items():
        function = member.__func__ if isinstance(member, classmethod | staticmethod) else member
        if inspect.isfunction(function) and not name.startswith("_") and name not in shared:
            yield name, function


def _values(module: str, protocol: type) -> Iterator[type]:
    """The other classes of a protocol's module: what goes in and comes out."""
    for found in vars(import_module(module)).values():
        if inspect.isclass(found) and found.__module__ == module and found is not protocol:
            yield found


def _parameters(function: Callable[..., Any]) -> str:
    given = [each for each in inspect.signature(function).parameters.values() if each.name not in ("self", "cls")]
    return ", ".join(str(each.replace(annotation=inspect.Parameter.empty)) for each in given)


def _reacting() -> str:
    text = inspect.getdoc(plugin) or ""
    return text[text.index("**Reacting specs**") : text.index("An impl takes the arguments")]


def _docstring(found: object, *, entries: bool = True) -> Iterator[str]:
    """Turn a Google docstring into Markdown; without ``entries`` its sections are left out."""
    section = ""
    for line in (inspect.getdoc(found) or "").splitlines():
        header = re.fullmatch(r"(Args|Attributes|Raises|Returns|Yields):", line)
        entry = re.fullmatch(r" {4}([\w*, .]+): (.*)", line)
        if header:
            section = header[1]
            if entries:
                yield f"{section}:\n"
        elif line and not line.startswith(" "):
            section = ""
            yield line
        elif not section:
            yield line
        elif entries and entry and section not in ("Returns", "Yields"):
            yield f"- `{entry[1]}`: {entry[2]}"
        elif entries:
            yield f"  {line.strip()}".rstrip() if section not in ("Returns", "Yields") else line.strip()
    yield ""
