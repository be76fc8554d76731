"""Datetimes and times with their zones as text: ISO 8601, and ``[zone]`` if the zone has a name (RFC 9557)."""

from collections.abc import Callable
from datetime import datetime, time, tzinfo
from typing import Any

from penstock.model.values.not_serialisable import NotSerialisableError


def write_datetime(value: datetime) -> str:
    """The text of a datetime; raises NotSerialisableError for a zone that the text cannot tell."""
    return value.isoformat() if value.tzinfo is None else _write_zoned(value, read_datetime)


def write_time(value: time) -> str:
    """The text of a time; raises NotSerialisableError for a zone that the text cannot tell."""
    return value.isoformat() if value.tzinfo is None else _write_zoned(value, read_time)


def _write_zoned(value: Any, read: Callable[[str], Any]) -> str:  # noqa: ANN401 - a datetime or a time
    """Write what a stranger's zone says of the value, if it can be read again."""
    from zoneinfo import ZoneInfo  # noqa: PLC0415 - only values with a zone need it

    zone = value.tzinfo
    try:
        key = zone.key if isinstance(zone, ZoneInfo) else None
        text = f"{value.isoformat()}[{key}]" if key else str(value.isoformat())
        back = read(text)
        same = (
            back.tzinfo is not None
            and back.utcoffset() == value.utcoffset()
            and back.replace(tzinfo=None) == value.replace(tzinfo=None)
        )
    except Exception:  # noqa: BLE001 - whatever a zone of a stranger's raises
        same = False
    if not same:
        kind = type(zone)
        found = f"a {type(value).__name__} in a zone of {kind.__module__}.{kind.__qualname__}"
        raise NotSerialisableError(found, "Give it a zone that has a name, such as ZoneInfo('Europe/Berlin').")
    return text


def read_datetime(text: str) -> datetime:
    """The datetime of a text; its offset stands for a zone that is not known here."""
    written, _, key = text.partition("[")
    found = datetime.fromisoformat(written)
    zone = _zone(key)
    if zone is None:
        return found
    # Of the two times that a clock shows twice, or skips, it is the one with the offset that was written.
    for second in (False, True):
        zoned = found.replace(tzinfo=zone, fold=second)
        if zoned.utcoffset() == found.utcoffset():
            return zoned
    return found


def read_time(text: str) -> time:
    """The time of a text; it is naive if its zone is not known here and it has no offset."""
    written, _, key = text.partition("[")
    found = time.fromisoformat(written)
    zone = _zone(key)
    return found if zone is None else found.replace(tzinfo=zone)


def _zone(key: str) -> tzinfo | None:
    """The zone of a name with a bracket behind it; None if there is none here."""
    if not key:
        return None
    from zoneinfo import ZoneInfo  # noqa: PLC0415 - only values with a zone need it

    try:
        return ZoneInfo(key.rstrip("]"))
    except (KeyError, ValueError, OSError):  # it is unknown, is no name, is a folder of names
        return None
