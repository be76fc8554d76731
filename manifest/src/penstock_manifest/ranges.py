"""Ranges of spec versions, such as ``>=1,<2``.

A spec version is a whole number, so that a range needs little of PEP 440: comparisons with release numbers. What else PEP
440 knows is refused, as it would say the same in a second way (``~=1.0``, ``==1.*``) or nothing (``1.0rc1``).
"""

import operator
import re
from collections.abc import Callable

_CLAUSE = re.compile(r"\s*(>=|<=|==|!=|<|>)\s*(\d{1,9}(?:\.\d{1,9})*)\s*\Z", re.ASCII)
_COMPATIBLE = re.compile(r"\s*~=\s*(\d{1,9})\.\d{1,9}\s*\Z", re.ASCII)
_COMPARE: dict[str, Callable[[tuple[int, ...], tuple[int, ...]], bool]] = {
    ">=": operator.ge,
    "<=": operator.le,
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    ">": operator.gt,
}


def range_problem(text: str) -> str:
    """Say why a text is no version range, as a sentence with what to write; "" if it is one.

    >>> range_problem(">=1,<2"), range_problem("~=1.0")
    ('', "'~=1.0' is no version range here; write '>=1,<2'")
    """
    wrong = next((part for part in text.split(",") if not _CLAUSE.match(part)), None)
    if wrong is None:
        return ""
    compatible = _COMPATIBLE.match(wrong)
    if compatible:
        first = int(compatible[1])
        return f"{text!r} is no version range here; write '>={first},<{first + 1}'"
    return (
        f"{text!r} is no version range; its part {wrong.strip()!r} must be one of >=, <=, <, >, ==, != and a number, "
        "such as '>=1,<2'"
    )


def serves(version_range: str, served: range) -> bool:
    """Tell whether a range contains a version that a core serves.

    >>> serves(">=1,<2", range(1, 4)), serves(">=2", range(1, 2))
    (True, False)

    Raises:
        ValueError: The text is no range.
    """
    clauses = [_CLAUSE.match(part) for part in version_range.split(",")]
    if not all(clauses):
        raise ValueError(range_problem(version_range))
    return any(
        all(_COMPARE[clause[1]]((version,), _release(clause[2])) for clause in clauses if clause) for version in served
    )


def _release(text: str) -> tuple[int, ...]:
    """Return the numbers without trailing zeros, so that ``1.0`` equals ``1``."""
    numbers = [int(part) for part in text.split(".")]
    while len(numbers) > 1 and numbers[-1] == 0:
        numbers.pop()
    return tuple(numbers)
