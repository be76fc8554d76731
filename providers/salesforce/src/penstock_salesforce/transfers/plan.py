"""What is asked for: the query, its columns, and the window of an incremental one.

The window's field is the first of SystemModstamp, LastModifiedDate and CreatedDate that the object has ("System Fields" of the Object
Reference): the first also tells of changes that Salesforce itself makes. Values of formula and roll-up fields change without it.
"""

import hashlib
import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import NamedTuple

from penstock_salesforce.errors import invalid
from penstock_salesforce.hooks.base import Field
from penstock_salesforce.hooks.columns import Column, column_of

_STAMPS = ("SystemModstamp", "LastModifiedDate", "CreatedDate")
_SELECT = re.compile(r"\s*SELECT\s+(.+?)\s+FROM\s", re.IGNORECASE | re.DOTALL)
_PLAIN = re.compile(r"[\w.]+")


class Plan(NamedTuple):
    """A query and what comes of it.

    Attributes:
        soql: The query.
        names: Names of its columns.
        columns: The columns as described; none of a query that was given as text.
    """

    soql: str
    names: tuple[str, ...]
    columns: tuple[Column, ...] = ()

    @property
    def digest(self) -> str:
        """What tells this query from another."""
        return hashlib.sha256(self.soql.encode()).hexdigest()

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
    sobject: str,
    described: Sequence[Field],
    *,
    fields: Sequence[str] = (),
    exclude: Sequence[str] = (),
    conditions: Sequence[str] = (),
) -> Plan:
    """The plan of an object's records.

    Args:
        sobject: The object.
        described: Its fields.
        fields: Those that are wanted; all that are columns unless given.
        exclude: Those that never are, such as personal data.
        conditions: Conditions of the query, which all must hold.

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
    where = " AND ".join(f"({each})" for each in conditions)
    soql = f"SELECT {', '.join(names)} FROM {sobject}" + (f" WHERE {where}" if where else "")  # noqa: S608 - SOQL, and the author's
    return Plan(soql, names, found)


def window(described: Sequence[Field], since: str, until: str) -> list[str]:
    """The conditions of an incremental query.

    Args:
        described: The object's fields.
        since: The first instant; "" for all that was before.
        until: The instant before which it ends.

    Raises:
        penstock.errors.ProviderError: Of kind ``invalid``: the object has none of the fields that tell of changes.
    """
    names = {each.name for each in described}
    stamp = next((each for each in _STAMPS if each in names), "")
    if not stamp:
        raise invalid(
            "the object has no field that tells when a record was changed", "Plan", "Read it whole, without watermark"
        )
    return ([f"{stamp} >= {since}"] if since else []) + [f"{stamp} < {until}"]


def instant_before(date: str, lag_s: float) -> str:
    """An instant so many seconds before Salesforce's time, as SOQL writes it.

    Args:
        date: The Date header of an answer.
        lag_s: Seconds for changes that are made and not yet visible.
    """
    return soql_instant(parsedate_to_datetime(date) - timedelta(seconds=lag_s))


def soql_instant(instant: datetime) -> str:
    """An aware instant as SOQL writes it."""
    return instant.strftime("%Y-%m-%dT%H:%M:%SZ")
