"""Public names that nothing but tests uses."""

import ast
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

from house.tree import parse

_WORD = re.compile(r"[A-Za-z_]\w*")


def only_tests_use(sources: Mapping[str, str], others: Iterable[str]) -> Iterator[str]:
    """Public classes, functions, methods and constants of the sources that no other line of the project's code names.

    Names are compared as words: a method counts as used if anything in the sources has an attribute of that name. What a
    library calls by name, or a provider implements, is said to be used by whoever lists it among the others.

    Args:
        sources: Text of each source file, by how it is called in what is said.
        others: Texts that use names as well: configuration, tools, examples, public interfaces.
    """
    used: Counter[str] = Counter()
    for text in sources.values():
        used.update(_mentions(parse(text)))
    for text in others:
        used.update(set(_WORD.findall(text)))
    for name, text in sources.items():
        for line, what, word in _defined(parse(text), ""):
            if not used[word]:
                yield f"{name}:{line} {what} is used by nothing but tests, if at all. Delete it with its tests."


def _mentions(tree: ast.Module) -> Iterator[str]:
    """Words that the code uses: names that are read, attributes, imports, keyword arguments, and words in strings."""
    docstrings = {
        node.body[0].value
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
            yield node.id
        elif isinstance(node, ast.Attribute):
            yield node.attr
        elif isinstance(node, ast.ImportFrom | ast.Import):
            yield from (each.name.rpartition(".")[2] for each in node.names)
        elif isinstance(node, ast.keyword) and node.arg:
            yield node.arg
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in docstrings:
            yield from _WORD.findall(node.value)


def _defined(node: ast.Module | ast.ClassDef, prefix: str) -> Iterator[tuple[int, str, str]]:
    for child in node.body:
        if isinstance(child, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            if child.name.startswith("_"):
                continue
            if not _is_registered(child):
                yield child.lineno, prefix + child.name, child.name
            if isinstance(child, ast.ClassDef):
                yield from _defined(child, f"{child.name}.")
        elif isinstance(child, ast.Assign) and not prefix:
            for target in child.targets:
                if isinstance(target, ast.Name) and not target.id.startswith("_"):
                    yield child.lineno, target.id, target.id


def _is_registered(node: ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Whether a decorator hands it to somebody who calls it: a command, an operation that is served, an override."""
    written = [ast.unparse(each) for each in node.decorator_list]
    return any(word in each for each in written for word in ("override", "command", "operation"))
