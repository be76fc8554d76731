"""Calls that only named files may make: the clock, the environment, chance, and waiting."""

import ast
from collections.abc import Iterator, Mapping
from functools import cache
from typing import NamedTuple

from house.tree import parse


class Rule(NamedTuple):
    """One kind of call and who may make it.

    Attributes:
        names: What is banned, as it is written: a full dotted name, or one that ends in ``.*``.
        reason: Why.
        allowed: Files, or folders that end in ``/``, that may all the same, each with its reason.
    """

    names: tuple[str, ...]
    reason: str
    allowed: Mapping[str, str]


def banned(name: str, text: str, rule: Rule) -> Iterator[str]:
    """Uses of banned names in a Python file, aliases of imports resolved.

    Args:
        name: Path of the file below the workspace.
        text: Its content.
        rule: What is banned; whether the file is allowed is the caller's to ask.
    """
    if not any(pattern.removesuffix(".*").rpartition(".")[2] in text for pattern in rule.names):
        return
    for line, full in _uses(text):
        if any(_matches(full, pattern) for pattern in rule.names):
            yield f"{name}:{line} uses {full}: {rule.reason}"


def allowance(name: str, rule: Rule) -> str | None:
    """The entry of the rule that allows a file, or None."""
    return next((each for each in rule.allowed if name == each or (each.endswith("/") and name.startswith(each))), None)


def _matches(full: str, pattern: str) -> bool:
    return full.startswith(pattern[:-1]) if pattern.endswith(".*") else full == pattern


@cache
def _uses(text: str) -> tuple[tuple[int, str], ...]:
    """Line and dotted name of each use of what a Python text imports; read once, as every rule wants it."""
    tree = parse(text)
    aliases = dict(_aliases(tree))
    names = ((node, _full_name(node, aliases)) for node in ast.walk(tree) if isinstance(node, ast.Attribute | ast.Name))
    return tuple((node.lineno, full) for node, full in names if full)


def _aliases(tree: ast.Module) -> Iterator[tuple[str, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield (alias.asname, alias.name) if alias.asname else (alias.name.split(".")[0],) * 2
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            for alias in node.names:
                yield alias.asname or alias.name, f"{node.module}.{alias.name}"


def _full_name(node: ast.expr, aliases: Mapping[str, str]) -> str:
    """The dotted name of an expression from an imported name on; empty for anything else."""
    if isinstance(node, ast.Name):
        return aliases.get(node.id, "")
    if isinstance(node, ast.Attribute):
        base = _full_name(node.value, aliases)
        return f"{base}.{node.attr}" if base else ""
    return ""
