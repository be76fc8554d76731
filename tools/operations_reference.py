"""Writes the page of the operations: of each, its route, its permission, and the commands and parts of the UI that ask for it.

All of it is found in the code: routes and permissions in the table of operations, commands by following what their functions call, and
the UI's calls in its sources.
"""

import ast
import importlib
import inspect
import textwrap
import tomllib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import click

import ui_routes
from penstock.cli.root import root
from penstock.service.operations.operation import Operation
from penstock.service.operations.table import operations

ROOT = Path(__file__).parent.parent
_FOLLOWED = ("penstock.cli.", "penstock.service.", "penstock_server.")
_OPENS = frozenset({"project", "anywhere", "opened", "asked"})


class Command:
    """A command, with what its function calls, and what these call.

    Attributes:
        name: Its words, behind ``penstock``.
        operations: The names of the operations that it asks for.
        opens: Whether it opens an installation.
    """

    def __init__(self, name: str, function: Callable[..., Any]) -> None:
        self.name = name
        self.operations: set[str] = set()
        self.opens = False
        self._seen: set[Callable[..., Any]] = set()
        self._follow(function)

    def _follow(self, function: Callable[..., Any]) -> None:
        if function in self._seen:
            return
        self._seen.add(function)
        for found in _named(function):
            known = getattr(found, "operation", None)
            if isinstance(known, Operation):
                self.operations.add(known.name)
            elif inspect.isfunction(found) and found.__module__.startswith(_FOLLOWED):
                self.opens = self.opens or found.__name__ in _OPENS
                self._follow(inspect.unwrap(found))


def commands() -> list[Command]:
    """Every command of the core, and those of the providers of the repository that work on an installation by the service."""
    found = [Command(name, function) for name, function in _core(root, ())]
    for manifest in sorted(ROOT.glob("server/src/*/provider.toml")):
        for each in tomllib.loads(manifest.read_text(encoding="utf-8"))["commands"]:
            module, _, function = each["object"].partition(":")
            words = each.get("name", each["id"].replace(".", " "))
            found.append(Command(words, getattr(importlib.import_module(module), function)))
    return sorted(found, key=lambda each: each.name)


def _core(command: click.Command, words: tuple[str, ...]) -> Iterator[tuple[str, Callable[..., Any]]]:
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            if (inner := command.get_command(context, name)) is not None:
                yield from _core(inner, (*words, name))
    elif command.callback is not None:
        yield " ".join(words), inspect.unwrap(command.callback)


def _named(function: Callable[..., Any]) -> Iterator[Any]:
    """What the names and attributes in a function's text stand for, as far as they stand for anything."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    known: dict[str, Any] = dict(function.__globals__)
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module and not node.level:
            known |= _imported(node)
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and node.id in known:
            yield known[node.id]
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            owner = known.get(node.value.id)
            if isinstance(owner, ModuleType):
                yield getattr(owner, node.attr, None)


def _imported(node: ast.ImportFrom) -> Mapping[str, Any]:
    module = importlib.import_module(node.module or "")
    found = {}
    for each in node.names:
        inner = getattr(module, each.name, None)
        if inner is None:
            inner = importlib.import_module(f"{module.__name__}.{each.name}")
        found[each.asname or each.name] = inner
    return found


def ui_calls() -> dict[str, set[str]]:
    """By route, the parts of the UI that call it."""
    found: dict[str, set[str]] = {}
    for path in sorted((ROOT / ui_routes.SOURCES).rglob("*")):
        if path.suffix in {".ts", ".svelte"} and path != ROOT / ui_routes.ROUTES:
            for route in ui_routes.routes_named_in(path.read_text(encoding="utf-8")):
                found.setdefault(route, set()).add(path.name.partition(".")[0])
    return found


def page(note: str) -> str:
    """The page."""
    by_operation: dict[str, list[str]] = {}
    for command in commands():
        for name in command.operations:
            by_operation.setdefault(name, []).append(command.name)
    calls = ui_calls()
    lines = [
        "# Operations\n",
        note,
        "All that a person can ask for: by a route of the [API](../how-to/use-the-api.md) (below `/api/v1`), by a function of",
        "`penstock.service`, mostly by commands, and in the UI by the parts that are named. The permission is asked of the thing that the",
        "route names; a list leaves out what may not be seen. `-` is what everybody may who is known. `GET /api/v1/openapi.json` has",
        "parameters and answers.\n",
        "| operation | what it does | route | permission | commands | UI |",
        "|---|---|---|---|---|---|",
    ]
    for each in sorted(operations(), key=lambda each: each.name):
        route = f"{each.method} {each.path}"
        sentence = (inspect.getdoc(each.function) or "").partition("\n")[0].partition("; raises")[0].rstrip(".")
        asked_by = ", ".join(f"`{name}`" for name in by_operation.get(each.name, ()))
        parts = ", ".join(sorted(calls.get(route, ())))
        needs = f"`{each.needs}`" if each.needs is not None else "-"
        lines.append(f"| `{each.name}` | {sentence.replace('``', '`')} | `{route}` | {needs} | {asked_by} | {parts} |")
    return "\n".join([*lines, ""])
