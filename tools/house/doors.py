"""Nobody inside a package imports names from its front door, which exists for those outside."""

import ast
from collections.abc import Iterator

from house.tree import parse

ALLOWED = frozenset({"__version__"})


def through_the_front_door(name: str, text: str, package: str) -> Iterator[str]:
    """Imports of a package's own front door in one of its files.

    Args:
        name: How the file is called in what is said.
        text: Its content.
        package: The package that the file belongs to.
    """
    for node in ast.walk(parse(text)):
        if isinstance(node, ast.Import) and any(alias.name == package for alias in node.names):
            yield f"{name}:{node.lineno} imports {package} as a whole. Import the module that has what you need."
        elif isinstance(node, ast.ImportFrom) and node.module == package and not node.level:
            for alias in node.names:
                if alias.name not in ALLOWED:
                    yield f"{name}:{node.lineno} imports {alias.name} from {package}. Import it from where it lives."
