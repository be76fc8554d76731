"""Timetables as Airflow has them: asked for what follows the last data interval, in place of an instant."""

import sys
from datetime import datetime
from typing import Any, NamedTuple

from penstock.errors import AuthoringError
from penstock.model.schedule import DataInterval

MOST_ASKED = 100_000


class DagRunInfo(NamedTuple):
    """A run that an Airflow timetable foresees: the instant from which it may run, and its data interval."""

    run_after: Any
    data_interval: DataInterval | None

    @classmethod
    def exact(cls, at: Any) -> "DagRunInfo":  # noqa: ANN401 - as above
        """A run at an instant, which it stands for."""
        return cls(at, DataInterval.exact(at))

    @classmethod
    def interval(cls, start: Any, end: Any) -> "DagRunInfo":  # noqa: ANN401 - as above
        """A run for a span of time, at its end."""
        return cls(end, DataInterval(start, end))


class TimeRestriction(NamedTuple):
    """Between which instants a run may be, and that none of them is left out."""

    earliest: Any
    latest: Any
    catchup: bool


class RunInfoTimetable:
    """Asks a timetable that has ``next_dagrun_info``, run after run from the DAG's start.

    ``catchup`` is true in the restriction whatever the DAG says: which runs of the past are made is decided by who asks.

    Args:
        timetable: The author's.
        start, end: The DAG's.
    """

    def __init__(self, timetable: Any, start: datetime | None, end: datetime | None) -> None:  # noqa: ANN401 - any class
        self._timetable = timetable
        self._restriction = TimeRestriction(_theirs(start), _theirs(end), catchup=True)
        self._last: DagRunInfo | None = None

    def next_run(self, after: datetime) -> Any:  # noqa: ANN401 - judged by who asks
        """The first run that falls due later than an instant; None if there is none.

        Raises:
            AuthoringError: An answer is none, or there are too many before.
        """
        if self._last is not None and self._last.run_after > after:
            self._last = None
        for _ in range(MOST_ASKED):
            before = self._last
            info = self._timetable.next_dagrun_info(
                last_automated_data_interval=None if before is None else before.data_interval,
                restriction=self._restriction,
            )
            if info is None:
                return None
            who = f"the schedule {type(self._timetable).__name__}, asked by next_dagrun_info,"
            if not isinstance(info, DagRunInfo) or not _is_aware(info.run_after):
                raise AuthoringError(
                    [f"{who} answered {info!r:.200}; it must be a DagRunInfo of aware instants, or None."]
                )
            if before is not None and info.run_after <= before.run_after:
                raise AuthoringError([f"{who} answered {info.run_after}, which is not later than the run before it."])
            self._last = info
            if info.run_after > after:
                interval = info.data_interval or DataInterval.exact(info.run_after)
                return (*interval, info.run_after)
        raise AuthoringError(
            [
                f"{MOST_ASKED:,} runs from the start of the DAG do not come to {after.isoformat()}. Write a later start_date."
            ]
        )

    def summary(self) -> str:
        """What lists show as the schedule."""
        return str(self._timetable.summary())


def _is_aware(instant: object) -> bool:
    return isinstance(instant, datetime) and instant.tzinfo is not None


def _theirs(instant: datetime | None) -> Any:  # noqa: ANN401 - pendulum's, which has methods of its own, if the file uses it
    pendulum = sys.modules.get("pendulum")
    return instant if instant is None or pendulum is None else pendulum.instance(instant)
