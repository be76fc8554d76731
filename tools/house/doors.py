"""Doors that exist for some alone: a package's own is for those outside, and msgspec's of types for one module."""

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


TYPED = frozenset({"msgspec.json.decode", "msgspec.msgpack.decode", "msgspec.toml.decode", "msgspec.yaml.decode"})
DESCRIBING = frozenset({"msgspec.convert", "msgspec.json.Decoder", "msgspec.msgpack.Decoder"})


def decoded_without_a_lock(name: str, text: str) -> Iterator[str]:
    """Places where msgspec would describe a type to itself while another thread may use it.

    Args:
        name: How the file is called in what is said.
        text: Its content.
    """
    for node in ast.walk(parse(text)):
        if isinstance(node, ast.ImportFrom) and node.module in {"msgspec", "msgspec.json", "msgspec.msgpack"}:
            yield f"{name}:{node.lineno} imports from {node.module}. Write import msgspec."
        if not isinstance(node, ast.Call):
            continue
        called = ast.unparse(node.func)
        typed = len(node.args) > 1 or any(each.arg == "type" for each in node.keywords)
        if called in DESCRIBING or (called in TYPED and typed):
            yield f"{name}:{node.lineno} calls {called}. Call the function of penstock.decoders, whose types threads may share."
