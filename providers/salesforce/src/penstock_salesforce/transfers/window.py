"""The stretch of time that a query asks for, and its division where it is too much at once.

The field of an incremental query is the first of SystemModstamp, LastModifiedDate and CreatedDate that the object has ("System Fields" of
the Object Reference): the first also tells of changes that Salesforce itself makes. Values of formula and roll-up fields change
without it. Records that are read whole are divided by CreatedDate, which never changes, so that none is in two stretches or in
none. Bulk API 2.0 divides a job by itself, by primary keys ("Understanding Bulk API 2.0 Query"); what fails in spite of that is divided
by time, as tap-salesforce does.
"""

from collections.abc import Collection, Iterable
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import NamedTuple

from penstock_salesforce.errors import invalid

_STAMPS = ("SystemModstamp", "LastModifiedDate", "CreatedDate")
_CREATED = "CreatedDate"
_FIRST = "1999-03-01T00:00:00Z"  # Salesforce was founded in that month, no record is older


class Window(NamedTuple):
    """A stretch of time.

    Attributes:
        field: The field that has the time; "" of a query that cannot be divided.
        low: Its first instant; "" for all that was before.
        high: The instant before which it ends; "" for all that comes.
    """

    field: str = ""
    low: str = ""
    high: str = ""

    @property
    def conditions(self) -> list[str]:
        """What SOQL asks for it."""
        low = [f"{self.field} >= {self.low}"] if self.low else []
        return low + ([f"{self.field} < {self.high}"] if self.high else [])

    def middle(self, date: str) -> str:
        """The instant at which it is divided; "" if that cannot be.

        Args:
            date: Salesforce's time, as a Date header, for a window without an end.
        """
        if not self.field:
            return ""
        low = datetime.fromisoformat(self.low or _FIRST)
        high = datetime.fromisoformat(self.high) if self.high else parsedate_to_datetime(date)
        middle = soql_instant(low + (high - low) / 2)
        return middle if soql_instant(low) < middle < soql_instant(high) else ""


def window_of_changes(names: Collection[str], since: str, until: str) -> Window:
    """The window of an incremental query.

    Args:
        names: The object's fields.
        since: The first instant; "" for all that was before.
        until: The instant before which it ends.

    Raises:
        penstock.errors.ProviderError: Of kind ``invalid``: the object has none of the fields that tell of changes, or ``since`` is no
            instant.
    """
    field = first_of(_STAMPS, names)
    if not field:
        raise invalid(
            "the object has no field that tells when a record was changed", "Plan", "Read it whole, without watermark"
        )
    try:
        low = datetime.fromisoformat(since) if since else None
    except ValueError:
        low = None
    if since and (low is None or low.tzinfo is None):
        raise invalid(
            f"the watermark is {since!r}", "Plan", "Set the Variable to an instant such as 2026-11-20T00:00:00Z"
        )
    return Window(field, soql_instant(low) if low else "", until)


def window_of_all(names: Collection[str]) -> Window:
    """The window of all records, which is open on both sides.

    Args:
        names: The object's fields.
    """
    return Window(first_of((_CREATED,), names))


def first_of(wanted: Iterable[str], names: Collection[str]) -> str:
    """The first name that is there; "" if none is."""
    return next((each for each in wanted if each in names), "")


def instant_before(date: str, lag_s: float) -> str:
    """An instant so many seconds before Salesforce's time, as SOQL writes it.

    Args:
        date: The Date header of an answer.
        lag_s: Seconds for changes that are made and not yet visible.
    """
    return soql_instant(parsedate_to_datetime(date) - timedelta(seconds=lag_s))


def soql_instant(instant: datetime) -> str:
    """An aware instant as SOQL writes it, in UTC and whole seconds."""
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
