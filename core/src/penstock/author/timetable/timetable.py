"""Timetables in code: a class that says when the runs of a DAG fall due, where no expression does."""

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from penstock.model.schedule import PlannedRun


class Timetable(ABC):
    """Says when the runs of a DAG fall due; an object of it is given as ``schedule``.

    It is asked while the DAG file is imported, in the process of that import and within its bounds of time and memory, for the
    runs to come, and again before they have all fallen due. What it answers is stored with the DAG; the scheduler reads that,
    and never calls it. What it raises, and an answer that goes back in time, is a problem of the DAG file, whose last good
    plan stays.
    """

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
