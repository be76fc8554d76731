"""What was found of one thing."""

from enum import StrEnum
from typing import NamedTuple


class Severity(StrEnum):
    """What was found of one thing."""

    OK = "ok"
    NOTE = "note"
    BAD = "bad"


class Finding(NamedTuple):
    """One thing that was looked at, and what was found."""

    severity: Severity
    subject: str
    detail: str
