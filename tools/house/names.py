"""Names: no module that is a drawer, every public name explained."""

import ast
from collections.abc import Iterator
from pathlib import Path

from house.tree import parse

DRAWERS = frozenset({"utils", "util", "helpers", "helper", "common", "misc", "shared", "tools", "lib", "stuff"})


def drawers(path: Path) -> Iterator[str]:
    """Say so if a module or a folder of it is named for nothing in particular."""
    for part in path.parts:
        if part.removesuffix(".py").strip("_") in DRAWERS:
            yield f"{path}: {part} names no subject. Name the module for what it holds."


def undocumented(name: str, text: str) -> Iterator[str]:
    """Public modules, classes, functions and methods without a docstring whose first line is a sentence.

    Args:
        name: How the file is called in what is said.
        text: Its content.
    """
    tree = parse(text)
    yield from _judge(name, 1, "the module", tree)
    yield from _members(name, tree, "")


def _members(name: str, node: ast.Module | ast.ClassDef, prefix: str) -> Iterator[str]:
    for child in node.body:
        if not isinstance(child, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) or child.name.startswith("_"):
            continue
        if any(_decorator(each) in ("overload", "override", "setter") for each in child.decorator_list):
            continue
        yield from _judge(name, child.lineno, prefix + child.name, child)
        if isinstance(child, ast.ClassDef):
            yield from _members(name, child, f"{child.name}.")


def _decorator(node: ast.expr) -> str:
    if isinstance(node, ast.Call):
        return _decorator(node.func)
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")


def _judge(
    name: str, line: int, what: str, node: ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
) -> Iterator[str]:
    text = ast.get_docstring(node)
    if not text:
        yield f"{name}:{line} {what} has no docstring."
    elif not text.splitlines()[0].rstrip().endswith((".", "?", ":")) and not text.split("\n\n")[0].rstrip().endswith(
        "."
    ):
        yield f"{name}:{line} the docstring of {what} does not begin with a sentence."
