"""The suite of metrics sinks: does the service have each measurement, once, and does a sink without a service hold up nobody?"""

import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

from penstock.spec.metrics_sink import BOUNDS_S, MetricsSink, Point
from penstock.testing.suites.expect import expect, within

_AT = datetime(2026, 1, 1, tzinfo=UTC)
_MANY = 300
_PAUSE_S = 0.02


class MetricsSinkSuite:
    """Tests of a metrics sink against its service, or a faithful stand-in of it.

    A subclass gives three fixtures: ``sink``, a made one; ``taken``, a function that returns what the service has by now, as a number
    by the metric's name: of a counter the sum, of a gauge the last value, of a timing the number of its values; and ``away``, a sink
    whose service cannot be reached::

        class TestAcmeSink(MetricsSinkSuite):
            @pytest.fixture
            def sink(self, server):
                return AcmeSink(address=server.address)

            @pytest.fixture
            def taken(self, server):
                return server.totals

    Attributes:
        answers_within_s: Seconds in which a call must end.
        arrives_within_s: Seconds in which the service must have what was written.
    """

    answers_within_s: ClassVar[float] = 30.0
    arrives_within_s: ClassVar[float] = 5.0

    def test_counters_add_up(self, sink: MetricsSink, taken: Callable[[], Mapping[str, float]]) -> None:
        """Each point is counted once, from call to call."""
        for number in range(3):
            self._write(sink, number, _point("runs.finished", 2.0, state="success"))
        self._expect(taken, {"runs.finished": 6.0})

    def test_a_gauge_has_its_last_value(self, sink: MetricsSink, taken: Callable[[], Mapping[str, float]]) -> None:
        """It may fall, and may be nothing."""
        for number, value in enumerate((5.0, 7.0, 0.0)):
            self._write(sink, number, _point("slots.used", value, kind="gauge", pool="default"))
        self._expect(taken, {"slots.used": 0.0})

    def test_timings_are_counted(self, sink: MetricsSink, taken: Callable[[], Mapping[str, float]]) -> None:
        """Each of their values is there."""
        buckets = tuple(2 if bound in (0.5, 10.0) else 0 for bound in (*BOUNDS_S, 0.0))
        made = Point("tries.seconds", "timing", "s", {}, 16.8, 4, buckets, (0.4, 0.4, 8.0, 8.0))
        self._write(sink, 0, made)
        self._expect(taken, {"tries.seconds": 4.0})

    def test_many_points_of_one_call_are_all_there(
        self, sink: MetricsSink, taken: Callable[[], Mapping[str, float]]
    ) -> None:
        """More than go into one packet or request."""
        points = [_point("runs.started", 1.0, dag_id=f"a_dag_with_a_name_{number}") for number in range(_MANY)]
        self._write(sink, 0, *points, _point("the.last", 1.0))
        self._expect(taken, {"runs.started": float(_MANY), "the.last": 1.0})

    def test_any_tag_is_taken(self, sink: MetricsSink, taken: Callable[[], Mapping[str, float]]) -> None:
        """What stands in a tag is neither the end of a point nor the beginning of another."""
        odd = ("a|b:c@d#e,f=g", "two\nlines:1|c", "Z\u00e4hler", " ", 'a "quoted" \\ one', "")
        self._write(sink, 0, *(_point("runs.odd", 1.0, dag_id=text) for text in odd), _point("the.last", 1.0))
        self._expect(taken, {"runs.odd": float(len(odd)), "the.last": 1.0})

    def test_a_service_that_is_away_holds_up_nobody(self, away: MetricsSink) -> None:
        """A call ends in time, with an error or without one: what it was given is lost, what comes later is not."""

        def write() -> None:
            try:
                away.write([_point("runs.finished", 1.0)], _AT)
            except Exception as error:  # noqa: BLE001 - whatever it raises is told
                expect(str(error), f"{type(error).__name__} of a service that is away says nothing")

        within(self.answers_within_s, write, "write() with the service away")

    def _write(self, sink: MetricsSink, number: int, *points: Point) -> None:
        at = _AT + timedelta(seconds=10 * number)
        within(self.answers_within_s, lambda: sink.write(points, at), "write()")

    def _expect(self, taken: Callable[[], Mapping[str, float]], wanted: Mapping[str, float]) -> None:
        """A packet that was sent may be on its way for a moment."""
        pause = threading.Event()
        for _ in range(int(self.arrives_within_s / _PAUSE_S)):
            if dict(taken()) == wanted:
                return
            pause.wait(_PAUSE_S)
        expect(False, f"the service has {dict(taken())}, not {dict(wanted)}")


def _point(name: str, value: float, *, kind: Any = "counter", **tags: str) -> Point:  # noqa: ANN401 - a MetricKind
    return Point(name, kind, "1", tags, value)
