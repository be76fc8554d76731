"""Versions and ranges as strangers write them: each is understood as the specification says, or understood as none."""

from __future__ import annotations

import contextlib

import pytest

from penstock_plugin_manager.errors import ManagerError
from penstock_plugin_manager.model.names import default_distribution, id_of_distribution, parse_provider_requirement
from penstock_plugin_manager.model.requirement import allows, is_prerelease, newer, newest, parse_requirement

LONG = "9" * 5000  # Python reads no number of more than 4300 digits from a text


@pytest.mark.parametrize(
    ("specifier", "inside", "outside"),
    [
        (">=2,<1", [], ["1", "1.5", "2"]),
        ("==1.*", ["1", "1.9", "1.0rc1"], ["2", "1!1.0"]),
        ("!=0.2.0", ["0.2.1", "0.2.0rc1"], ["0.2.0", "0.2", "0.2.0+local"]),
        (">=0.2.0rc1", ["0.2.0rc1", "0.2.0", "1!0.1"], ["0.1.0"]),
        (">=1!0.1", ["1!0.1"], ["99"]),
        ("===0.2.0+local", ["0.2.0+local"], ["0.2.0"]),
        ("~=0.1", ["0.1", "0.9"], ["1.0"]),
        (">=nothing", [], ["1"]),
        (f"<{LONG}", [], ["1"]),
        (f"=={LONG}.*", [], ["1"]),
    ],
)
def test_a_range_holds_what_the_specification_says(specifier, inside, outside):
    assert [each for each in (*inside, *outside) if allows(specifier, each)] == inside


@pytest.mark.parametrize("text", ["", "nothing", "1..2", "\u00b2", LONG, f"1.{LONG}", f"1.0+{LONG}", f"{LONG}!1"])
def test_what_is_no_version_is_neither_newer_nor_older_than_any(text):
    assert (newer(text, "1"), newer("1", text), is_prerelease(text)) in {(False, False, False), (True, False, False)}
    assert allows(">=0", text) in {True, False}
    assert newest([text, "0.1"]) in {"0.1", text}


@pytest.mark.parametrize("text", [f"aws=={LONG}", f"aws>={LONG},<1", f"aws[a]~={LONG}.1", "aws==", "aws>>1"])
def test_a_requirement_that_cannot_be_read_is_refused_or_holds_nothing(text):
    with contextlib.suppress(ManagerError):
        assert not allows(parse_provider_requirement(text).specifier, "1")
    named = parse_requirement(text)
    assert named is None or named.name == "aws"


@pytest.mark.parametrize(
    ("provider_id", "distribution"),
    [("aws", "penstock-providers-aws"), ("big_box", "penstock-providers-big-box"), ("server", "penstock-server")],
)
def test_an_id_names_a_distribution_and_that_names_the_id(provider_id, distribution):
    assert default_distribution(provider_id) == distribution
    assert id_of_distribution(distribution) == provider_id
    assert parse_provider_requirement(f"{distribution}[x]>=1").id == provider_id
