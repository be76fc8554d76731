"""A file has at most 400 lines and a function at most 40 lines of code."""

import ast
from collections.abc import Iterator

from house.tree import parse

FILE_LINES = 400
FUNCTION_LINES = 40


def too_large(name: str, text: str) -> Iterator[str]:
    """What of a Python file is too large.

    Args:
        name: How the file is called in what is said.
        text: Its content.
    """
    lines = text.splitlines()
    if len(lines) > FILE_LINES:
        yield f"{name} has {len(lines)} lines; at most {FILE_LINES}. Split it by subject."
    for node in ast.walk(parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            count = code_lines(node, lines)
            if count > FUNCTION_LINES:
                yield f"{name}:{node.lineno} {node.name} has {count} lines of code; at most {FUNCTION_LINES}."


def code_lines(node: ast.FunctionDef | ast.AsyncFunctionDef, lines: list[str]) -> int:
    """Lines of a function without its decorators, docstring, comments and empty lines."""
    numbers = set(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    first = node.body[0]
    if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str):
        numbers -= set(range(first.lineno, (first.end_lineno or first.lineno) + 1))
    return sum(1 for number in numbers if lines[number - 1].strip() and not lines[number - 1].lstrip().startswith("#"))
