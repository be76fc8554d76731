"""Names of code that pages mention: each file, module, class and function that a page names is there."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from house.tree import package_folders, parse, sources_of

_FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
_QUOTED = re.compile(r"`([^`\n]+)`")
_FILE = re.compile(r"(?P<path>[\w./-]*\w\.py)(?::(?P<name>[A-Za-z_][\w.]*))?")
_DOTTED = re.compile(r"penstock(?:_[a-z_]+)?(?:\.\w+)+")
_MEMBER = re.compile(r"[A-Z][A-Za-z]+\.[a-z_]\w*")
NO_MODULES = {"penstock.toml", "penstock.providers", "penstock.db"}
"""A file of the user's project, a group of entry points, a database: they look like names of modules."""


class Mentions:
    """What the pages of a workspace may name.

    Args:
        root: The workspace.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._packages = [
            each for folder in package_folders(root) for each in (root / folder / "src").glob("*") if each.is_dir()
        ]

    def missing(self, page: str, *, files: bool) -> Iterator[str]:
        """Yield what a page names in quotes and what is not there.

        Args:
            page: The page's text; its fenced blocks are left out.
            files: Whether files and members of classes are looked for; pages for users name files of theirs.
        """
        for text in _QUOTED.findall(_FENCE.sub("", page)):
            if _DOTTED.fullmatch(text) and text not in NO_MODULES:
                found = self._has_name(text.split("."))
            elif files and (match := _FILE.fullmatch(text)):
                found = self._has_file(match["path"], match["name"])
            elif files and _MEMBER.fullmatch(text):
                cls, _, member = text.partition(".")
                found = any(member in members for members in self._classes().get(cls, ()))
            else:
                continue
            if not found:
                yield text

    def _has_file(self, path: str, name: str | None) -> bool:
        """Tell whether a file is there, by its path from the workspace, a source folder or a package, and the name in it."""
        places = [folder / path for each in self._packages for folder in (self._root, each, each.parent)]
        return any(place.is_file() and (name is None or _defines(place, name.split("."))) for place in places)

    def _has_name(self, parts: list[str]) -> bool:
        for package in self._packages:
            if package.name != parts[0]:
                continue
            place = package
            for number, part in enumerate(parts[1:], start=1):
                module = place / f"{part}.py"
                if (place / part).is_dir():
                    place /= part
                else:
                    rest = parts[number + 1 :] if module.is_file() else parts[number:]
                    return _defines(module if module.is_file() else place / "__init__.py", rest)
            return True
        return False

    @cache  # noqa: B019 - one value a test run
    def _classes(self) -> dict[str, list[set[str]]]:
        found: dict[str, list[set[str]]] = {}
        for path in sources_of(self._root):
            for node in ast.walk(parse((self._root / path).read_text())):
                if isinstance(node, ast.ClassDef):
                    found.setdefault(node.name, []).append(set(_names(node.body)) | set(_own(node)))
        return found


def _defines(file: Path, parts: list[str]) -> bool:
    if not parts:
        return True
    tree = parse(file.read_text())
    if parts[0] not in _names(tree.body):
        return False
    node = next((each for each in tree.body if isinstance(each, ast.ClassDef) and each.name == parts[0]), None)
    return len(parts) == 1 or (node is not None and parts[1] in {*_names(node.body), *_own(node)})


def _names(body: list[ast.stmt]) -> Iterator[str]:
    """Names that a module or class binds; texts in its tables count, by which a lazy module finds its names."""
    for node in body:
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                yield node.name
            case ast.ImportFrom() | ast.Import():
                yield from (alias.asname or alias.name for alias in node.names)
            case ast.Assign() | ast.AnnAssign():
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                for each in (*targets, *([node.value] if node.value else [])):
                    for inner in ast.walk(each):
                        if isinstance(inner, ast.Name) and inner.id:
                            yield inner.id
                        elif isinstance(inner, ast.Constant) and isinstance(inner.value, str):
                            yield from inner.value.split()


def _own(node: ast.ClassDef) -> Iterator[str]:
    """Attributes that methods of a class set."""
    for inner in ast.walk(node):
        if isinstance(inner, ast.Attribute) and isinstance(inner.ctx, ast.Store):
            yield inner.attr
