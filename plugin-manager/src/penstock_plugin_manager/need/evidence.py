"""Evidence in one source file: imports, ids, URLs, and what reading cannot decide; pure."""

from __future__ import annotations

import ast
import re
import sys
from functools import cache
from typing import Any, NamedTuple

_URL = re.compile(r"([a-z][a-z0-9+.\-]*)://")
_ID = re.compile(r"[a-z][a-z0-9_]*\.[a-z][A-Za-z0-9_]*\Z")
_WORD = re.compile(r"(?<![\w./@-])([a-z][a-z0-9_]*\.[a-z][a-z0-9_]*)(?![\w./@-])")
# What imports a module by its name, by the full name under which it can be reached.
_IMPORTERS = frozenset({
    "importlib.import_module", "importlib.__import__", "builtins.__import__", "pkgutil.resolve_name", "runpy.run_module",
})  # fmt: skip
_RUNNERS = frozenset({"exec", "eval", "builtins.exec", "builtins.eval"})
_NAMES = frozenset(name.rpartition(".")[2] for name in _IMPORTERS)


class Evidence(NamedTuple):
    """One thing that a file says.

    Attributes:
        kind: ``import``, ``id`` (a text of the form ``a.b``), ``operator`` (such a text in a call of ``operator``), ``url`` (a
            scheme), ``dynamic`` (something that reading cannot decide) or ``unreadable``.
        value: Dotted name, id, scheme, or a sentence.
        line: Line number, from 1.
        optional: Whether the file is prepared for its absence.
    """

    kind: str
    value: str
    line: int
    optional: bool = False


def read_python(source: str) -> list[Evidence]:
    """Return the evidence in Python source. Source with a syntax error gives one ``unreadable`` item."""
    try:
        tree = ast.parse(source)
    except (RecursionError, MemoryError):
        return [Evidence("unreadable", "it is nested too deep to be read", 1)]
    except (SyntaxError, ValueError) as error:
        return [Evidence("unreadable", f"no valid Python: {error}", getattr(error, "lineno", None) or 1)]
    seen = _look(tree)
    spans = [span for node in seen.tries for span in _optional_span(node)]
    names = _operator_names(seen.imports)
    importers = _importer_names(seen.imports)
    found: list[Evidence] = []
    for text, line in seen.texts.items():
        found += _text(text, line)
    for node in seen.imports:
        found += _import(node, optional=any(start <= node.lineno <= end for start, end in spans))
    for call in seen.calls:
        found += _call(call, names, importers)
    if any(name in source for name in _NAMES):
        found += _passed_on(tree, importers)
    return first_locations(found)


def first_locations(found: list[Evidence]) -> list[Evidence]:
    """Return each thing once, at its first line, by line; a text that an ``operator`` call names is not listed twice."""
    first: dict[tuple[str, str, bool], Evidence] = {}
    for each in sorted(found, key=_by_line):
        first.setdefault((each.kind, each.value, each.optional), each)
    return [each for each in first.values() if each.kind != "id" or ("operator", each.value, False) not in first]


def _by_line(each: Evidence) -> tuple[int, str, str]:
    return each.line, each.kind, each.value


class _Seen(NamedTuple):
    texts: dict[str, int]  # with the first line of each
    imports: list[ast.Import | ast.ImportFrom]
    calls: list[ast.Call]
    tries: list[ast.Try]


# Fields that hold no expression and no statement, in whatever node they are; a field not named here is followed.
_LEAVES = frozenset({
    "arg", "attr", "conversion", "ctx", "id", "is_async", "kind", "level", "module", "name", "names", "op", "ops", "rest",
    "simple", "str", "tag", "type_comment",
})  # fmt: skip


@cache
def _branches() -> dict[type, tuple[str, ...]]:
    """Return, for each kind of node, the fields in which others may lie."""
    kinds = [kind for kind in vars(ast).values() if isinstance(kind, type) and issubclass(kind, ast.AST)]
    return {kind: tuple(name for name in kind._fields if name not in _LEAVES) for kind in kinds}


def _look(tree: ast.Module) -> _Seen:
    """Return the nodes that count, in one pass over those that may hold them; ``ast.walk`` takes ten times as long."""
    seen = _Seen({}, [], [], [])
    branches, texts = _branches(), seen.texts
    lists: dict[type, list[Any]] = {
        ast.Import: seen.imports,
        ast.ImportFrom: seen.imports,
        ast.Call: seen.calls,
        ast.Try: seen.tries,
    }
    nodes: list[Any] = [tree]
    for node in nodes:  # it grows while it is walked
        kind = type(node)
        if kind is ast.Constant:
            text = node.value
            if type(text) is str and ("." in text or "://" in text) and node.lineno < texts.get(text, sys.maxsize):
                texts[text] = node.lineno
            continue
        if kind in lists:
            lists[kind].append(node)
        elif kind is ast.Expr and type(node.value) is ast.Constant:
            continue  # a docstring, or a text that nobody uses
        for name in branches.get(kind, ()):
            value = getattr(node, name)
            if type(value) is list:
                nodes += value
            elif value is not None:
                nodes.append(value)
    return seen


