"""Which values of template fields are templates; what renders them is a floor above."""

from collections.abc import Iterator
from typing import Any

_MARKS = ("{{", "{%", "{#")


def needs_rendering(value: Any, extensions: tuple[str, ...]) -> bool:  # noqa: ANN401 - any argument
    """Return whether a value holds a template or the path of one."""
    return any(is_template(text) or is_path(text, extensions) for text in texts(value))


def texts(value: Any) -> Iterator[str]:  # noqa: ANN401 - any argument
    """Find every text in a value, through lists, tuples and dicts."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for each in value.values():
            yield from texts(each)
    elif isinstance(value, list | tuple):
        for each in value:
            yield from texts(each)


def is_template(text: str) -> bool:
    """Return whether a text holds an expression, a statement or a comment of Jinja."""
    return any(mark in text for mark in _MARKS)


def is_path(text: str, extensions: tuple[str, ...]) -> bool:
    """Return whether a text is meant as the path of a template file."""
    return bool(extensions) and text.endswith(extensions) and not any(char.isspace() for char in text)
