"""Comparing what a query gave with what is expected.

The names of the comparisons are those of ``SQLColumnCheckOperator`` of Apache Airflow's provider ``common.sql``. The tolerance is
a part of the expected value's amount, so that it widens the range of a negative one, too.
"""

import operator
from collections.abc import Callable, Mapping
from typing import Any

COMPARE: dict[str, tuple[str, Callable[[Any, Any], bool]]] = {
    "equal_to": ("=", operator.eq),
    "greater_than": (">", operator.gt),
    "geq_to": (">=", operator.ge),
    "less_than": ("<", operator.lt),
    "leq_to": ("<=", operator.le),
}
TOLERANCE = "tolerance"


def compare_problems(name: str, given: Mapping[str, Any]) -> list[str]:
    """What is wrong with the description of a comparison, such as ``{"geq_to": 0, "leq_to": 10}``."""
    known = {*COMPARE, TOLERANCE, "partition_clause"}
    found = [f"{name} has {each!r}; write one of {', '.join(sorted(known))}" for each in given if each not in known]
    if not COMPARE.keys() & given.keys():
        found.append(f"{name} compares with nothing; write one of {', '.join(COMPARE)}")
    if "equal_to" in given and len(COMPARE.keys() & given.keys()) > 1:
        found.append(f"{name} has equal_to beside other comparisons")
    return found


def unmet(value: Any, expected: Mapping[str, Any]) -> list[tuple[str, Any]]:  # noqa: ANN401 - any value of a database
    """The comparisons that a value does not meet, each with the bound that counts, the tolerance included."""
    tolerance = expected.get(TOLERANCE) or 0
    found = []
    for name, (_, compare) in COMPARE.items():
        if name not in expected:
            continue
        bound = expected[name]
        if name == "equal_to" and tolerance:
            met = within(value, bound, tolerance)
        else:
            bound = _widened(name, bound, tolerance) if tolerance else bound
            met = compare(value, bound)
        if not met:
            found.append((name, bound))
    return found


def within(value: Any, expected: Any, tolerance: float) -> bool:  # noqa: ANN401 - as above
    """Whether a number is near another, by a part of the latter."""
    room = abs(float(expected)) * tolerance
    return float(expected) - room <= float(value) <= float(expected) + room


def _widened(name: str, bound: Any, tolerance: float) -> float:  # noqa: ANN401 - as above
    room = abs(float(bound)) * tolerance
    return float(bound) - room if name in ("greater_than", "geq_to") else float(bound) + room