def read_text(text: str) -> list[Evidence]:
    """Return the evidence in a configuration file: ids and URL schemes by line."""
    found = []
    for number, line in enumerate(text.splitlines(), 1):
        if "." not in line and "://" not in line:
            continue
        found += [Evidence("id", name, number) for name in _WORD.findall(line)]
        found += [Evidence("url", scheme, number) for scheme in _URL.findall(line)]
    return first_locations(found)


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


def _importer_names(imports: list[ast.Import | ast.ImportFrom]) -> set[str]:
    """Return the names under which a file calls what imports modules by their names, whatever it calls that itself."""
    names = {"__import__", "import_module", *_IMPORTERS}
    for node in imports:
        for alias in node.names:
            if isinstance(node, ast.Import):
                base, own = alias.name, alias.asname or alias.name
                names |= {
                    f"{own}.{full.removeprefix(f'{base}.')}" for full in _IMPORTERS if full.startswith(f"{base}.")
                }
            elif f"{node.module}.{alias.name}" in _IMPORTERS:
                names.add(alias.asname or alias.name)
    return names


def _passed_on(tree: ast.Module, importers: set[str]) -> list[Evidence]:
    """Return where an importer is named without being called: what it will import cannot be told from there."""
    called = {id(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    found = []
    for node in ast.walk(tree):
        if isinstance(node, (ast.Name, ast.Attribute)) and id(node) not in called and _dotted(node) in importers:
            found.append(
                Evidence(
                    "dynamic", f"{_dotted(node)} is passed on; what it imports only the running file knows", node.lineno
                )
            )
        elif isinstance(node, ast.Constant) and node.value in _NAMES:
            found.append(
                Evidence("dynamic", f"{node.value!r} is looked up by name; reading cannot follow", node.lineno)
            )
    return found


def _run(node: ast.Call, name: str) -> list[Evidence]:
    """Return the evidence in source that a file runs: that of a text, and else that reading cannot decide."""
    first = node.args[0] if node.args else None
    if isinstance(first, ast.Constant) and isinstance(first.value, str):
        return [each._replace(line=node.lineno) for each in read_python(first.value) if each.kind != "unreadable"]
    return [Evidence("dynamic", f"{name}() runs what only the running file knows", node.lineno)] if first else []


def _relative(node: ast.Call, name: str) -> str:
    """Return the full name of a module that is imported from a package by a relative name; "" for the file's own package."""
    package = (
        node.args[1]
        if len(node.args) > 1
        else next((word.value for word in node.keywords if word.arg == "package"), None)
    )
    if isinstance(package, ast.Constant) and isinstance(package.value, str):
        return f"{package.value}.{name.lstrip('.')}"
    return ""


def _call(node: ast.Call, operators: set[str], importers: set[str]) -> list[Evidence]:
    name = _dotted(node.func)
    importing = name in importers
    if name in _RUNNERS:
        return _run(node, name)
    if not importing and name not in operators:
        return []
    first = (
        node.args[0]
        if node.args
        else next((word.value for word in node.keywords if word.arg in {"id", "mod_name", "name"}), None)
    )
    if isinstance(first, ast.Constant) and isinstance(first.value, str):
        text = first.value if not (importing and first.value.startswith(".")) else _relative(node, first.value)
        return [Evidence("import" if importing else "operator", text, node.lineno)] if text else []
    if importing:
        return [Evidence("dynamic", f"{name}() imports what only the running file knows", node.lineno)]
    if first is None:
        return []
    return [Evidence("dynamic", f"{name}() names an operator that only the running file knows", node.lineno)]


def _dotted(node: ast.expr) -> str:
    parts = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if isinstance(node, ast.Name):
        return ".".join([node.id, *reversed(parts)])
    return ""


def _operator_names(imports: list[ast.Import | ast.ImportFrom]) -> set[str]:
    """Return the names under which a file calls the core's ``operator``, or its ``partial``."""
    names = set()
    for node in imports:
        if isinstance(node, ast.Import):
            ours = (alias for alias in node.names if alias.name.split(".")[0] == "penstock")
            names |= {f"{alias.asname or alias.name}.operator" for alias in ours}
        elif (node.module or "").split(".")[0] == "penstock":
            names |= {alias.asname or alias.name for alias in node.names if alias.name == "operator"}
    return names | {f"{name}.partial" for name in names}


def _optional_span(node: ast.Try) -> list[tuple[int, int]]:
    """Return the lines of a ``try`` whose imports may fail, or nothing."""
    if not node.body or not any(_catches_import(handler) for handler in node.handlers):
        return []
    return [(node.body[0].lineno, node.body[-1].end_lineno or node.body[-1].lineno)]


def _catches_import(handler: ast.ExceptHandler) -> bool:
    kind = handler.type
    kinds = kind.elts if isinstance(kind, ast.Tuple) else [kind] if kind else []
    names = {_dotted(each) for each in kinds}
    return kind is None or bool(names & {"ImportError", "ModuleNotFoundError", "Exception", "BaseException"})
