"""Ranges of the spec's version, such as ``>=1,<2``: a small part of PEP 440, read without a dependency."""

import operator
import re
from collections.abc import Callable

_CLAUSE = re.compile(r"\s*(>=|<=|==|!=|<|>)\s*(\d+(?:\.\d+)*)\s*\Z")
_COMPARE: dict[str, Callable[[tuple[int, ...], tuple[int, ...]], bool]] = {
    ">=": operator.ge,
    "<=": operator.le,
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    ">": operator.gt,
}


def serves(version_range: str, version: int) -> bool | None:
    """Whether the range contains the version; None if the text is no range.

    >>> serves(">=1,<2", 1), serves(">=2", 1), serves("one", 1)
    (True, False, None)
    """
    clauses = [_CLAUSE.match(part) for part in version_range.split(",")]
    if not all(clauses):
        return None
    return all(_COMPARE[clause[1]]((version,), _release(clause[2])) for clause in clauses if clause)


def _release(text: str) -> tuple[int, ...]:
    """The numbers without trailing zeros, so that ``1.0`` equals ``1``."""
    numbers = [int(part) for part in text.split(".")]
    while len(numbers) > 1 and numbers[-1] == 0:
        numbers.pop()
    return tuple(numbers)
