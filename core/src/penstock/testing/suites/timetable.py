"""The suite of timetables: does time go on, and does the same question have the same answer?"""

import copy
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import ClassVar

from penstock.author.timetable.timetable import Timetable
from penstock.model.schedule import PlannedRun
from penstock.testing.suites.expect import expect, within

_MOMENT = timedelta(microseconds=1)


class TimetableSuite:
    """Tests of a timetable.

    A subclass gives the fixture ``timetable``: a made one::

        class TestAcmeTimetable(TimetableSuite):
            @pytest.fixture
            def timetable(self):
                return AcmeTimetable(hour=7)

    Attributes:
        after: From when on it is asked.
        runs: How many runs are looked at, if there are so many.
        answers_within_s: Seconds for all of them.
    """

    after: ClassVar[datetime] = datetime(2026, 1, 1, tzinfo=UTC)
    runs: ClassVar[int] = 400
    answers_within_s: ClassVar[float] = 30.0

    def test_runs_follow_each_other(self, timetable: Timetable) -> None:
        """Each falls due later than the instant that was asked for, and starts later than the one before."""
        found = self._found(timetable)
        expect(found, f"there is no run after {self.after}")
        asked, start = self.after, None
        for run in found:
            expect(
                run.run_after > asked,
                f"the run after {asked} falls due at {run.run_after}: it goes backwards, or stands still",
            )
            expect(
                start is None or run.start > start,
                f"the data interval of the run at {run.run_after} starts before the last one",
            )
            expect(
                run.start <= run.end <= run.run_after,
                f"the data interval of the run at {run.run_after} does not end before it",
            )
            asked, start = run.run_after, run.start

    def test_every_instant_is_aware(self, timetable: Timetable) -> None:
        """An instant without a time zone is none."""
        for run in self._found(timetable):
            naive = [each for each in (run.start, run.end, run.run_after) if each.tzinfo is None]
            expect(not naive, f"an instant without a time zone: {naive}")

    def test_the_same_question_has_the_same_answer(self, timetable: Timetable) -> None:
        """Asked again, asked backwards, asked of a copy that was never asked: it remembers nothing."""
        fresh = copy.deepcopy(timetable)
        found = self._found(timetable)
        questions = [self.after, *(run.run_after for run in found[:-1])]
        for asked, run in reversed(list(zip(questions, found, strict=True))):
            for each in (timetable, fresh):
                again = _planned(each.next_run(asked))
                expect(again == run, f"the run after {asked} is {run} once and {again} later")

    def test_a_run_is_found_until_it_falls_due(self, timetable: Timetable) -> None:
        """Whenever one asks between two runs, it is the later one; none is passed over."""
        found = self._found(timetable)[:50]
        for before, run in pairwise(found):
            for asked in (
                before.run_after + _MOMENT,
                before.run_after + (run.run_after - before.run_after) / 2,
                run.run_after - _MOMENT,
            ):
                if before.run_after < asked < run.run_after:
                    again = _planned(timetable.next_run(asked))
                    expect(again == run, f"the run after {asked} is {again}, not {run}")

    def test_it_has_a_name_for_lists(self, timetable: Timetable) -> None:
        """One short line."""
        found = timetable.summary()
        expect(found and "\n" not in found and len(found) <= 100, f"its summary is {found!r}")

    def _found(self, timetable: Timetable) -> list[PlannedRun]:
        def ask() -> list[PlannedRun]:
            found: list[PlannedRun] = []
            asked = self.after
            while len(found) < self.runs and (run := _planned(timetable.next_run(asked))) is not None:
                found.append(run)
                if run.run_after.tzinfo is None or run.run_after <= asked:
                    break  # the other tests say so
                asked = run.run_after
            return found

        return within(self.answers_within_s, ask, f"{self.runs} questions")


def _planned(answer: "PlannedRun | datetime | None") -> PlannedRun | None:
    return PlannedRun(answer, answer, answer) if isinstance(answer, datetime) else answer
