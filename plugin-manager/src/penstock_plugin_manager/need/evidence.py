"""Evidence in one source file: imports, ids, URLs, and what cannot be told from reading; pure."""

from __future__ import annotations

import ast
import re
from typing import NamedTuple

_URL = re.compile(r"([a-z][a-z0-9+.\-]*)://")
_ID = re.compile(r"[a-z][a-z0-9_]*\.[a-z][A-Za-z0-9_]*\Z")
_WORD = re.compile(r"(?<![\w./@-])([a-z][a-z0-9_]*\.[a-z][a-z0-9_]*)(?![\w./@-])")


class Evidence(NamedTuple):
    """One thing that a file says.

    Attributes:
        kind: ``import``, ``id`` (a text of the form ``a.b``), ``operator`` (such a text in a call of ``operator``), ``url`` (a
            scheme), ``dynamic`` (something that cannot be told) or ``unreadable``.
        value: Dotted name, id, scheme, or a sentence.
        line: Line number, from 1.
        optional: Whether the file is prepared for its absence.
    """

    kind: str
    value: str
    line: int
    optional: bool = False


def read_python(text: str) -> list[Evidence]:
    """Return the evidence in Python source. Source with a syntax error gives one ``unreadable`` item."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        return [Evidence("unreadable", f"no valid Python: {error}", getattr(error, "lineno", None) or 1)]
    nodes = _nodes(tree)
    skipped = {id(node.value) for node in nodes if isinstance(node, ast.Expr)}
    spans = _optional_spans(nodes)
    names = _operator_names(nodes)
    found: list[Evidence] = []
    for node in nodes:
        if isinstance(node, ast.Constant):
            if isinstance(node.value, str) and id(node) not in skipped:
                found += _text(node.value, node.lineno)
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            found += _import(node, optional=any(start <= node.lineno <= end for start, end in spans))
        elif isinstance(node, ast.Call):
            found += _call(node, names)
    return first_places(found)


def first_places(found: list[Evidence]) -> list[Evidence]:
    """Return each thing once, at its first line, by line; a text that an ``operator`` call names is not told twice."""
    first: dict[tuple[str, str, bool], Evidence] = {}
    for each in sorted(found, key=lambda each: each.line):
        first.setdefault((each.kind, each.value, each.optional), each)
    return [each for each in first.values() if each.kind != "id" or ("operator", each.value, False) not in first]


_READ = (ast.Constant, ast.Import, ast.ImportFrom, ast.Call, ast.Expr, ast.Try)


def _nodes(tree: ast.Module) -> list[ast.AST]:
    """Return the nodes that are looked at, in one pass; ``ast.walk`` takes four times as long."""
    found: list[ast.AST] = []
    stack: list[ast.AST] = [tree]
    while stack:
        node = stack.pop()
        if isinstance(node, _READ):
            found.append(node)
        for value in node.__dict__.values():
            if isinstance(value, list):
                stack += [item for item in value if isinstance(item, ast.AST)]
            elif isinstance(value, ast.AST) and not isinstance(value, ast.expr_context):
                stack.append(value)
    return found


def read_text(text: str) -> list[Evidence]:
    """Return the evidence in a configuration file: ids and URL schemes by line."""
    found = []
    for number, line in enumerate(text.splitlines(), 1):
        if "." not in line and "://" not in line:
            continue
        found += [Evidence("id", name, number) for name in _WORD.findall(line)]
        found += [Evidence("url", scheme, number) for scheme in _URL.findall(line)]
    return first_places(found)


def _text(text: str, line: int) -> list[Evidence]:
    found = []
    if "://" in text:
        match = _URL.match(text)
        if match:
            found.append(Evidence("url", match[1], line))
    elif "." in text and len(text) < 100 and _ID.match(text):
        found.append(Evidence("id", text, line))
    return found


def _import(node: ast.Import | ast.ImportFrom, *, optional: bool) -> list[Evidence]:
    if isinstance(node, ast.Import):
        return [Evidence("import", alias.name, node.lineno, optional) for alias in node.names]
    if node.level or not node.module:
        return []
    return [Evidence("import", f"{node.module}:{alias.name}", node.lineno, optional) for alias in node.names]


def _call(node: ast.Call, operators: set[str]) -> list[Evidence]:
    name = _dotted(node.func)
    first = (
        node.args[0] if node.args else next((word.value for word in node.keywords if word.arg in {"id", "name"}), None)
    )
    if name in {"importlib.import_module", "import_module", "__import__"}:
        if isinstance(first, ast.Constant) and isinstance(first.value, str):
            return [Evidence("import", first.value, node.lineno)]
        return [Evidence("dynamic", f"{name}() imports what only the running file knows", node.lineno)]
    if name not in operators or first is None:
        return []
    if isinstance(first, ast.Constant) and isinstance(first.value, str):
        return [Evidence("operator", first.value, node.lineno)]
    return [Evidence("dynamic", f"{name}() names an operator that only the running file knows", node.lineno)]


def _dotted(node: ast.expr) -> str:
    parts = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if isinstance(node, ast.Name):
        return ".".join([node.id, *reversed(parts)])
    return ""


def _operator_names(nodes: list[ast.AST]) -> set[str]:
    """Return the names under which a file calls the core's ``operator``."""
    names = set()
    for node in nodes:
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "penstock":
            names |= {alias.asname or alias.name for alias in node.names if alias.name == "operator"}
        elif isinstance(node, ast.Import):
            ours = (alias for alias in node.names if alias.name.split(".")[0] == "penstock")
            names |= {f"{alias.asname or alias.name}.operator" for alias in ours}
    return names


def _optional_spans(nodes: list[ast.AST]) -> list[tuple[int, int]]:
    return [
        (node.body[0].lineno, node.body[-1].end_lineno or node.body[-1].lineno)
        for node in nodes
        if isinstance(node, ast.Try) and any(_catches_import(handler) for handler in node.handlers) and node.body
    ]


def _catches_import(handler: ast.ExceptHandler) -> bool:
    kind = handler.type
    kinds = kind.elts if isinstance(kind, ast.Tuple) else [kind] if kind else []
    names = {_dotted(each) for each in kinds}
    return kind is None or bool(names & {"ImportError", "ModuleNotFoundError", "Exception", "BaseException"})
