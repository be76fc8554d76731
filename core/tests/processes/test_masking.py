"""Secrets are replaced by value, in streams that are cut anywhere, in texts and in JSON values."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.processes.masking import Mask, hide_values

SECRET = "hunter2-hunter2"


@given(st.integers(1, 40))
def test_a_secret_is_found_however_its_stream_is_cut(step):
    mask = Mask([SECRET])
    stream = f"before {SECRET} between\nand {SECRET}".encode()
    shown = b"".join(mask.feed(stream[at : at + step]) for at in range(0, len(stream), step)) + mask.finish()
    assert shown == b"before *** between\nand ***"


def test_a_stream_without_secrets_passes_at_once():
    assert Mask().feed(b"no line end yet") == b"no line end yet"


@pytest.mark.parametrize(
    ("secrets", "text", "shown"),
    [
        (["ab"], "ab is too short to hide", "ab is too short to hide"),
        (["abc", "abcdef"], "abcdef", "***"),
        (["first line\nsecond line"], "only the second line", "only the ***"),
    ],
)
def test_what_is_hidden_in_a_text(secrets, text, shown):
    assert Mask(secrets).hide(text) == shown


def test_values_that_are_secrets_are_hidden_at_any_depth():
    value = {"a": [SECRET, {"b": SECRET}], "c": f"{SECRET} within", "d": 5, "e": None, "f": ""}
    shown = {"a": ["***", {"b": "***"}], "c": f"{SECRET} within", "d": "***", "e": None, "f": ""}
    assert hide_values(value, {SECRET, "5", ""}) == shown
