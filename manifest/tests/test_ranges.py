"""Spec ranges."""

import pytest

from penstock_manifest.ranges import range_problem, serves


@pytest.mark.parametrize(
    ("text", "served", "verdict"),
    [
        (">=1,<2", range(1, 2), True),
        (">=1,<2", range(2, 3), False),
        (" >= 1 , < 2 ", range(1, 2), True),
        ("==1.0", range(1, 2), True),
        ("!=1", range(1, 2), False),
        (">1.5", range(2, 3), True),
        ("<=1", range(1, 2), True),
        (">=1,<2", range(1, 4), True),
        (">=1,<2", range(2, 4), False),
        (">=4", range(1, 4), False),
    ],
)
def test_a_range_serves_a_core_that_has_one_of_its_versions(text, served, verdict):
    assert range_problem(text) == ""
    assert serves(text, served) is verdict


@pytest.mark.parametrize(
    "text",
    ["", "1", "~=1", ">=1,", "==1.*", "===1", ">=1rc1", ">=1+local", ">=1!1", ">=\u0661", "> =1", ">=" + "9" * 5000],
)
def test_what_is_no_range_is_refused_with_a_sentence(text):
    assert "is no version range; its part" in range_problem(text)
    with pytest.raises(ValueError, match="is no version range"):
        serves(text, range(1, 2))


def test_a_compatible_release_is_refused_with_what_to_write_instead():
    assert range_problem("~=1.0") == "'~=1.0' is no version range here; write '>=1,<2'"
