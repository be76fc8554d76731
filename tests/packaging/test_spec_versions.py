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


def test_a_plan_of_an_upgrade_names_the_lines_that_use_what_changes(uv_world, tmp_path):
    folder, sources = tmp_path / "shop", ["--no-index", "--find-links", str(tmp_path / "shop")]
    write_wheel(folder, "penstock-core", "0.1.0", files={"penstock/__init__.py": ""})
    for version, parameters in {"1.0": '{name = "acl"}', "2.0": ""}.items():
        manifest = small_manifest("copier").replace('doc = "Runs', f'parameters = [{parameters}]\ndoc = "Runs')
        files = {"penstock_copier/tools.py": "def helper(): ...\n" if version == "1.0" else ""}
        write_provider(folder, "copier", version, manifest=manifest, files=files)
    uv_world.pm("install", "copier==1.0", *sources)
    uv_world.intent.write_text('[plugin-manager]\nproviders = ["copier"]\n')
    (uv_world.folder / "dags").mkdir()
    dag = "from penstock_copier.operators import Run\nfrom penstock_copier.tools import helper\n\nRun(\n    acl=1)\n"
    (uv_world.folder / "dags" / "x.py").write_text(dag)

    said = uv_world.pm("plan", "upgrade", "copier", *sources, expect=2).out
    data = uv_world.pm("upgrade", "--plan", "--json", *sources, expect=2).data["impact"]

    assert "dags/x.py:4 uses Run(acl=), removed in 2.0\n" in said
    assert [(each["line"], each["text"]) for each in data["hits"]] == [
        (2, "uses helper, removed in 2.0"), (4, "uses Run(acl=), removed in 2.0"),
    ]  # fmt: skip
    assert (data["compared"], data["notes"]) == (["copier 1.0 -> 2.0"], [])
    (uv_world.folder / "dags" / "x.py").write_text("import penstock_copier\n")
    said = uv_world.pm("plan", "upgrade", *sources, expect=2).out
    assert "No line of the project's DAG files uses what changes: copier 1.0 -> 2.0." in said
    assert uv_world.standing()["penstock-providers-copier"] == "1.0"
