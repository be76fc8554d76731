"""Cron expressions as authors write them, in the form that the schedule keeps."""

import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from penstock.author.timetable.zones import to_zone
from penstock.errors import AuthoringError, did_you_mean

PRESETS = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@quarterly": "0 0 1 */3 *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}
_FIELDS = (("minute", 0, 59), ("hour", 0, 23), ("day of month", 1, 31), ("month", 1, 12), ("weekday", 0, 7))
_WITH_SECONDS = 6
_DAY, _MONTH, _WEEKDAY = 2, 3, 4
_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_WEEKDAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
_NUMBERS = {
    **{name: number for number, name in enumerate(_MONTHS, 1)},
    **{name: number for number, name in enumerate(_WEEKDAYS)},
}
_LONGEST_MONTHS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_RANGE = re.compile(r"(\w+)-(\w+)(?:/(\d+))?")


def to_cron(expression: Any, timezone: str) -> str:  # noqa: ANN401 - what an author wrote
    """Convert a cron expression or a preset to five fields.

    A weekday range may run over the end of the week, and ``?`` stands for ``*`` in the two fields of days, as in Quartz.

    Raises:
        AuthoringError: It is none, or never falls due.
    """
    if not isinstance(expression, str):
        raise AuthoringError(f"the cron expression is {expression!r}; write text such as '0 6 * * *'.")
    text = str.__str__(expression).strip()
    if text.startswith("@"):
        return _preset(text)
    fields = text.split()
    if len(fields) != len(_FIELDS):
        advice = f"The nearest without seconds is {' '.join(fields[:5])!r}." if len(fields) == _WITH_SECONDS else ""
        raise AuthoringError(
            f"the cron expression {text!r} has {len(fields)} fields; write five: minute hour day month weekday. {advice}".rstrip()
        )
    for day in (_DAY, _WEEKDAY):
        fields[day] = "*" if fields[day] == "?" else fields[day]
    fields[_WEEKDAY] = ",".join(map(_weekdays, fields[_WEEKDAY].split(",")))
    _check(text, fields, timezone)
    return " ".join(fields)


def _preset(text: str) -> str:
    if text in PRESETS:
        return PRESETS[text]
    if text == "@continuous":
        advice = "The nearest is '* * * * *' with max_active_runs=1."
    else:
        advice = did_you_mean(text, PRESETS, otherwise=f"There are: {', '.join(PRESETS)}, @once.")
    raise AuthoringError(f"there is no preset {text!r}. {advice}")


def _weekdays(item: str) -> str:
    """Write a range of weekdays that runs over the end of the week as its days; anything else stays."""
    found = _RANGE.fullmatch(item)
    first, last = (_number(found[1]), _number(found[2])) if found else (None, None)
    if first is None or last is None or first <= last or first > 7:
        return item
    days = range(first % 7, last + 7 + (1 if first < 7 else -6), int(found[3] or 1) if found else 1)
    return ",".join(str(day % 7) for day in days)


def _number(text: str) -> int | None:
    return int(text) if text.isdecimal() and text.isascii() else _NUMBERS.get(text.upper())


def _check(text: str, fields: list[str], timezone: str) -> None:
    """Refuse an expression that falls due never, or that cronsim does not understand."""
    from cronsim import CronSim, CronSimError  # noqa: PLC0415 - 50 ms that only cron schedules need to spend

    try:
        next(CronSim(" ".join(fields), datetime(2024, 1, 1, tzinfo=to_zone(timezone))))
    except (CronSimError, StopIteration) as error:
        reason = next(_faults(fields), None)
        if reason is None:
            reason = f"{str(error).lower()}" if str(error) else "it never falls due"
        raise AuthoringError(f"the cron expression {text!r} is wrong: {reason}.") from None


def _over_the_end(first: int, last: int, least: int, most: int, step: int) -> str:
    """Write what a range means that runs over the end of its field: two ranges, or each value if it has a step."""
    if step == 1:
        return f"{first}-{most},{least}-{last}"
    size = most - least + 1
    return ",".join(str(least + (value - least) % size) for value in range(first, last + size + 1, step or size))


def _faults(fields: list[str]) -> Iterator[str]:
    """Say what is wrong in the fields, each with what to write instead."""
    for field, (name, least, most) in zip(fields, _FIELDS, strict=True):
        for item in field.split(","):
            found = _RANGE.fullmatch(item)
            first, last = (_number(found[1]), _number(found[2])) if found else (None, None)
            if first is not None and last is not None and least <= last < first <= most:
                step = int(found[3] or 1) if found else 1
                write = _over_the_end(first, last, least, most, step)
                yield f"the {name} range {item!r} ends before it begins. Write {write}"
            elif item == "?":
                yield f"'?' stands for a day of the month or of the week, and this is the {name}. Write '*'"
            elif item.isdecimal() and not least <= int(item) <= most:
                yield f"the {name} {item} is none; write {least} to {most}"
    days, months = fields[_DAY].split(","), fields[_MONTH].split(",")
    if all(map(str.isdecimal, days)) and all(_number(month) in range(1, 13) for month in months):
        longest = max(_LONGEST_MONTHS[(_number(month) or 1) - 1] for month in months)
        if min(map(int, days)) > longest:
            yield f"the day never comes: month {fields[_MONTH]} has no day {fields[_DAY]}. Write L for the last day"
