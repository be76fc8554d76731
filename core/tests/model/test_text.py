"""Instants and numbers as people read them."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from penstock.model.text import counted, utc_text


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        (datetime(1, 1, 1, tzinfo=UTC), "0001-01-01 00:00:00Z"),
        (datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC), "9999-12-31 23:59:59Z"),
        (datetime(2026, 3, 1, 0, 30, tzinfo=timezone(timedelta(hours=2))), "2026-02-28 22:30:00Z"),
    ],
)
def test_an_instant_is_told_in_utc_with_a_year_of_four_digits(moment, text):
    assert utc_text(moment) == text


def test_a_noun_goes_with_its_number():
    assert [counted(number, "DAG") for number in (0, 1, 2)] == ["0 DAGs", "1 DAG", "2 DAGs"]
