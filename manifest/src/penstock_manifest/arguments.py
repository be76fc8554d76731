"""The arguments of ``operator("aws.s3_copy", ...)`` judged against the manifest, with nothing imported."""

import ast
import difflib
import functools
from collections.abc import Iterator, Mapping
from typing import Any

from penstock_manifest.format import Capability


def argument_problems(capability: Capability, arguments: Mapping[str, Any]) -> list[str]:
    """Find what is wrong with the arguments, a sentence each: unknown names, missing ones, values of a wrong plain type.

    A type that is not plain (``Callable``, a class) accepts everything, and so does any argument whose value is a
    template or no JSON value: what it will be is known only when the task runs.

    Args:
        capability: The capability as its provider's manifest describes it.
        arguments: Arguments by name, without those that every task takes (``task_id``, ``retries``, ...).
    """
    parameters = {parameter.name: parameter for parameter in capability.parameters}
    problems = []
    for name in arguments:
        if name not in parameters:
            near = difflib.get_close_matches(name, parameters, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"it takes {', '.join(parameters) or 'none'}."
            problems.append(f"{capability.id} takes no argument {name!r}; {hint}")
    for name, parameter in parameters.items():
        if name not in arguments:
            if parameter.required:
                problems.append(f"{capability.id} needs the argument {name!r} ({parameter.type}): {parameter.doc}")
        elif not accepts(parameter.type, arguments[name]):
            found = f"{arguments[name]!r} ({type(arguments[name]).__name__})"
            problems.append(f"{capability.id}: {name} must be {parameter.type}, not {found}")
    return problems


def accepts(written: str, value: object) -> bool:
    """Tell whether a value fits a type as it is written in Python; what cannot be judged fits.

    >>> accepts("str | list[str]", ["a"]), accepts("int", "7"), accepts("Literal['a', 'b']", "c")
    (True, False, False)
    """
    if isinstance(value, str) and ("{{" in value or "{%" in value):
        return True
    if not isinstance(value, str | int | float | list | tuple | dict | None):
        return True
    if isinstance(value, dict) and set(value) == {"$xcom"}:  # another task's value, in a stored plan
        return True
    tree = _parsed(written)
    return tree is None or any(_fits(alternative, value) for alternative in _alternatives(tree))


@functools.lru_cache(maxsize=512)
def _parsed(written: str) -> ast.expr | None:
    """Return the type as a tree, None if it is no Python; every element that a task is mapped over asks for it again."""
    try:
        return ast.parse(written, mode="eval").body
    except SyntaxError:
        return None


def _alternatives(tree: ast.expr) -> Iterator[ast.expr]:
    if isinstance(tree, ast.BinOp) and isinstance(tree.op, ast.BitOr):
        yield from _alternatives(tree.left)
        yield from _alternatives(tree.right)
    else:
        yield tree


_PLAIN: dict[str, tuple[type, ...]] = {
    "str": (str,),
    "int": (int,),
    "float": (int, float),
    "bool": (bool,),
    "list": (list, tuple),
    "tuple": (list, tuple),
    "dict": (dict,),
}


def _fits(tree: ast.expr, value: object) -> bool:
    if isinstance(tree, ast.Constant) and tree.value is None:
        return value is None
    if isinstance(tree, ast.Name):
        return tree.id not in _PLAIN or _is_plain(tree.id, value)
    if isinstance(tree, ast.Subscript) and isinstance(tree.value, ast.Name):
        return _fits_subscript(tree.value.id, tree.slice, value)
    return True


def _is_plain(name: str, value: object) -> bool:
    if isinstance(value, bool) and name != "bool":
        return False
    return isinstance(value, _PLAIN[name])


def _fits_subscript(name: str, inner: ast.expr, value: object) -> bool:
    if name == "Literal":
        allowed = inner.elts if isinstance(inner, ast.Tuple) else [inner]
        return any(isinstance(each, ast.Constant) and each.value == value for each in allowed)
    if name not in _PLAIN:
        return True
    if not _is_plain(name, value):
        return False
    if name == "list" and isinstance(value, list | tuple):
        return all(any(_fits(each, item) for each in _alternatives(inner)) for item in value)
    if name == "dict" and isinstance(value, dict) and isinstance(inner, ast.Tuple) and len(inner.elts) == 2:
        return all(any(_fits(each, item) for each in _alternatives(inner.elts[1])) for item in value.values())
    return True
