"""What a run's ``conf`` may be: a JSON object of bounded size and depth, for it is stored and handed to each try."""

from collections.abc import Mapping
from typing import Any

import msgspec

from penstock.errors import RequestError

LARGEST_CONF = 1 << 20
"""Bytes of its JSON."""

DEEPEST_CONF = 100
"""Levels of lists and objects within each other: far fewer than any reader of JSON takes."""


def check_conf(conf: Mapping[str, Any]) -> None:
    """Refuse a ``conf`` that cannot be kept.

    Raises:
        RequestError: It is too large or too deep, or a value has no JSON form that every reader reads alike.
    """
    level: list[Any] = [conf]
    depth = 0
    while level:
        depth += 1
        if depth > DEEPEST_CONF:
            raise RequestError(f"conf has more than {DEEPEST_CONF} levels of lists and objects within each other.")
        level = [below for each in level for below in _children(each) if isinstance(below, dict | list | tuple)]
    try:
        size = len(msgspec.json.encode(dict(conf)))
    except (TypeError, ValueError, OverflowError) as error:
        raise RequestError(f"conf cannot be kept as JSON: {error}.") from None
    if size > LARGEST_CONF:
        raise RequestError(
            f"conf has {size:,} bytes of JSON; at most {LARGEST_CONF:,} are kept. Pass on where the data is."
        )


def _children(value: Any) -> Any:  # noqa: ANN401 - any JSON value
    return value.values() if isinstance(value, Mapping) else value
