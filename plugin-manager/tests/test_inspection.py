"""What is told of a provider before it is installed: what its services may do beyond others."""

from __future__ import annotations

import pytest
from penstock_manifest.judge import read_manifest

from penstock_plugin_manager.change.inspection import apart_problems, power_warnings

MANIFEST = """
schema = 1
id = "acme"
name = "Acme"
doc = "A provider."
spec = ">=1,<2"
imports = ["penstock_acme"]

[[services]]
id = "acme.web"
object = "penstock_acme.services:Web"
doc = "A page."
"""


@pytest.mark.parametrize(
    ("more", "warned", "apart"),
    [
        ("", 0, 0),
        ("always = true\n", 1, 0),
        ("installation = true\n", 1, 1),
        ("installation = true\nalways = true\n", 2, 1),
    ],
)
def test_a_service_with_powers_is_told_of_and_one_that_needs_the_installation_cannot_live_apart(more, warned, apart):
    manifest = read_manifest(MANIFEST + more).manifest
    warnings, problems = power_warnings(manifest), apart_problems(manifest)
    assert (len(warnings), len(problems)) == (warned, apart)
    assert all(each.startswith("acme.web is ") for each in warnings)
    assert all(each.startswith("its service acme.web is given the whole installation") for each in problems)


def test_a_wheel_without_a_manifest_has_no_powers():
    assert (power_warnings(None), apart_problems(None)) == ([], [])
