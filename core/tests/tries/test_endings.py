"""What a try left is checked before it reaches the engine."""

import pytest

from penstock.model.attempt import TryEnd, Value
from penstock.model.names import LONGEST_XCOM_KEY
from penstock.model.state import Outcome
from penstock.tries.endings import LONGEST_ERROR, accepted


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


def test_the_middle_of_an_endless_error_is_left_out():
    end = accepted(TryEnd(Outcome.FAILED, "first" + "x" * 20_000_000 + "last"))
    assert len(end.error) < LONGEST_ERROR + 100
    assert end.error.startswith("first")
    assert end.error.endswith("last")
    assert "19,900,009 characters left out" in end.error
