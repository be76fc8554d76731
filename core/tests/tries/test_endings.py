"""What a try left is checked before it reaches the engine."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.model.attempt import TryEnd, Value
from penstock.model.names import LONGEST_XCOM_KEY
from penstock.model.state import Outcome
from penstock.model.values.value import encode, length
from penstock.tries.endings import LONGEST_ERROR, MOST_RENDERED, accepted


@pytest.mark.parametrize("key", ["return_value", "", "é ü", "a\nb", "k" * LONGEST_XCOM_KEY])
def test_a_value_under_any_key_that_can_be_kept_is_kept(key):
    end = TryEnd(Outcome.SUCCESS, xcoms={key: Value(b"1")})
    assert accepted(end) is end


@pytest.mark.parametrize(
    ("key", "words"), [("k\0", "holds a NUL character"), ("k" * (LONGEST_XCOM_KEY + 1), "has 513 characters")]
)
def test_a_try_whose_value_cannot_be_kept_has_failed_for_good_and_says_why(key, words):
    end = accepted(TryEnd(Outcome.SUCCESS, xcoms={"ok": Value(b"1"), key: Value(b"2")}))
    assert (end.outcome, end.retryable, end.xcoms) == (Outcome.FAILED, False, {})
    assert words in end.error


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (Value(b"not json"), "is no JSON of a value"),
        (Value(b"[1, 2"), "is no JSON of a value"),
        (Value(b"[" * 5000 + b"]" * 5000), "under the XCom key 'k'"),
        (Value(b"\xff"), "is no JSON of a value"),
        (Value(b'{"$penstock": "tuple"}'), "is no JSON of a value"),
        (Value(b'{"$penstock": "ref", "value": {"url": 5}}'), "is no JSON of a value"),
        (Value(b'{"$penstock": "ref", "value": {"url": "file:///x", "parts": [-5]}}', -5), "is no JSON of a value"),
        (Value(b"[1, 2]", -5), "said to have -5 elements; it has 2"),
        (Value(b"[1, 2]", 2**62), "elements; it has 2"),
        (Value(b"7", 1), "said to have 1 elements; it has None"),
    ],
)
def test_a_value_that_is_not_what_it_is_said_to_be_is_refused(value, words):
    end = accepted(TryEnd(Outcome.SUCCESS, xcoms={"k": value}))
    assert (end.outcome, end.retryable, end.xcoms) == (Outcome.FAILED, False, {})
    assert words in end.error


@given(
    st.recursive(
        st.none() | st.integers() | st.floats(allow_nan=False) | st.text() | st.datetimes() | st.binary(),
        lambda inner: st.lists(inner) | st.tuples(inner, inner) | st.dictionaries(st.text() | st.integers(), inner),
        max_leaves=8,
    )
)
def test_whatever_a_task_can_leave_is_taken_with_its_length(value):
    end = TryEnd(Outcome.SUCCESS, xcoms={"k": Value(encode(value), length(value))})
    assert accepted(end) is end


def test_rendered_fields_are_kept_unless_they_are_far_more_than_a_try_tells():
    kept = TryEnd(Outcome.FAILED, rendered={"sql": "x" * (MOST_RENDERED - 3)})
    assert accepted(kept) is kept
    assert accepted(TryEnd(Outcome.FAILED, rendered={"sql": "x" * MOST_RENDERED})) == TryEnd(Outcome.FAILED)


def test_the_middle_of_an_endless_error_is_left_out():
    end = accepted(TryEnd(Outcome.FAILED, "first" + "x" * 20_000_000 + "last"))
    assert len(end.error) < LONGEST_ERROR + 100
    assert end.error.startswith("first")
    assert end.error.endswith("last")
    assert "19,900,009 characters left out" in end.error


@pytest.mark.parametrize(
    ("made", "words"),
    [
        ({"": {}}, "stands for what is no asset"),
        ({"alias:y": {}}, "alias:y is an alias"),
        ({"a": {"x": "y" * 70_000}}, "at most 65,536"),
        ({str(number): {} for number in range(1001)}, "stands for 1,001 assets; at most 1,000 are kept"),
    ],
    ids=["no asset", "an alias", "too large", "too many"],
)
def test_a_try_whose_alias_stands_for_what_cannot_be_kept_has_failed(made, words):
    end = accepted(TryEnd(Outcome.SUCCESS, resolved={"alias:x": made}))
    assert (end.outcome, end.resolved) == (Outcome.FAILED, {})
    assert words in end.error
    assert accepted(TryEnd(Outcome.SUCCESS, resolved={"alias:x": {"a": {}}})).outcome is Outcome.SUCCESS


def test_a_key_of_a_mapped_instance_is_cut_and_made_visible():
    assert accepted(TryEnd(Outcome.SUCCESS, map_key="a\0\nb")).map_key == "a\\x00 b"
    assert len(accepted(TryEnd(Outcome.FAILED, map_key="x" * 9000)).map_key) == 250
