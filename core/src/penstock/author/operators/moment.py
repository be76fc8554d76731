"""Branches by the present: whether a run is the newest, which day of the week it is, which time of day."""

from collections.abc import Iterable, Iterator
from datetime import datetime, time, timedelta
from enum import IntEnum
from typing import TYPE_CHECKING, Any, ClassVar

from penstock.author.operator import Operator
from penstock.author.timetable.dates import utc_now
from penstock.author.timetable.timetables import schedule_of
from penstock.author.timetable.zones import to_zone, zone_of
from penstock.errors import AuthoringError

if TYPE_CHECKING:
    from penstock.author.run.context import Context


class WeekDay(IntEnum):
    """A day of the week by its number in ISO 8601."""

    MONDAY = 1
    TUESDAY = 2
    WEDNESDAY = 3
    THURSDAY = 4
    FRIDAY = 5
    SATURDAY = 6
    SUNDAY = 7


class LatestOnlyOperator(Operator):
    """Skips the tasks directly downstream unless the run is the newest of its schedule; a run by hand goes on."""

    decides: ClassVar[str] = "branch"

    def execute(self, context: "Context") -> list[str]:
        """Return all ids directly downstream, or none."""
        if self.dag is None:
            return []
        follow = [task.task_id for task in self.dag.graph().downstream(self.dag.get_task(self.task_id))]
        if context["dag_run"].run_type not in ("scheduled", "backfill"):
            return follow
        schedule, anchor = schedule_of(self.dag)
        tick = schedule.tick_after(context["data_interval_start"], anchor)
        following = None if tick is None else schedule.interval_from(tick, anchor)
        return follow if following is None or utc_now() <= following.end else []


class _Follow(Operator):
    """A branch between two lists of ids."""

    decides: ClassVar[str] = "branch"

    def __init__(
        self,
        *,
        follow_task_ids_if_true: str | Iterable[str],
        follow_task_ids_if_false: str | Iterable[str],
        use_task_logical_date: bool = False,
        **kwargs: Any,  # noqa: ANN401 - passed on
    ) -> None:
        super().__init__(**kwargs)
        self.follow_task_ids_if_true, self.follow_task_ids_if_false = follow_task_ids_if_true, follow_task_ids_if_false
        self.use_task_logical_date = use_task_logical_date

    def execute(self, context: "Context") -> list[str]:
        """Return the ids that go on."""
        now = context["logical_date"] if self.use_task_logical_date else utc_now()
        chosen = self.follow_task_ids_if_true if self.is_so(local(self, now)) else self.follow_task_ids_if_false
        return [chosen] if isinstance(chosen, str) else list(chosen)

    def is_so(self, moment: datetime) -> bool:
        """Return whether the condition holds at a moment, which is in the DAG's time zone."""
        raise NotImplementedError


class BranchDayOfWeekOperator(_Follow):
    """Chooses by the day of the week, in the DAG's time zone.

    Args:
        week_day: The day or days that count as true: English names, or `WeekDay`.
        follow_task_ids_if_true: Ids of the tasks directly downstream that go on on such a day.
        follow_task_ids_if_false: Those that go on on other days.
        use_task_logical_date: Whether the run's logical date counts instead of the present.
        **kwargs: What every task takes.
    """

    def __init__(self, *, week_day: "str | WeekDay | Iterable[str | WeekDay]", **kwargs: Any) -> None:  # noqa: ANN401 - passed on
        super().__init__(**kwargs)
        self.week_day = week_day
        week_days(week_day)

    def is_so(self, moment: datetime) -> bool:
        """Return whether it is one of the days."""
        return moment.isoweekday() in week_days(self.week_day)


class BranchDateTimeOperator(_Follow):
    """Chooses by whether the present lies between two moments, in the DAG's time zone.

    Args:
        target_lower: A date, or a time of the day, from which on it is so; None for no bound.
        target_upper: One until which it is so; a time of the day before ``target_lower`` is that of the next day.
        follow_task_ids_if_true: Ids of the tasks directly downstream that go on if it is so.
        follow_task_ids_if_false: Those that go on if it is not.
        use_task_logical_date: Whether the run's logical date counts instead of the present.
        **kwargs: What every task takes.
    """

    def __init__(
        self,
        *,
        target_lower: datetime | time | None = None,
        target_upper: datetime | time | None = None,
        **kwargs: Any,  # noqa: ANN401 - passed on
    ) -> None:
        super().__init__(**kwargs)
        self.target_lower, self.target_upper = target_lower, target_upper
        if target_lower is None and target_upper is None:
            raise AuthoringError(["it needs target_lower or target_upper."])

    def is_so(self, moment: datetime) -> bool:
        """Return whether the moment lies within the bounds."""
        lower, upper = _on_day(self.target_lower, moment), _on_day(self.target_upper, moment)
        if lower is not None and upper is not None and upper < lower:
            upper += timedelta(days=1)
        return (lower is None or lower <= moment) and (upper is None or moment <= upper)


def local(task: Operator, moment: datetime) -> datetime:
    """Convert an instant to the time zone of a task's DAG."""
    return moment.astimezone(to_zone(zone_of(task.dag))) if task.dag is not None else moment


def week_days(value: "str | WeekDay | Iterable[str | WeekDay]") -> set[int]:
    """Read days of the week, by their English names or as `WeekDay`; 1 is Monday.

    Raises:
        AuthoringError: There is no such day.
    """
    return set(_week_days([value] if isinstance(value, str | int) else value))


def _week_days(values: "Iterable[str | WeekDay]") -> Iterator[int]:
    for value in values:
        name = value.upper() if isinstance(value, str) else getattr(value, "name", "")
        if name not in WeekDay.__members__:
            days = ", ".join(WeekDay.__members__)
            raise AuthoringError([f"week_day is {value!r}; write one of {days}."])
        yield WeekDay[name].value


def _on_day(bound: datetime | time | None, moment: datetime) -> datetime | None:
    if isinstance(bound, datetime):
        return bound if bound.tzinfo is not None else bound.replace(tzinfo=moment.tzinfo)
    return None if bound is None else datetime.combine(moment.date(), bound, bound.tzinfo or moment.tzinfo)
