from __future__ import annotations

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from penstock_testkit.wheels import small_manifest

from penstock_plugin_manager.model.manifest import read_manifest, strict_problems

GOOD = tomllib.loads(small_manifest("aws", tables='[[connections]]\ntype = "aws"\ndoc = "x"\nschemes = ["aws"]\n'))


def test_a_valid_manifest_has_no_problems_and_keeps_its_capabilities():
    reading = read_manifest(GOOD, "aws")
    assert reading.problems == ()
    assert [(each.kind, each.id) for each in reading.manifest.capabilities] == [
        ("operators", "aws.run"),
        ("connections", "aws"),
    ]


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        pytest.param({"id": None}, "key 'id' is missing", id="no id"),
        pytest.param({"id": "Bad-Id"}, "is not lower-case", id="id in another form"),
        pytest.param({"id": "gcp"}, "differs from the entry point's name", id="another entry point"),
        pytest.param({"schema": 2}, "schema 2 is not known here", id="newer schema"),
        pytest.param({"schema": "1"}, "must be an integer", id="schema as text"),
        pytest.param({"spec": "one"}, "is no version range", id="spec that is no range"),
        pytest.param({"state": "fresh"}, "it must be one of", id="unknown state"),
        pytest.param({"imports": "penstock_aws"}, "must be a list of strings", id="imports as text"),
        pytest.param({"extras": {"s3": 1}}, "must be a table of name to sentence", id="extras of numbers"),
        pytest.param({"operators": {}}, "must be an array of tables", id="operators as table"),
        pytest.param(
            {"operators": [{"id": "aws.x", "doc": "x"}]}, "operators[0]: key 'object' is missing", id="no object"
        ),
        pytest.param(
            {"operators": [{"id": "aws.x", "doc": "x", "object": "m"}]},
            "is no module:attribute",
            id="object without attribute",
        ),
        pytest.param(
            {"operators": [{"id": "gcp.x", "doc": "x", "object": "m:a"}]},
            "does not begin with 'aws.'",
            id="foreign prefix",
        ),
        pytest.param(
            {"sensors": [{"id": "aws.run", "doc": "x", "object": "m:a"}]}, "is taken by operators[0]", id="id twice"
        ),
        pytest.param(
            {"hooks": [{"id": "aws.h", "doc": "x", "object": "m:a"}]},
            "key 'connection_type' is missing",
            id="hook without type",
        ),
    ],
)
def test_each_fault_is_a_problem_that_names_it(change, problem):
    data = {key: item for key, item in {**GOOD, **change}.items() if item is not None}
    reading = read_manifest(data, "aws")
    assert reading.manifest is None
    assert any(problem in each for each in reading.problems), reading.problems


def test_unknown_keys_and_kinds_are_passed_over_by_readers_and_told_to_authors():
    data = {**GOOD, "colour": 1, "robots": [{"id": "aws.r"}]}
    reading = read_manifest(data, "aws")
    assert reading.manifest is not None
    assert "'robots' is unknown here" in reading.notes[0]
    assert strict_problems(data) == ["unknown key 'colour'", "unknown key 'robots'"]


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
def test_no_value_of_any_key_makes_reading_fail(value):
    for key in ("id", "schema", "spec", "state", "imports", "extras", "operators", "hooks", "connections", "commands"):
        reading = read_manifest({**GOOD, key: value}, "aws")
        assert (reading.manifest is None) == bool(reading.problems)
