"""Arguments of a planned capability are judged by the manifest alone."""

import pytest

from penstock_manifest.arguments import accepts, argument_problems
from penstock_manifest.format import Capability, Parameter

COPY = Capability(
    kind="operators",
    id="acme.copy",
    object="penstock_acme:Copy",
    doc="Copies.",
    parameters=(
        Parameter("source", "str | list[str]", "Where from.", required=True),
        Parameter("parts", "int", "How many."),
    ),
)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        pytest.param({"source": "a", "parts": 3}, [], id="right"),
        pytest.param({"source": "{{ ds }}", "parts": "{{ params.n }}"}, [], id="templates are judged later"),
        pytest.param({}, ["needs the argument 'source'"], id="missing"),
        pytest.param({"source": "a", "part": 3}, ["did you mean 'parts'?"], id="nearest"),
        pytest.param({"source": "a", "zzz": 3}, ["it takes source, parts"], id="nothing near"),
        pytest.param(
            {"source": 5, "parts": "3"}, ["source must be", "parts must be int, not '3' (str)"], id="two types"
        ),
    ],
)
def test_arguments_are_checked_all_at_once(arguments, says):
    problems = argument_problems(COPY, arguments)

    assert len(problems) == len(says)
    assert all(any(part in problem for problem in problems) for part in says)


@pytest.mark.parametrize(
    ("written", "value", "fits"),
    [
        ("int", 1, True),
        ("int", True, False),
        ("bool", True, True),
        ("float", 1, True),
        ("int | None", None, True),
        ("int", None, False),
        ("list[str]", ["a", 1], False),
        ("list[str | int]", ["a", 1], True),
        ("dict[str, int]", {"a": 1}, True),
        ("dict[str, int]", {"a": "b"}, False),
        ("Literal['a', 'b']", "b", True),
        ("Literal['a']", "b", False),
        ("Callable[[int], str]", 7, True),
        ("datetime", "2026-01-01", True),
        ("not a type (", 7, True),
        ("str", object(), True),
        ("int", {"$xcom": ["task", "key"]}, True),
    ],
)
def test_plain_types_are_judged_and_others_accepted(written, value, fits):
    assert accepts(written, value) is fits
