"""A file has at most 400 lines, one of tests 600, a function at most 40 lines of code, a room 20 files and 2,200 lines.

Tables of cases are read a row at a time, and a table that is cut in two hides what is missing in it: hence the longer files of tests.
A room is a folder of a package with the files in it, folders below it not counted: they are rooms of their own.
"""

import ast
from collections.abc import Iterator, Mapping
from pathlib import PurePath

from house.tree import parse

FILE_LINES = 400
TEST_FILE_LINES = 600
FUNCTION_LINES = 40
ROOM_FILES = 20
ROOM_LINES = 2200


def too_large(name: str, text: str) -> Iterator[str]:
    """What of a Python file is too large.

    Args:
        name: How the file is called in what is said.
        text: Its content.
    """
    lines = text.splitlines()
    most = TEST_FILE_LINES if "tests" in PurePath(name).parts else FILE_LINES
    if len(lines) > most:
        yield f"{name} has {len(lines)} lines; at most {most}. Split it by subject."
    for node in _functions(parse(text)):
        count = code_lines(node, lines)
        if count > FUNCTION_LINES:
            yield f"{name}:{node.lineno} {node.name} has {count} lines of code; at most {FUNCTION_LINES}."


def _functions(node: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Functions wherever statements are; no expression, most of a file's nodes, has one."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
            yield child
        if isinstance(child, ast.stmt | ast.excepthandler | ast.match_case):
            yield from _functions(child)


def too_large_rooms(sources: Mapping[str, str]) -> Iterator[str]:
    """Rooms that nobody reads in an hour.

    Args:
        sources: Text of each source file by its path.
    """
    rooms: dict[PurePath, list[int]] = {}
    for name, text in sources.items():
        rooms.setdefault(PurePath(name).parent, []).append(len(text.splitlines()))
    for room, lines in sorted(rooms.items()):
        if len(lines) > ROOM_FILES:
            yield f"{room} has {len(lines)} files; at most {ROOM_FILES}. Split the room by subject."
        if sum(lines) > ROOM_LINES:
            yield f"{room} has {sum(lines)} lines; at most {ROOM_LINES}. Split the room by subject."


def code_lines(node: ast.FunctionDef | ast.AsyncFunctionDef, lines: list[str]) -> int:
    """Lines of a function without its decorators, docstring, comments and empty lines."""
    numbers = set(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    first = node.body[0]
    if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str):
        numbers -= set(range(first.lineno, (first.end_lineno or first.lineno) + 1))
    return sum(1 for number in numbers if lines[number - 1].strip() and not lines[number - 1].lstrip().startswith("#"))
