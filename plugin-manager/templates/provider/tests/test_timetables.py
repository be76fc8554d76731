"""The timetable."""

import pytest
from penstock.testing import TimetableSuite

from penstock_sample.timetables import SampleTimetable


class TestSampleTimetable(TimetableSuite):
    @pytest.fixture
    def timetable(self):
        return SampleTimetable(hour=7)
