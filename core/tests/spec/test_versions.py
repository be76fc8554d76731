"""Spec ranges."""

import pytest

from penstock.spec.versions import serves


@pytest.mark.parametrize(
    ("text", "version", "verdict"),
    [
        (">=1,<2", 1, True),
        (">=1,<2", 2, False),
        (" >= 1 , < 2 ", 1, True),
        ("==1.0", 1, True),
        ("!=1", 1, False),
        (">1.5", 2, True),
        ("<=1", 1, True),
        ("", 1, None),
        ("1", 1, None),
        ("~=1", 1, None),
        (">=1,", 1, None),
    ],
)
def test_a_range_serves_a_version_or_is_no_range(text, version, verdict):
    assert serves(text, version) is verdict
