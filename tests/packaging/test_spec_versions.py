"""The spec version decides which release of a provider comes, and what stays when the core moves."""

from __future__ import annotations

import pytest

from penstock_testkit.wheels import small_manifest, write_provider, write_wheel


@pytest.fixture
def trains(tmp_path):
    """Wheels of three cores, which serve spec 1, 1 to 2 and 2 alone, and of providers for one and the other."""
    folder = tmp_path / "trains"
    for version, text in {
        "0.1.0": "SPEC_VERSION = 1\nOLDEST_SPEC_VERSION = 1\n",
        "0.2.0": "SPEC_VERSION = 2\nOLDEST_SPEC_VERSION: int = 1\n",
        "0.3.0": "SPEC_VERSION = 2\nOLDEST_SPEC_VERSION = 2\n",
    }.items():
        files = {"penstock/__init__.py": "", "penstock/spec/__init__.py": "", "penstock/spec/plugin.py": text}
        write_wheel(folder, "penstock-core", version, files=files)
    for version, spec in {"1.0": ">=1,<2", "1.1": ">=1,<2", "2.0": ">=2,<3", "2.1": ">=2,<3"}.items():
        write_provider(folder, "moving", version, manifest=small_manifest("moving", spec=spec))
    write_provider(folder, "staying", "1.0", manifest=small_manifest("staying", spec=">=1,<2"))
    return ["--no-index", "--find-links", str(folder)]


def test_the_newest_release_that_serves_the_spec_of_the_core_comes_and_moves_with_it(uv_world, trains):
    uv_world.intent.write_text('[plugin-manager]\ncore = "<0.2"\n')
    said = uv_world.pm("install", "moving", "--json", *trains).data
    assert {each: uv_world.standing()[each] for each in ("penstock-core", "penstock-providers-moving")} == {
        "penstock-core": "0.1.0", "penstock-providers-moving": "1.1",
    }  # fmt: skip
    assert said["warnings"] == [
        f"moving {version} serves spec >=2,<3, and core 0.1.0 serves spec 1; 1.1 is taken" for version in ("2.1", "2.0")
    ]

    refused = uv_world.pm("install", "moving==2.0", "--json", *trains, expect=5).error
    assert refused["message"] == (
        "penstock-providers-moving 2.0 would not work here: it serves spec >=2,<3, and core 0.1.0 serves spec 1."
    )

    uv_world.intent.write_text('[plugin-manager]\nproviders = ["moving"]\ncore = "<0.3"\n')
    uv_world.pm("upgrade", "core", *trains)
    assert uv_world.standing()["penstock-providers-moving"] == "1.1"  # spec 1 is served as well

    uv_world.intent.write_text('[plugin-manager]\nproviders = ["moving"]\n')
    steps = uv_world.pm("upgrade", "core", "--json", *trains).data["steps"]
    assert {step["name"]: step["new"] for step in steps} == {
        "penstock-core": "0.3.0", "penstock-providers-moving": "2.1",
    }  # fmt: skip
    assert uv_world.json("list", "--broken")["providers"] == []


def test_a_core_does_not_move_away_from_a_provider_that_has_no_release_for_it(uv_world, trains):
    uv_world.intent.write_text('[plugin-manager]\ncore = "<0.3"\n')
    uv_world.pm("install", "staying", *trains)
    uv_world.intent.write_text('[plugin-manager]\nproviders = ["staying"]\n')
    before = uv_world.picture()

    refused = uv_world.pm("upgrade", "core", "--json", *trains, expect=5).error

    assert refused["message"] == (
        "Provider 'staying' (penstock-providers-staying 1.0) would not work any more: it serves spec >=1,<2, "
        "and core 0.3.0 serves spec 2."
    )
    assert uv_world.picture() == before
    said = uv_world.pm("upgrade", "core", "--allow-broken", "--json", *trains).data
    assert ["would not work any more" in each for each in said["warnings"]] == [True]
