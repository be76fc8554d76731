"""When runs fall due, where no expression says it."""

from datetime import UTC, datetime, timedelta

from penstock import PlannedRun, Timetable


class SampleTimetable(Timetable):
    """Falls due at an hour of each working day, for the day before.

    Args:
        hour: Hour of the day, in UTC.
    """

    def __init__(self, *, hour: int = 6) -> None:
        self.hour = hour

    def next_run(self, after: datetime) -> PlannedRun:
        """The first run that falls due later than an instant."""
        due = after.astimezone(UTC).replace(hour=self.hour, minute=0, second=0, microsecond=0)
        while due <= after or due.weekday() >= 5:
            due += timedelta(days=1)
        midnight = due.replace(hour=0)
        return PlannedRun(midnight - timedelta(days=1), midnight, due)
