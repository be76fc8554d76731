"""Full stops after what an error says, which may end with one of its own."""

import ast
import itertools
from collections.abc import Iterator

from house.tree import parse

_TELL = {"str", "error_sentence", "error_reason", "error_text"}


def doubled_stops(path: str, text: str) -> Iterator[str]:
    """Places where a message puts a full stop behind an error's words instead of asking ``as_sentence`` for it."""
    for node in ast.walk(parse(text)):
        values = node.values if isinstance(node, ast.JoinedStr) else []
        for told, after in itertools.pairwise(values):
            stops = isinstance(after, ast.Constant) and str(after.value).startswith(".")
            if stops and isinstance(told, ast.FormattedValue) and told.conversion == -1 and _tells_error(told.value):
                yield f"{path}:{told.lineno} writes a full stop behind {ast.unparse(told.value)}; use as_sentence()"


def _tells_error(value: ast.expr) -> bool:
    if isinstance(value, ast.Subscript):
        return _tells_error(value.value)
    if isinstance(value, ast.Call):
        return isinstance(value.func, ast.Name) and value.func.id in _TELL
    return isinstance(value, ast.Name) and value.id == "error"
