"""The source of a function that is to run elsewhere, and what stands in the way of that."""

import builtins
from collections.abc import Callable, Iterator
from types import CodeType
from typing import Any, NamedTuple

from penstock.author.construct.signature import unwrapped
from penstock.errors import FailTask

_HERE = "It runs in another Python, which sees nothing of the file"


class FunctionSource(NamedTuple):
    """A function as text.

    Attributes:
        name: Its name.
        text: Its lines without decorators, indented as they stand.
        file: The file that they come from.
        line: Number of the first of them.
    """

    name: str
    text: str
    file: str
    line: int


def function_problems(function: Callable[..., Any]) -> Iterator[str]:
    """Say why a function cannot run elsewhere: it must be a `def`, and all that it uses comes with it."""
    inner = unwrapped(function)
    code = getattr(inner, "__code__", None)
    if code is None or code.co_name == "<lambda>":
        yield f"the function is {inner!r:.100}. It runs in another Python from its source: write a `def`."
        return
    if code.co_freevars:
        yield f"{code.co_name}() uses {_names(code.co_freevars)} of the function around it. {_HERE}: pass it as an argument."
    found = [name for name in dict.fromkeys(_globals(code)) if name != code.co_name and not hasattr(builtins, name)]
    if found:
        yield f"{code.co_name}() uses {_names(found)} from outside. {_HERE}: import or define it in the function, or pass it."


def _names(names: "tuple[str, ...] | list[str]") -> str:
    return ", ".join(map(repr, names))


def _globals(code: CodeType) -> Iterator[str]:
    """Find the names of its module that a function takes, and those of the functions in it."""
    from dis import get_instructions  # noqa: PLC0415 - only a function that runs elsewhere needs it

    steps = [(step.opname, step.argval) for step in get_instructions(code)]
    made = {name for operation, name in steps if operation == "STORE_GLOBAL"}
    yield from (name for operation, name in steps if operation == "LOAD_GLOBAL" and name not in made)
    for inner in code.co_consts:
        if isinstance(inner, CodeType):
            yield from (name for name in _globals(inner) if name not in made)


def source_of(function: Callable[..., Any]) -> FunctionSource:
    """Read the source of a function.

    Raises:
        FailTask: It cannot be had.
    """
    import ast  # noqa: PLC0415 - only a function that runs elsewhere needs these
    import inspect  # noqa: PLC0415 - as above

    inner = unwrapped(function)
    try:
        lines, first = inspect.getsourcelines(inner)
        text = "".join(lines)
        is_inner = text[:1].isspace()
        (node,) = ast.parse("if True:\n" + text if is_inner else text).body
        node = node.body[0] if isinstance(node, ast.If) else node
    except (OSError, SyntaxError, ValueError) as error:
        raise FailTask(f"the source of {inner.__name__}() cannot be read: {error}") from None
    if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        raise FailTask(f"{inner.__name__}() is no `def` of its own. It runs in another Python from its source.")
    skipped = node.lineno - 1 - is_inner  # the decorators
    return FunctionSource(node.name, "".join(lines[skipped:]), inner.__code__.co_filename, first + skipped)
