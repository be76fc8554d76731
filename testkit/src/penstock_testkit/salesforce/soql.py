"""The part of SOQL that the fake reads: fields, one object, simple conditions, order, limit, COUNT().

Source: "SOQL SELECT Syntax" of the SOQL and SOSL Reference (developer.salesforce.com, version 62.0). Not covered, and so
refused as not faked: relationships in conditions, sub-queries, functions other than COUNT(), OR, NOT, IN, LIKE, GROUP BY, OFFSET.
"""

import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from penstock_testkit.saas import NotFakedError

_QUERY = re.compile(
    r"\s*SELECT\s+(?P<fields>.+?)\s+FROM\s+(?P<sobject>\w+)(?:\s+WHERE\s+(?P<where>.+?))?"
    r"(?:\s+ORDER\s+BY\s+(?P<order>\w+)(?P<desc>\s+DESC)?(?:\s+ASC)?)?(?:\s+LIMIT\s+(?P<limit>\d+))?\s*",
    re.IGNORECASE | re.DOTALL,
)
_CONDITION = re.compile(
    r"\s*\(?\s*(?P<field>\w+)\s*(?P<sign><=|>=|!=|=|<|>)\s*(?P<value>'(?:[^'\\]|\\.)*'|[\w.:+-]+)\s*\)?\s*"
)
_AND = re.compile(r"\s+AND\s+", re.IGNORECASE)
_SIGNS: Mapping[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq, "!=": operator.ne, "<": operator.lt, ">": operator.gt, "<=": operator.le, ">=": operator.ge,
}  # fmt: skip


class SoqlError(Exception):
    """A query that Salesforce refuses.

    Args:
        code: Its error code.
        message: Its words.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True)
class Soql:
    """A query that was read.

    Attributes:
        fields: What is selected, as written; none for COUNT().
        sobject: The object.
        conditions: Field, sign and value; all must hold.
        order: The field by which it is ordered; "" for none.
        descending: Whether the order is turned round.
        limit: The most rows; None for all.
    """

    fields: tuple[str, ...]
    sobject: str
    conditions: tuple[tuple[str, str, Any], ...] = ()
    order: str = ""
    descending: bool = False
    limit: int | None = None

    def select(self, records: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """The records that are meant, in order, whole."""
        found = [each for each in records if all(_holds(each, *condition) for condition in self.conditions)]
        if self.order:
            found.sort(key=lambda each: str(each.get(self.order) or ""), reverse=self.descending)
        return found[: self.limit]


def read_soql(text: str) -> Soql:
    """Read a query.

    Raises:
        SoqlError: It is no query.
        NotFakedError: It may be one, of a kind that the fake does not know.
    """
    match = _QUERY.fullmatch(text)
    if match is None:
        raise SoqlError(
            "MALFORMED_QUERY", f"unexpected token: {text.split(maxsplit=1)[0] if text.split() else '<EOF>'!r}"
        )
    names = tuple(each.strip() for each in match["fields"].split(","))
    if names in (("COUNT()",), ("count()",)):
        names = ()
    elif not all(re.fullmatch(r"\w+(\.\w+)*", each) for each in names):
        raise NotFakedError(f"SOQL fields {match['fields']!r}")
    conditions = tuple(_condition(each) for each in _AND.split(match["where"] or "") if each)
    limit = int(match["limit"]) if match["limit"] else None
    return Soql(names, match["sobject"], conditions, match["order"] or "", bool(match["desc"]), limit)


def _condition(text: str) -> tuple[str, str, Any]:
    match = _CONDITION.fullmatch(text)
    if match is None:
        raise NotFakedError(f"SOQL condition {text!r}")
    return match["field"], match["sign"], _literal(match["value"])


def _literal(text: str) -> Any:  # noqa: ANN401 - any literal
    words = {"true": True, "false": False, "null": None}
    if text.lower() in words:
        return words[text.lower()]
    if text.startswith("'"):
        return re.sub(r"\\(.)", r"\1", text[1:-1])
    try:
        return float(text)
    except ValueError:
        return datetime.fromisoformat(text)


def _holds(record: Mapping[str, Any], name: str, sign: str, value: Any) -> bool:  # noqa: ANN401 - any literal
    found = record.get(name)
    if found is None and sign not in ("=", "!="):
        return False
    if isinstance(value, datetime) and isinstance(found, str):
        found = datetime.fromisoformat(found)
    return _SIGNS[sign](found, value)
