"""What is asked for: the query, its columns, and the stretch of time in which it asks."""

import hashlib
import re
from collections.abc import Sequence
from typing import NamedTuple

from penstock_salesforce.errors import invalid
from penstock_salesforce.hooks.base import Field
from penstock_salesforce.hooks.columns import Column, column_of
from penstock_salesforce.transfers.window import Window

DELETED = "IsDeleted"
_SELECT = re.compile(r"\s*SELECT\s+(.+?)\s+FROM\s", re.IGNORECASE | re.DOTALL)
_PLAIN = re.compile(r"[\w.]+")


class Plan(NamedTuple):
    """A query and what comes of it.

    Attributes:
        soql: The query, without conditions unless it was given as text.
        names: Names of its columns.
        columns: The columns as described; none of a query that was given as text.
        conditions: Conditions that all must hold.
        window: The stretch of time in which it asks.
        every: Whether records that are deleted or archived count.
    """

    soql: str
    names: tuple[str, ...]
    columns: tuple[Column, ...] = ()
    conditions: tuple[str, ...] = ()
    window: Window = Window()
    every: bool = False

    def within(self, window: Window) -> str:
        """The query for a part of its window."""
        where = " AND ".join(f"({each})" for each in (*self.conditions, *window.conditions))
        return self.soql + (f" WHERE {where}" if where else "")

    @property
    def digest(self) -> str:
        """What tells this query from another."""
        return hashlib.sha256(f"{self.every} {self.within(self.window)}".encode()).hexdigest()

    @property
    def types(self) -> dict[str, str]:
        """Salesforce's type of each column."""
        return {each.name: each.salesforce for each in self.columns}


def plan_of_text(soql: str) -> Plan:
    """The plan of a query that was given as text.

    Raises:
        penstock.errors.ProviderError: Of kind ``invalid``: it selects something that has no name, or a sub-query.
    """
    match = _SELECT.match(soql)
    names = [each.split()[-1] for each in (match[1] if match else "").split(",") if each.strip()]
    if not names or not all(_PLAIN.fullmatch(each) for each in names):
        raise invalid(
            "the query's columns cannot be told",
            "Plan",
            "Select fields by name, give aggregates names (COUNT(Id) total), leave out sub-queries",
        )
    return Plan(soql, tuple(names))


def plan_of_object(
    sobject: str, described: Sequence[Field], *, fields: Sequence[str] = (), exclude: Sequence[str] = ()
) -> Plan:
    """The plan of all records of an object.

    Args:
        sobject: The object.
        described: Its fields.
        fields: Those that are wanted; all that are columns unless given.
        exclude: Those that never are, such as personal data.

    Raises:
        penstock.errors.ProviderError: Of kind ``invalid``: a wanted field is not there for the user, or is no column.
    """
    known = {each.name.lower(): each for each in described}
    unknown = [each for each in fields if each.lower() not in known]
    if unknown:
        raise invalid(
            f"{sobject} has no field {', '.join(unknown)} for the connection's user", "Plan",
            "It is misspelt, deleted, or hidden from him by field-level security",
        )  # fmt: skip
    left = {each.lower() for each in exclude}
    wanted = [known[each.lower()] for each in fields] or list(described)
    columns = [column_of(each) for each in wanted if each.name.lower() not in left]
    if fields and (lost := [field.name for field in wanted if column_of(field) is None]):
        raise invalid(
            f"{', '.join(lost)} of {sobject} is no column", "Plan", "Name the parts of an address or location"
        )
    found = tuple(each for each in columns if each is not None)
    names = tuple(each.name for each in found)
    return Plan(f"SELECT {', '.join(names)} FROM {sobject}", names, found)  # noqa: S608 - SOQL, of described names
