"""What Python source uses of some packages: names that it imports, calls with their arguments, operators by id; pure."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator, Mapping
from typing import NamedTuple

from penstock_manifest.format import plain

_OPERATOR = "penstock.operator"
_MAPPED = ("partial", "expand", "expand_kwargs")
"""Methods of a class of tasks that give some of its arguments."""


class Use(NamedTuple):
    """One use of something.

    Attributes:
        line: Line number, from 1.
        target: The dotted path of what is used, or an operator's capability id.
        keywords: Arguments that a call gives by name; None where it is no call.
        whole: Whether a call gives all arguments that there are, so that one that is not there is left out.
        unpacked: What a call gives without naming it, as it is written: ``**options``.
    """

    line: int
    target: str
    keywords: tuple[str, ...] | None = None
    whole: bool = False
    unpacked: tuple[str, ...] = ()


def read_uses(source: str, packages: Collection[str]) -> list[Use] | None:
    """Return what source uses of some top-level packages, by line; None if it is no Python.

    All names of a module, imported by ``*``, are the use of a target that ends so.
    """
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    wanted = {*packages, "penstock"}
    names: dict[str, str] = {}
    found: list[Use] = []
    for node in ast.walk(tree):
        for name, path in _imported(node, wanted):
            names[name] = path
            if path.partition(".")[0] in packages:
                found.append(Use(node.lineno, path))  # type: ignore[attr-defined]  # only imports give names
    called = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            called.add(id(node.func))
            found += _call(node, names, packages)
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and id(node) not in called:
            path = _path(node, names)
            if path.partition(".")[0] in packages:
                found.append(Use(node.lineno, path))
    return sorted(set(found), key=lambda use: (use.line, use.target, use.keywords or ()))


def _imported(node: ast.AST, wanted: Collection[str]) -> Iterator[tuple[str, str]]:
    if isinstance(node, ast.Import):
        for each in node.names:
            if each.name.partition(".")[0] in wanted:
                top = each.name.partition(".")[0]
                yield (each.asname, each.name) if each.asname else (top, top)
    elif isinstance(node, ast.ImportFrom) and not node.level and (node.module or "").partition(".")[0] in wanted:
        for each in node.names:
            yield each.asname or each.name, f"{node.module}.{each.name}"


def _path(node: ast.expr, names: Mapping[str, str]) -> str:
    if isinstance(node, ast.Name):
        return names.get(node.id, "")
    if isinstance(node, ast.Attribute):
        above = _path(node.value, names)
        return f"{above}.{node.attr}" if above else ""
    return ""


def _call(node: ast.Call, names: Mapping[str, str], packages: Collection[str]) -> Iterator[Use]:
    path, args = _path(node.func, names), list(node.args)
    keywords = tuple(each.arg for each in node.keywords if each.arg)
    above, _, method = path.rpartition(".")
    mapped = method in _MAPPED
    target = above if mapped else path
    if target == _OPERATOR and args:
        first = args.pop(0)
        target = first.value if isinstance(first, ast.Constant) and isinstance(first.value, str) else ""
    elif target.partition(".")[0] not in packages:
        return
    unpacked = tuple(f"**{plain(ast.unparse(each.value), 40)}" for each in node.keywords if not each.arg)
    unpacked += tuple(f"expand_kwargs({plain(ast.unparse(each), 40)})" for each in args if method == "expand_kwargs")
    if target:
        yield Use(node.lineno, target, keywords, not (mapped or args or unpacked), unpacked)
