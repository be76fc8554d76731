"""The page of defects elsewhere: each row names a test here that names the defect, and tests of providers name none beside."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

PAGE = Path("docs/reference/known-defects.md")
_ROW = re.compile(
    r"^\| (?P<issues>[^|]+#\d+[^|]*) \| (?P<told>[^|]+) \| `(?P<file>[^`:]+)::(?P<test>\w+)` \|$", re.MULTILINE
)
_ISSUE = re.compile(r"([\w.-]+/[\w.-]+)?#(\d+)")
_AIRFLOW = re.compile(r"(?:\b(?:apache/airflow|af)#|apache_airflow_)\d+(?:, (?:apache/airflow|af)?#\d+)*")
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


def unlisted_defects(root: Path, page: str) -> Iterator[str]:
    """What tests of providers name of Airflow's defects and the page does not have, as sentences.

    Args:
        root: The workspace.
        page: The text of the page.
    """
    listed = set(_of_airflow(page))
    for file in sorted(root.glob("providers/*/tests/**/test_*.py")):
        for test, told in _tests(file):
            yield from (
                f"{file.relative_to(root)}::{test} names apache/airflow#{number}, which {PAGE} does not have: add a row"
                for number in sorted(set(_of_airflow(told)) - listed)
            )


def _of_airflow(text: str) -> Iterator[str]:
    """Numbers of apache/airflow: of ``apache/airflow#1, #2``, of ``af#1``, and of ``apache_airflow_1`` in a name."""
    for named in _AIRFLOW.finditer(text):
        yield from re.findall(r"\d+", named[0])


def _words_of(file: Path, test: str) -> str | None:
    """What a test tells of itself; None if there is none of this name."""
    return next((told for name, told in _tests(file) if name == test), None) if file.is_file() else None


def _tests(file: Path) -> Iterator[tuple[str, str]]:
    """The tests of a file, each with its name, docstring and parameters, and the docstrings around it."""
    module = ast.parse(file.read_text(encoding="utf-8"))
    for holder in (node for node in ast.walk(module) if isinstance(node, ast.ClassDef | ast.Module)):
        for each in holder.body:
            if isinstance(each, ast.FunctionDef) and each.name.startswith("test_"):
                around = dict.fromkeys((module, holder, each))
                parts = [each.name, *(ast.get_docstring(found) or "" for found in around)]
                parts += map(ast.unparse, each.decorator_list)  # ids of its parameters
                yield each.name, " ".join(parts)
