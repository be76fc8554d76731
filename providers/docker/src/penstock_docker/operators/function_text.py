"""A function as text, for a Python that sees nothing of its file; and what stands in the way of that."""

import ast
import builtins
import inspect
import textwrap
from collections.abc import Callable, Iterator
from dis import get_instructions
from types import CodeType
from typing import Any

from penstock.errors import FailTask

_ELSEWHERE = "It runs in a container, which sees nothing of the file"


def text_problems(function: Callable[..., Any]) -> Iterator[str]:
    """Say why a function cannot run in a container: it must be a ``def``, and all that it uses comes with it."""
    code = getattr(inspect.unwrap(function), "__code__", None)
    if code is None or code.co_name == "<lambda>":
        yield f"the function is {function!r:.100}. It runs in a container from its source: write a `def`."
        return
    if code.co_freevars:
        names = ", ".join(map(repr, code.co_freevars))
        yield f"{code.co_name}() uses {names} of the function around it. {_ELSEWHERE}: pass it as an argument."
    outside = [name for name in dict.fromkeys(_globals(code)) if name != code.co_name and not hasattr(builtins, name)]
    if outside:
        names = ", ".join(map(repr, outside))
        yield f"{code.co_name}() uses {names} from outside. {_ELSEWHERE}: import or define it in the function, or pass it."


def function_text(function: Callable[..., Any]) -> str:
    """The ``def`` of a function, without its decorators, at its line of the file: errors name that.

    Raises:
        FailTask: The source cannot be had.
    """
    inner = inspect.unwrap(function)
    try:
        lines, first = inspect.getsourcelines(inner)
        text = textwrap.dedent("".join(lines))
        (node,) = ast.parse(text).body
    except (OSError, SyntaxError, ValueError) as error:
        raise FailTask(f"the source of {inner.__name__}() cannot be read: {error}") from None
    if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        raise FailTask(f"{inner.__name__}() is no `def` of its own. It runs in a container from its source.")
    decorators = node.lineno - 1
    return "\n" * (first - 1 + decorators) + "\n".join(text.split("\n")[decorators:])


def _globals(code: CodeType) -> Iterator[str]:
    """Names of its module that a function takes, and those of the functions in it."""
    steps = [(step.opname, step.argval) for step in get_instructions(code)]
    made = {name for operation, name in steps if operation == "STORE_GLOBAL"}
    yield from (name for operation, name in steps if operation == "LOAD_GLOBAL" and name not in made)
    for inner in code.co_consts:
        if isinstance(inner, CodeType):
            yield from (name for name in _globals(inner) if name not in made)
