"""Parameters of a statement written into it, where no driver does it.

The placeholders are psycopg's, as its documentation describes them under "Passing parameters to SQL queries": ``%s`` in order,
``%(name)s`` by name, ``%%`` for a percent sign.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

from penstock.errors import ErrorKind, ProviderError
from penstock_redshift.hooks.literals import literal_of

_PLACEHOLDER = re.compile(r"%(?:\((?P<name>[^)]+)\)(?P<named>.)|(?P<plain>.)|$)", re.DOTALL)
_FORMATS = ("s", "t", "b")


def with_literals(statement: str, parameters: Sequence[Any] | Mapping[str, Any] | None) -> str:
    """The statement with its parameters as literals; without parameters, as it is.

    >>> with_literals("SELECT * FROM t WHERE name LIKE 'a%%' AND id = %(id)s", {"id": 7})
    "SELECT * FROM t WHERE name LIKE 'a%' AND id = 7"

    Raises:
        penstock.errors.ProviderError: Of kind ``invalid``: placeholders and parameters do not go together, or Redshift has no type for one.
    """
    if parameters is None:
        return statement
    if isinstance(parameters, str | bytes) or not isinstance(parameters, Sequence | Mapping):
        _refuse(f"query parameters should be a sequence or a mapping, got {type(parameters).__name__}")
    order: list[str] = []

    def written(found: re.Match[str]) -> str:
        if found["plain"] == "%":
            return "%"
        if (found["named"] or found["plain"]) not in _FORMATS:
            _refuse(f"only '%s', '%b', '%t' are allowed as placeholders, got '{found[0]}'; write %% for a percent sign")
        order.append(found["name"] or "")
        return literal_of(_value(parameters, found["name"], len([each for each in order if not each]) - 1))

    text = _PLACEHOLDER.sub(written, statement)
    if isinstance(parameters, Sequence) and len(order) != len(parameters):
        _refuse(f"the query has {len(order)} placeholders but {len(parameters)} parameters were passed")
    return text


def _value(parameters: Sequence[Any] | Mapping[str, Any], name: str | None, place: int) -> Any:  # noqa: ANN401 - any value
    if isinstance(parameters, Mapping) != bool(name):
        _refuse("a mapping goes with placeholders %(name)s, and a sequence with %s")
    try:
        return parameters[name] if isinstance(parameters, Mapping) else parameters[place]  # type: ignore[index]  # a name, by the line above
    except (KeyError, IndexError):
        _refuse(f"there is no parameter for the placeholder {name or place + 1!r}")


def _refuse(detail: str) -> NoReturn:
    raise ProviderError(detail, service="redshift", operation="Parameters", kind=ErrorKind.INVALID)
