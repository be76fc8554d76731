import pytest

from penstock.errors import RequestError
from penstock.model.limits.rate import Rate, parse_rate


@pytest.mark.parametrize(
    ("text", "rate", "interval_s"),
    [
        ("10/min", Rate(10, 60.0), 6.0),
        ("3/20s", Rate(3, 20.0), 20 / 3),
        ("1/h", Rate(1, 3600.0), 3600.0),
        ("500/7d", Rate(500, 604800.0), 1209.6),
        ("2/90s", Rate(2, 90.0), 45.0),
    ],
)
def test_a_rate_reads_as_it_is_written(text, rate, interval_s):
    assert (parse_rate(text), str(rate), rate.interval_s) == (rate, text, interval_s)


@pytest.mark.parametrize(
    "text", ["", "10", "10/", "/min", "0/min", "-1/s", "1.5/s", "10/0s", "10/m", "1/min ", "9" * 30 + "/s"]
)
def test_what_is_no_rate_is_refused_with_an_example(text):
    with pytest.raises(RequestError, match=r"is no rate\. Write .* such as 10/min"):
        parse_rate(text)


def test_a_period_that_leads_beyond_all_dates_is_refused():
    with pytest.raises(RequestError, match="a period of more than 1,000,000,000 seconds"):
        parse_rate("1/99999d")
