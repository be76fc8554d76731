"""Records of a stream and what they hold: an event of an hour, or nothing that can be used. Pure."""

import hashlib
import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple

HOUR_S = 3600
_AHEAD_S = 3600.0  # so far in front of its arrival an event may be; clocks of producers are off
_MILLISECONDS_FROM = 1e11  # a number of seconds this large is in the year 5138
_NAME = re.compile(r"[A-Za-z0-9_.-]{1,100}")
AGGREGATED = b"\xf3\x89\x9a\xc2"
"""First bytes of an aggregated record of the Kinesis Producer Library; see `penstock_aws.hooks.kinesis.aggregated`."""
_ID_BYTES = 12


class Record(NamedTuple):
    """A record of a shard: its place in it, when it arrived (seconds since 1970), its partition key and its content."""

    sequence_number: str
    arrived: float
    partition_key: str
    data: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What decides into which file a record goes; two batchers with the same rules make the same files of it.

    Attributes:
        event_field: The event's field that holds its name, which is a folder; all are ``all`` without one.
        id_field: The field that names an event once and for all, by which repetitions of a producer are dropped.
        time_field: The field with the event's own time; that of its arrival counts without one.
        window: How many ids a shard remembers.
        lateness_s: So long after its end an hour still waits for events.
        accepted_age_s: An event that was older when it arrived is a dead letter.
    """

    event_field: str
    id_field: str
    time_field: str
    window: int
    lateness_s: float
    accepted_age_s: float


class Event(NamedTuple):
    """What a record holds: the event's name, the hour since 1970, the digest of its id ("" without one), its line."""

    name: str
    hour: int
    digest: bytes
    line: bytes


class DeadLetterError(ValueError):
    """A record that holds no event; the text says why."""


def folder(hour: int) -> str:
    """The folder of an hour since 1970, such as ``dt=2026-03-01/hour=09``."""
    return datetime.fromtimestamp(hour * HOUR_S, UTC).strftime("dt=%Y-%m-%d/hour=%H")


def read_event(record: Record, rules: Rules) -> Event:
    """The event of a record, which is one JSON object.

    Raises:
        DeadLetterError: It holds none, or one that the rules have no place for.
    """
    if record.data.startswith(AGGREGATED):
        raise DeadLetterError("is an aggregated record of the Kinesis Producer Library that is damaged")
    try:
        text = record.data.decode()
        found = json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise DeadLetterError(f"is no JSON: {error}") from error
    if not isinstance(found, dict):
        raise DeadLetterError(f"is no JSON object but a {type(found).__name__}")
    name, digest = _name(found, rules), _digest(found, rules)
    # a JSON text has line breaks between its parts only, where blanks do as well
    line = text.replace("\r", " ").replace("\n", " ").strip().encode()
    return Event(name, int(_time(found, record, rules) // HOUR_S), digest, line)


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON value")


def _name(found: dict[str, Any], rules: Rules) -> str:
    if not rules.event_field:
        return "all"
    name = found.get(rules.event_field)
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise DeadLetterError(
            f"has no usable name in {rules.event_field!r}: it takes 1 to 100 letters, digits, '_', '.', '-'"
        )
    return name


def _digest(found: dict[str, Any], rules: Rules) -> bytes:
    """Twelve bytes for an id: among ten thousand, two are alike once in 10^21."""
    if not rules.id_field:
        return b""
    value = found.get(rules.id_field)
    if isinstance(value, bool) or not isinstance(value, str | int) or value == "":
        raise DeadLetterError(f"has no id in {rules.id_field!r}: it takes a text or a whole number")
    text = json.dumps(value).encode()
    return hashlib.blake2b(text, digest_size=_ID_BYTES).digest()


def digests_of(joined: bytes) -> list[bytes]:
    """Digests of ids that were stored one behind the other."""
    return [joined[start : start + _ID_BYTES] for start in range(0, len(joined), _ID_BYTES)]


def _time(found: dict[str, Any], record: Record, rules: Rules) -> float:
    """When an event was, in seconds since 1970: a number of seconds or milliseconds, or a text of ISO 8601 (UTC unless told)."""
    if not rules.time_field:
        return record.arrived
    try:
        at = _instant(found.get(rules.time_field))
    except (ValueError, OverflowError) as error:
        raise DeadLetterError(f"has no time in {rules.time_field!r}: {error}") from error
    if not -rules.accepted_age_s <= at - record.arrived <= _AHEAD_S:
        raise DeadLetterError(
            f"has a time {at - record.arrived:+.0f} s from its arrival; "
            f"from {-rules.accepted_age_s:.0f} to {_AHEAD_S:+.0f} s are accepted"
        )
    return at


def _instant(value: object) -> float:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value) / 1000 if abs(value) >= _MILLISECONDS_FROM else float(value)
    if not isinstance(value, str):
        raise ValueError("it takes seconds since 1970 or a text of ISO 8601")  # noqa: TRY004 - the record's fault, as any other
    found = datetime.fromisoformat(value)
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()
