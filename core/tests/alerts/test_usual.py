import pytest

from penstock.alerts.usual import LEAST_RUNS, RUNS, longest_usual_s


@pytest.mark.parametrize(
    ("durations", "longest"),
    [
        pytest.param([10.0] * (LEAST_RUNS - 1), None, id="too little is known"),
        pytest.param([10.0] * LEAST_RUNS, 20.0, id="always the same: twice as long"),
        pytest.param([0.01] * RUNS, 1.0, id="a second is never unusual"),
        pytest.param([10.0, 10.0, 10.0, 10.0, 1000.0], 20.0, id="one outlier teaches nothing"),
        pytest.param([10.0, 20.0, 30.0, 40.0, 50.0], 30 + 3.5 * 10 / 0.6745, id="what varies may vary"),
        pytest.param([*[10.0] * RUNS, *[500.0] * 100], 20.0, id="only the latest count"),
    ],
)
def test_what_is_usual_is_learnt_from_the_latest_successes(durations, longest):
    assert longest_usual_s(durations) == (None if longest is None else pytest.approx(longest))
