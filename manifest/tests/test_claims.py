"""A manifest is believed as far as its distribution bears it out."""

import pytest

from penstock_manifest.claims import claim_problems, ships_module
from penstock_manifest.format import Capability, Manifest

FILES = [
    "penstock_x/__init__.py",
    "penstock_x/hooks.py",
    "penstock_x/deep/__init__.py",
    "penstock_x/fast.cpython-311-x86_64.so",
    "one.py",
]


def _manifest(**changes):
    run = Capability("operators", "x.run", "penstock_x.hooks:Run", "Runs.")
    return Manifest("x", "X", "X.", ">=1", ("penstock_x",), capabilities=(run,))._replace(**changes)


def _with(**changes):
    return _manifest(capabilities=(_manifest().capabilities[0]._replace(**changes),))


@pytest.mark.parametrize(
    ("manifest", "problem"),
    [
        pytest.param(_manifest(), "", id="true"),
        pytest.param(_manifest(imports=("penstock_x", "one")), "", id="a module of its own"),
        pytest.param(_with(object="penstock_x.deep:Run"), "", id="a package inside"),
        pytest.param(_with(object="penstock_x.fast:Run"), "", id="an extension module"),
        pytest.param(_with(extra="Big_One"), "", id="an extra in another spelling"),
        pytest.param(_manifest(plugin="penstock_x.hooks"), "", id="a plugin module"),
        pytest.param(_manifest(imports=("penstock_x", "boto3")), "it claims the package 'boto3'", id="a library"),
        pytest.param(_manifest(imports=("penstock_x", "penstock_other")), "it claims the package 'penstock_other'", id="a sibling"),
        pytest.param(_with(object="os:system"), "'os', which is in none of its packages", id="an object elsewhere"),
        pytest.param(_with(object="penstock_x.gone:Run"), "'penstock_x.gone' is not in the distribution", id="no such module"),
        pytest.param(_with(extra="nope"), "has no extra 'nope'", id="no such extra"),
        pytest.param(_manifest(plugin="penstock_x.gone"), "its plugin module", id="no plugin module"),
        pytest.param(_manifest(plugin="json"), "its plugin module", id="a plugin module elsewhere"),
    ],
)  # fmt: skip
def test_what_is_claimed_and_not_shipped_is_a_problem(manifest, problem):
    found = claim_problems(manifest, lambda module: ships_module(FILES, module), ["big-one"])
    assert [problem in each for each in found] == ([True] if problem else [])
