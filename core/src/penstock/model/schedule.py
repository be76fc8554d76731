"""When a DAG's runs fall due: cron, interval, once, explicit dates or never, in the DAG's own time zone."""

from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

import msgspec


class ScheduleKind(StrEnum):
    """The ways a DAG can be scheduled."""

    NONE = "none"
    ONCE = "once"
    CRON = "cron"
    INTERVAL = "interval"
    DATES = "dates"


class DataInterval(NamedTuple):
    """The span of data that a run stands for: start inclusive, end exclusive, both aware UTC."""

    start: datetime
    end: datetime


class Schedule(msgspec.Struct, frozen=True, omit_defaults=True):
    """A schedule as data.

    Attributes:
        kind: Which of the other fields count.
        crons: Cron expressions of five fields or presets already expanded; a run falls due at each tick of any.
        every_s: Seconds between two ticks of an interval schedule, counted from the DAG's start date.
        dates: Explicit instants, sorted, aware UTC.
        timezone: IANA name of the zone in which cron expressions are read.
        text: What the author wrote, for people.
    """

    kind: ScheduleKind = ScheduleKind.NONE
    crons: tuple[str, ...] = ()
    every_s: float = 0.0
    dates: tuple[datetime, ...] = ()
    timezone: str = "UTC"
    text: str = ""
