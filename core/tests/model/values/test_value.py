from datetime import UTC, datetime
from enum import StrEnum
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.model.values.not_serialisable import NotSerialisableError
from penstock.model.values.value import TAG, Reference, decode, elements, encode, form_of, length, refer

scalars = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary() | st.decimals(allow_nan=False)
    | st.uuids() | st.dates() | st.times() | st.timedeltas() | st.datetimes() | st.datetimes(timezones=st.just(UTC))
)  # fmt: skip
hashable = st.integers() | st.text() | st.dates() | st.tuples(st.integers(), st.text())
values = st.recursive(
    scalars | st.sets(hashable) | st.frozensets(hashable),
    lambda inner: st.lists(inner) | st.tuples(inner, inner) | st.dictionaries(st.text() | st.just(TAG), inner)
    | st.dictionaries(hashable, inner),
    max_leaves=12,
)  # fmt: skip


def same(one, other):
    """Equal, and of the same type, all the way down."""
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    return one == other


@given(values)
def test_what_goes_in_comes_out(value):
    assert same(decode(encode(value)), value)


@settings(max_examples=30)
@given(st.lists(values) | st.lists(values).map(tuple) | st.dictionaries(hashable | st.text(), values))
def test_each_element_of_an_encoded_value_can_be_cut_out(value):
    expected = list(value.items()) if isinstance(value, dict) else list(value)
    assert length(value) == len(expected)
    cut = [decode(each) for each in elements(encode(value))]
    assert len(cut) == len(expected)
    assert all(map(same, cut, expected))


@pytest.mark.parametrize("value", ["text", 7, 1.5, True, None, datetime(2026, 1, 1, tzinfo=UTC), 2**70], ids=repr)
def test_what_has_no_elements_says_so(value):
    with pytest.raises(TypeError, match=f"a {type(value).__name__} has no elements"):
        elements(encode(value))


@settings(max_examples=30)
@given(st.lists(values) | st.lists(values).map(tuple) | st.dictionaries(hashable | st.text(), values))
def test_the_form_of_a_value_with_elements_is_seen_in_its_json(value):
    assert form_of(encode(value)) == type(value).__name__


def test_the_elements_of_a_reference_are_references_into_its_parts():
    whole = Reference("file:///x", "c", "list", (2, 1))
    assert elements(refer(whole)) == [
        refer(Reference("file:///x.0", "c", index=0)),
        refer(Reference("file:///x.0", "c", index=1)),
        refer(Reference("file:///x.1", "c", index=0)),
    ]


def test_references_in_a_list_of_values_stay_what_they_are():
    one = refer(Reference("file:///x"))
    assert elements(b"[1," + one + b"]") == [b"1", one]


@pytest.mark.parametrize(
    "number",
    [float("inf"), float("-inf"), 2**64, -(2**63) - 1, 10**40, -(10**5000)],
    ids=["inf", "-inf", "2**64", "below", "long", "longer than decimal"],
)
def test_numbers_beyond_json_survive(number):
    assert decode(encode([number])) == [number]


def test_not_a_number_survives():
    assert str(decode(encode(float("nan")))) == "nan"


class Colour(StrEnum):
    RED = "red"


class Point(NamedTuple):
    x: int
    y: int


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        (Colour.RED, b'"red"'),
        ([True], b"[true]"),
        (Point(1, 2), b'{"$penstock":"tuple","value":[1,2]}'),
        ({"a": 1}, b'{"a":1}'),
    ],
)
def test_subclasses_are_encoded_as_their_base(value, plain):
    assert encode(value) == plain


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (object(), "a builtins.object has no JSON form"),
        ({"a": [1, {"b": 1j}]}, "a builtins.complex at ['a'][1]['b'] has no JSON form"),
        ([datetime], "a builtins.type at [0]"),
    ],
)
def test_what_has_no_json_form_is_named_with_its_place(value, said):
    with pytest.raises(NotSerialisableError) as caught:
        encode(value)
    assert said in str(caught.value)


def test_a_scalar_has_no_elements():
    with pytest.raises(TypeError, match="a str has no elements"):
        elements(b'"abc"')
