"""Timetables in code: a class that says when the runs of a DAG fall due, where no expression does."""

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

from penstock.errors import AuthoringError

if TYPE_CHECKING:
    from datetime import datetime

    from penstock.model.schedule import PlannedRun


class Timetable(ABC):
    """Says when the runs of a DAG fall due; an object of it is given as ``schedule``.

    It is asked while the DAG file is imported, in the process of that import and within its bounds of time and memory, for the
    runs to come, and again before they have all fallen due. What it answers is stored with the DAG; the scheduler reads that,
    and never calls it. What it raises, and an answer that goes back in time, is a problem of the DAG file, whose last good
    plan stays.

    A class that was written for Airflow may have ``next_dagrun_info`` in place of ``next_run``: it is asked for run after run from the
    DAG's ``start_date`` on.
    """

    def __init_subclass__(cls, **options: Any) -> None:  # noqa: ANN401 - passed on
        """Take a class that answers as in Airflow, where ``summary`` is an attribute."""
        super().__init_subclass__(**options)
        if "next_dagrun_info" in vars(cls) and cls.next_run is Timetable.next_run:
            cls.next_run = _ask_by_info  # type: ignore[method-assign]
        shown = vars(cls).get("summary")
        if isinstance(shown, property):
            cls.summary = lambda self: str(shown.__get__(self))  # type: ignore[method-assign]

    @abstractmethod
    def next_run(self, after: "datetime") -> "PlannedRun | datetime | None":
        """Find the first run that falls due later than an instant; the same instant must always give the same run.

        Args:
            after: Aware UTC.

        Returns:
            The run. An aware datetime stands for a run with an empty data interval at that instant, None says that there is no
            other. The starts of data intervals rise from run to run, as the instants do at which the runs fall due.
        """

    def summary(self) -> str:
        """Return what lists show as the schedule: the name of the class."""
        return type(self).__name__


def _ask_by_info(self: Timetable, after: "datetime") -> "PlannedRun | datetime | None":
    name = type(self).__name__
    raise AuthoringError(
        [f"{name} has no next_run after {after}: its next_dagrun_info is asked when a DAG file is imported."]
    )
