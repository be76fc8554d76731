"""The room plan of providers: which module may import which, judged from source."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

from penstock_manifest.kinds import FLOORS

_DOORS = ("penstock.spec", "penstock.errors", "penstock.testing")


def problems_of(file: Path, tree: ast.Module, package: str) -> Iterator[str]:
    """What is wrong with the imports of one file, function-level ones included.

    Args:
        file: Path below the package.
        tree: Its parsed source.
        package: Name of the provider's package.
    """
    room = file.parts[0].removesuffix(".py")
    for line, name in _imports(tree, [package, *file.parts[:-1]]):
        top = name.partition(".")[0]
        where = f"{file}:{line}"
        if top == "penstock":
            if name != "penstock" and not any(name == door or name.startswith(f"{door}.") for door in _DOORS):
                yield f"{where} imports {name}; a provider sees penstock, {', '.join(_DOORS)}"
        elif top == package:
            other = name.split(".")[1] if "." in name else ""
            if room in FLOORS and other in FLOORS and other != room and FLOORS[other] >= FLOORS[room]:
                yield f"{where} imports {name}, which is not below {room}"
        elif top.startswith("penstock_"):
            yield f"{where} imports {name}; a provider does not depend on a sibling"
        elif top not in sys.stdlib_module_names and room not in ("hooks", "plugin"):
            yield f"{where} imports {name}; an SDK is imported in hooks alone"


def _imports(tree: ast.Module, package: list[str]) -> Iterator[tuple[int, str]]:
    """Line and full name of every module that is imported; relative names are completed from the file's package."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            name = ".".join([*base, *([node.module] if node.module else [])])
            if node.level and not node.module:
                yield from ((node.lineno, f"{name}.{alias.name}") for alias in node.names)
            else:
                yield node.lineno, name
