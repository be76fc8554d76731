"""Docstrings of public callables name what they raise."""

import ast
from collections.abc import Iterator

from house.tree import parse

_FOR_PROGRAMMERS = ("NotImplementedError", "AssertionError")

Function = ast.FunctionDef | ast.AsyncFunctionDef


def unnamed_raises(name: str, text: str) -> Iterator[str]:
    """Public functions and methods that raise an exception which their docstring does not name.

    A ``raise`` counts where it names a class; what an inner function raises is the inner function's. The docstring says it in
    a section ``Raises:`` or in its sentences. A command's docstring is its help, and its errors are those of the command
    line; NotImplementedError and AssertionError speak to whoever writes the code.

    Args:
        name: How the file is called in what is said.
        text: Its content.
    """
    for where, function in _public(parse(text), ""):
        docs = ast.get_docstring(function) or ""
        for raised, line in _raised(function):
            if raised not in docs and not _is_caught(function, raised):
                yield f"{name}:{line} {where} raises {raised}, and its docstring does not name it."


def _public(node: ast.Module | ast.ClassDef, prefix: str) -> Iterator[tuple[str, Function]]:
    for child in node.body:
        if isinstance(child, ast.ClassDef) and not child.name.startswith("_"):
            yield from _public(child, f"{child.name}.")
        elif isinstance(child, Function) and not child.name.startswith("_") and not _is_command(child):
            yield prefix + child.name, child


def _raised(function: Function) -> Iterator[tuple[str, int]]:
    for node in _own_nodes(function):
        if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
            target = node.exc.func
            found = target.attr if isinstance(target, ast.Attribute) else getattr(target, "id", "")
            if found[:1].isupper() and found not in _FOR_PROGRAMMERS:
                yield found, node.lineno


def _own_nodes(node: ast.AST) -> Iterator[ast.AST]:
    """Nodes of a function's body without those of functions and classes in it."""
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, Function | ast.Lambda | ast.ClassDef):
            yield child
            yield from _own_nodes(child)


def _is_command(function: Function) -> bool:
    return any(".command" in ast.unparse(each) for each in function.decorator_list)


def _is_caught(function: Function, raised: str) -> bool:
    """Whether the function itself catches the class by name, so that it stays inside."""
    handlers = [node.type for node in _own_nodes(function) if isinstance(node, ast.ExceptHandler) and node.type]
    return any(raised in ast.unparse(each) for each in handlers)
