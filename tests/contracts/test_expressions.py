"""Regular expressions that `re` runs are constants of our own code: one that somebody else wrote may take for ever (ADR 67)."""

import ast
from collections.abc import Iterator

import pytest

from house.tree import parse, sources_of

pytestmark = pytest.mark.xdist_group("sources")  # each file is parsed once, and kept

RUN = frozenset({"compile", "search", "match", "fullmatch", "sub", "subn", "split", "findall", "finditer"})
QUOTED = frozenset({"re.escape", "fnmatch.translate"})
"""What makes an expression of a text that never goes back on what it took."""

OTHERS = {
    "core/src/penstock/author/run/templates.py": "a name that an expression of our own has found",
    "core/src/penstock/load/closure/mentions.py": "a number of our own",
    "core/src/penstock/watchers/objects.py": "a constant before a glob",
    "server/src/penstock_server/http/reach/machine_paths.py": "folders that are quoted, one of several",
}
"""Files whose expressions are not seen to be constants, each with what they are."""


def foreign(name: str, text: str) -> Iterator[str]:
    """Expressions of a Python file that are run by `re`, and are neither constants nor quoted."""
    for node in ast.walk(parse(text)) if "re." in text else ():
        if isinstance(node, ast.Call) and node.args and _is_run(node.func) and not _is_own(node.args[0]):
            yield f"{name}:{node.lineno} runs {ast.unparse(node.args[0])}: use penstock.model.patterns"


def _is_run(function: ast.expr) -> bool:
    module, _, called = ast.unparse(function).partition(".")
    return module == "re" and called in RUN


def _is_own(given: ast.expr) -> bool:
    match given:
        case ast.Constant():
            return True
        case ast.BinOp(left, ast.Add(), right):
            return _is_own(left) and _is_own(right)
        case ast.JoinedStr(values):
            return all(_is_own(each.value if isinstance(each, ast.FormattedValue) else each) for each in values)
        case ast.Call(function):
            return ast.unparse(function) in QUOTED
    return False


def test_no_expression_that_somebody_else_wrote_is_run_by_re(workspace):
    found = {}
    for path in sources_of(workspace):
        if str(path).startswith(("core/src/", "server/src/")) and (
            told := [*foreign(str(path), (workspace / path).read_text())]
        ):
            found[str(path)] = told
    assert [told for path, each in found.items() if path not in OTHERS for told in each] == []
    assert OTHERS.keys() <= found.keys(), "an exception that nobody needs is taken off the list"


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("import re\nre.search(given, value)", 1),
        ("import re\nre.compile(rf'{given}+')", 1),
        ("import re\nre.compile('a' + given)", 1),
        ("import re\nre.compile('a+' r'b')", 0),
        ("import re\nre.sub(rf'File {re.escape(given)}/', '', text)", 0),
        ("import re\nimport fnmatch\nre.compile(fnmatch.translate(given))", 0),
    ],
)
def test_the_contract_sees_an_expression_of_others(text, seen):
    assert len([*foreign("a.py", text)]) == seen
