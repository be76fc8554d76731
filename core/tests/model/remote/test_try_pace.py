"""How many tries are taken beyond the slots, by how fast those before them ended."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.model.remote.try_pace import TryPace


@pytest.mark.parametrize(
    ("ends", "at_s", "ahead"),
    [
        ([], 0.0, 0),
        ([(0.0, 0.01)], 0.0, 0),  # one says nothing
        ([(0.0, 0.01)] * 2, 0.1, 2),
        ([(0.0, 0.01)] * 20, 0.0, 64),  # the bound
        ([(0.0, 0.01)] * 20, 0.4, 5),
        ([(0.0, 0.01)] * 20, 0.6, 0),  # what ended long ago says nothing
        ([(0.0, 60.0)] * 20, 0.0, 0),  # nor does what took long
    ],
)
def test_as_many_are_taken_ahead_as_will_have_begun_in_a_tenth_of_a_second(ends, at_s, ahead):
    pace = TryPace(0.1, 64)
    for now_s, ran_s in ends:
        pace.ended(now_s, ran_s)
    assert pace.ahead(at_s) == ahead


@given(st.lists(st.tuples(st.floats(0, 5), st.floats(0, 2))), st.floats(0, 10))
def test_whatever_ends_no_more_are_taken_than_the_bound_and_none_once_nothing_ends(ends, later_s):
    pace = TryPace(0.1, 64)
    now_s = 0.0
    for after_s, ran_s in ends:
        now_s += after_s
        pace.ended(now_s, ran_s)
        assert 0 <= pace.ahead(now_s) <= 64
    assert pace.ahead(now_s + 0.51 + later_s) == 0
