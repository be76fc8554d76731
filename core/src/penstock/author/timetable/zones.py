"""Time zones by their IANA names, and the names of zones that libraries make."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from penstock.errors import AuthoringError, did_you_mean

if TYPE_CHECKING:
    from penstock.author.dag import DAG

_HOUR = timedelta(hours=1)
# Names that libraries give their zones: `key` of zoneinfo and pendulum, `zone` of pytz.
_NAMES = ("key", "zone")


def zone_of(dag: "DAG") -> str:
    """Find the name of a DAG's time zone: its own, that of its start date as in Airflow, or UTC.

    Raises:
        AuthoringError: The start date's zone has no IANA name; the message says what to write.
    """
    if dag.timezone is not None:
        return zone_name(dag.timezone)
    zone = getattr(dag.start_date, "tzinfo", None)
    return "UTC" if zone is None else zone_name(zone)


def zone_name(zone: Any) -> str:  # noqa: ANN401 - what an author wrote
    """Find the IANA name of a zone, which may be given by its name.

    An offset that never changes is the zone ``Etc/GMT`` of whole hours, whose sign is turned round (RFC 9636 and the
    file ``etcetera`` of the time zone database).

    Raises:
        AuthoringError: It has none.
    """
    from zoneinfo import ZoneInfo  # noqa: PLC0415 - only zones other than UTC need it

    if isinstance(zone, str):
        to_zone(zone)
        return str.__str__(zone)
    if zone is UTC:
        return "UTC"
    offset = _fixed_offset(zone)
    if offset == timedelta(0):
        return "UTC"
    for name in _names(zone):
        try:
            ZoneInfo(name)
        except (ValueError, OSError):
            continue
        return name
    if offset is not None and offset % _HOUR == timedelta(0) and -12 <= offset // _HOUR <= 14:
        return f"Etc/GMT{-(offset // _HOUR):+d}"
    raise AuthoringError(
        f"the zone {zone!r} has no IANA name, so that a schedule cannot be read in it. "
        "Give the DAG timezone='...', such as 'Europe/Berlin'."
    )


def _names(zone: Any) -> Iterator[str]:  # noqa: ANN401 - any tzinfo
    for attribute in _NAMES:
        name = getattr(zone, attribute, None)
        if isinstance(name, str) and name:
            yield name


def _fixed_offset(zone: Any) -> timedelta | None:  # noqa: ANN401 - any tzinfo
    """Return the offset of a zone that has always the same; None for others."""
    try:
        offset = zone.utcoffset(None)
    except Exception:  # noqa: BLE001 - a zone of a stranger's, which may insist on an instant
        return None
    return offset if isinstance(offset, timedelta) else None


def to_zone(name: Any) -> Any:  # noqa: ANN401 - what an author wrote; a tzinfo
    """Find the time zone of an IANA name.

    Raises:
        AuthoringError: There is none; the message has the nearest one that exists.
    """
    from zoneinfo import ZoneInfo, available_timezones  # noqa: PLC0415 - only zones other than UTC need it

    if name == "UTC":
        return UTC
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, TypeError, OSError):
        write = "Write an IANA name such as 'Europe/Berlin'."
        advice = did_you_mean(str(name), available_timezones(), otherwise=write)
        raise AuthoringError(f"there is no time zone {name!r}. {advice}") from None


def local_fault(value: datetime) -> str:
    """Say why a date with a zone does not mean what its author wrote; "" if it does.

    pytz' zones must be attached by ``localize``: passed as ``tzinfo`` they stand for the local mean time of the city,
    which is minutes off (documentation of pytz, "Localized times and date arithmetic").
    """
    normalise = getattr(value.tzinfo, "normalize", None)
    if normalise is None or normalise(value).utcoffset() == value.utcoffset():
        return ""
    return (
        f"has the zone {value.tzinfo} of pytz as it is not meant to be used, {value.utcoffset()} from UTC. "
        "Write zone.localize(datetime(...)), or tzinfo=ZoneInfo('...')"
    )
