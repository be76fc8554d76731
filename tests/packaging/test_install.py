"""Installing and removing, end to end: what does not depend on the adapter. The verbs on both are in test_resolvers.py."""

from __future__ import annotations

import subprocess
import sys

import pytest


@pytest.fixture
def resolver():
    """The one adapter."""
    return "uv"


def test_exactly_core_and_the_named_providers_are_installed(world):
    data = world.json("install", "alpha", "beta")
    assert world.standing() == {
        "penstock-core": "0.2.0", "penstock-providers-alpha": "2.0", "lib-a": "1.5",
        "penstock-providers-beta": "1.0", "lib-b": "1.0", "lib-deep": "1.0",
    }  # fmt: skip
    reasons = {step["name"]: step["reason"] for step in data["steps"]}
    assert reasons["penstock-providers-alpha"] == "you want alpha"
    assert reasons["lib-deep"] == "needed by lib-b"
    assert [each["id"] for each in world.json("list")["providers"]] == ["alpha", "beta"]


def test_the_core_never_moves_unasked(world):
    world.pm("install", "old_core")
    assert world.standing()["penstock-core"] == "0.1.0"
    world.pm("install", "alpha")
    assert world.standing()["penstock-core"] == "0.1.0"
    world.pm("remove", "old_core")
    world.pm("upgrade", "core")
    assert world.standing()["penstock-core"] == "0.2.0"


def test_what_a_person_installed_by_hand_is_left_alone(world, universe):
    uv = [
        sys.executable,
        "-m",
        "uv",
        "pip",
        "install",
        "-q",
        "--python",
        str(world.env / "bin" / "python"),
        "--no-index",
    ]
    subprocess.run([*uv, "--find-links", str(universe), "lib-c<2", "lib-cloudy"], check=True, env=world.variables)
    said = world.pm("install", "right", "--json", expect=5)
    assert "lib-c" in said.error["message"]
    world.pm("install", "alpha")
    world.pm("remove", "alpha", "--prune")
    assert world.standing() == {"lib-c": "1.0", "lib-cloudy": "1.0", "boto3": "1.0", "penstock-core": "0.2.0"}


def test_a_cloud_sdk_that_nothing_asked_for_is_named(world):
    data = world.pm("install", "clouded", "--dry-run", "--json", expect=2).data
    assert any(
        "boto3 (Amazon Web Services) comes along though nothing asked for it" in text for text in data["warnings"]
    )
    data = world.pm("install", "cloud", "--dry-run", "--json", expect=2).data
    assert data["warnings"] == []


@pytest.mark.parametrize(
    ("wish", "code", "words"),
    [
        pytest.param("alphq", 3, "There is no provider 'alphq'", id="unknown"),
        pytest.param("alpha>=9", 3, "alpha", id="no such version"),
        pytest.param("no_toml", 5, "is no TOML", id="manifest that is no TOML"),
        pytest.param("bad_manifest", 5, "name is missing", id="manifest without keys"),
        pytest.param(
            "misnamed",
            5,
            "its id is 'other', but its entry point is named 'misnamed'",
            id="id that is not the entry point's",
        ),
        pytest.param(
            "new_core", 5, "No version of penstock-core satisfies >=9; there is 0.1.0, 0.2.0.", id="needs a newer core"
        ),
        pytest.param("new_spec", 5, "serves spec >=2", id="needs a newer spec"),
        pytest.param("is_suspended", 5, "is suspended", id="suspended"),
        pytest.param("is_removed", 5, "has been removed", id="removed"),
        pytest.param("old_python", 5, "old-python", id="no wheel for this Python"),
        pytest.param("Bad Id!", 1, "names no provider", id="no id at all"),
        pytest.param("alpha>>1", 1, "is no version range", id="no range"),
    ],
)
def test_what_cannot_be_installed_ends_in_one_sentence_and_changes_nothing(world, wish, code, words):
    before = world.picture()
    said = world.pm("install", wish, expect=None)
    assert said.code == code, said
    assert words in said.err
    assert said.out == ""
    assert world.picture() == before


def test_nearest_names_are_offered(world):
    world.pm("install", "alpha")
    assert "Did you mean alpha?" in world.pm("info", "alpa", expect=3).err


def test_a_second_distribution_with_a_taken_id_is_refused_and_reported(world, universe):
    world.pm("install", "alpha")
    uv = [
        sys.executable,
        "-m",
        "uv",
        "pip",
        "install",
        "-q",
        "--no-deps",
        "--python",
        str(world.env / "bin" / "python"),
        "--no-index",
    ]
    subprocess.run([*uv, "--find-links", str(universe), "rival-workflows"], check=True, env=world.variables)
    rows = world.json("list", "--broken", expect=5)["providers"]
    assert {row["distribution"] for row in rows} == {"penstock-providers-alpha", "rival-workflows"}
    assert "none is active until only one is installed" in rows[0]["problems"][0]


def test_a_provider_that_raises_on_import_harms_nothing(world):
    world.pm("install", "raising", "alpha")
    for words in (["list"], ["info", "raising"], ["tree"], ["why", "lib-a"], ["plan"], ["verify"], ["doctor"]):
        world.pm(*words)
    world.pm("remove", "raising")


def test_budgets_fail_the_plan(world):
    before = world.picture()
    assert "the budget is 2.0 MB" in world.pm("install", "huge", "--max-mb", "2", expect=6).err
    assert "the budget is 1" in world.pm("install", "alpha", "--max-dists", "1", expect=6).err
    assert world.picture() == before
