"""Which values of template fields are templates; what renders them is a floor above."""

import functools
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from penstock.errors import as_sentence

if TYPE_CHECKING:
    from jinja2 import Environment, TemplateSyntaxError

EXTENSIONS = ("jinja2.ext.do",)
_MARKS = ("{{", "{%", "{#")


def needs_rendering(value: Any, extensions: tuple[str, ...]) -> bool:  # noqa: ANN401 - any argument
    """Return whether a value holds a template or the path of one."""
    return any(is_template(text) or is_path(text, extensions) for text in texts(value))


def texts(value: Any) -> Iterator[str]:  # noqa: ANN401 - any argument
    """Find every text in a value, through lists, tuples, sets and dicts."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for each in value.values():
            yield from texts(each)
    elif isinstance(value, list | tuple | set | frozenset):
        for each in value:
            yield from texts(each)


def is_template(text: str) -> bool:
    """Return whether a text holds an expression, a statement or a comment of Jinja."""
    return any(mark in text for mark in _MARKS)


def is_path(text: str, extensions: tuple[str, ...]) -> bool:
    """Return whether a text is meant as the path of a template file."""
    return bool(extensions) and text.endswith(extensions) and not any(char.isspace() for char in text)


def template_fault(text: str) -> str:
    """Say what is wrong with the syntax of a template; "" if nothing is."""
    from jinja2 import TemplateSyntaxError  # noqa: PLC0415 - 300 ms, only if there is a template

    try:
        _environment().parse(text)
    except TemplateSyntaxError as error:
        return syntax_fault(error)
    return ""


def syntax_fault(error: "TemplateSyntaxError") -> str:
    """Write an error of a template's syntax with what to do about it."""
    return (
        f"line {error.lineno}: {as_sentence(error.message)} "
        "Text that is no template stands between {% raw %} and {% endraw %}."
    )


@functools.cache
def _environment() -> "Environment":
    """What parses templates; it renders none, so it needs no sandbox."""
    from jinja2 import Environment  # noqa: PLC0415 - as above

    return Environment(extensions=EXTENSIONS)  # noqa: S701 - as above
