"""The page of defects elsewhere: each row names a test here that holds, and that test names the defect."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

PAGE = Path("docs/reference/known-defects.md")
_ROW = re.compile(
    r"^\| (?P<issues>[^|]+#\d+[^|]*) \| (?P<told>[^|]+) \| `(?P<file>[^`:]+)::(?P<test>\w+)` \|$", re.MULTILINE
)
_ISSUE = re.compile(r"([\w.-]+/[\w.-]+)?#(\d+)")
_TEST = re.compile(r"::test_\w+")


def untrue_rows(root: Path, page: str) -> Iterator[str]:
    """What is wrong with the rows of the page, as sentences.

    Args:
        root: The workspace.
        page: The text of the page.
    """
    rows = list(_ROW.finditer(page))
    if not rows or len(rows) != len(_TEST.findall(page)):
        yield f"{len(_TEST.findall(page))} tests are named and {len(rows)} rows are read: a row has another form"
    for row in rows:
        place = f"{row['file']}::{row['test']}"
        told = _words_of(root / row["file"], row["test"])
        if told is None:
            yield f"{place} is not there"
            continue
        yield from (
            f"{place} does not name {repository}#{number}"
            for repository, number in _ISSUE.findall(row["issues"])
            if not re.search(rf"(?<!\d){number}(?!\d)", told)
        )


def _words_of(file: Path, test: str) -> str | None:
    """The name, docstring and parameters of a test, and the docstrings around it; None if there is none."""
    if not file.is_file():
        return None
    module = ast.parse(file.read_text(encoding="utf-8"))
    for node in ast.walk(module):
        holder = node if isinstance(node, ast.ClassDef | ast.Module) else None
        for each in holder.body if holder else ():
            if isinstance(each, ast.FunctionDef) and each.name == test:
                parts = [each.name, *(ast.get_docstring(found) or "" for found in (module, holder, each) if found)]
                parts += map(ast.unparse, each.decorator_list)  # ids of its parameters
                return " ".join(parts)
    return None
