"""When rounds are."""

from datetime import UTC, datetime, timedelta

from penstock import PlannedRun, Timetable


class Rounds(Timetable):
    """A round every so many seconds, for the seconds since the round before.

    Args:
        seconds: Seconds from round to round.
    """

    def __init__(self, *, seconds: int) -> None:
        self.seconds = seconds

    def next_run(self, after: datetime) -> PlannedRun:
        """The round after an instant."""
        end = datetime.fromtimestamp((int(after.timestamp()) // self.seconds + 1) * self.seconds, UTC)
        return PlannedRun(end - timedelta(seconds=self.seconds), end, end)
