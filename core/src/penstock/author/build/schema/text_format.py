"""Formats of texts that JSON Schema names (draft 2020-12, validation, section 7.3): those that Python's own library can read."""

import re
from collections.abc import Callable
from datetime import datetime, time
from ipaddress import IPv4Address, IPv6Address
from uuid import UUID

from penstock.model.patterns.pattern import expression_fault

_DAY = re.compile(r"\d{4}-\d\d-\d\d")
_DURATION = re.compile(r"P(?=.)(\d+W|(\d+Y)?(\d+M)?(\d+D)?(T(?=.)(\d+H)?(\d+M)?(\d+S)?)?)")
"""ISO 8601 durations, as appendix A of RFC 3339 has them; T and P need something after them."""


def _expression(text: str) -> None:
    if fault := expression_fault(text):
        raise ValueError(fault)


def _instant(text: str) -> None:
    datetime.fromisoformat(text)


def _day(text: str) -> None:
    if not _DAY.fullmatch(text):
        raise ValueError(text)
    datetime.fromisoformat(text)


def _time(text: str) -> None:
    if not re.match(r"\d\d:\d\d:\d\d", text):
        raise ValueError(text)
    time.fromisoformat(text)


def _duration(text: str) -> None:
    if not _DURATION.fullmatch(text):
        raise ValueError(text)


def _address(text: str) -> None:
    if "@" not in text:
        raise ValueError(text)


CHECKED: dict[str, tuple[str, Callable[[str], object]]] = {
    "date": ("a day such as 2026-01-31", _day),
    "date-time": ("an instant such as 2026-01-31T06:00:00+00:00", _instant),
    "duration": ("a duration such as PT15M", _duration),
    "email": ("a mail address", _address),
    "ipv4": ("an IPv4 address", IPv4Address),
    "ipv6": ("an IPv6 address", IPv6Address),
    "regex": ("a regular expression", _expression),
    "time": ("a time such as 06:00:00", _time),
    "uuid": ("a UUID", UUID),
}
"""What a text of a format is, and what raises ValueError for one that is none. Others are for people."""


def format_problem(name: object, text: str) -> str:
    """Say what a text should be by a format; "" if it is, or if the format is not checked."""
    known = CHECKED.get(name) if isinstance(name, str) else None
    if known is None:
        return ""
    words, read = known
    try:
        read(text)
    except ValueError:
        return f"should be {words}"
    return ""
