"""Looking at providers: list, info, search, which, tree, why, completion; for people and for programs."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from penstock_plugin_manager.registry import COMMANDS


@pytest.fixture(scope="module")
def shelf(tmp_path_factory, new_world, universe):
    """A world with a catalog of the whole ecosystem and two providers installed, to be copied."""
    world = new_world(tmp_path_factory.mktemp("shelf")).make()
    world.pm("catalog", "build", str(universe), "-o", "catalog.json")
    world.intent.write_text('[plugin-manager]\nproviders = []\ncatalogs = ["catalog.json"]\n')
    world.pm("install", "alpha<2", "gamma")
    return world


@pytest.fixture
def stocked(shelf, tmp_path, new_world):
    """A world of this test alone that is a copy of that one."""
    return new_world(tmp_path).copy_of(shelf)


def test_list_shows_what_is_installed_and_where_it_stands(stocked):
    rows = {row["id"]: row for row in stocked.json("list")["providers"]}
    assert rows["alpha"]["version"] == "1.1"
    assert rows["alpha"]["core"] == ">=0.1"
    assert rows["alpha"]["state"] == "stable"
    assert "alpha" in stocked.pm("list").out.splitlines()[1]


def test_list_answers_again_from_its_index_and_notices_every_change(stocked):
    first = stocked.pm("list").out
    assert stocked.pm("list").out == first
    manifest = (
        stocked.env
        / "lib"
        / f"python{sys.version_info[0]}.{sys.version_info[1]}"
        / "site-packages/penstock_alpha/provider.toml"
    )
    text = manifest.read_text()
    manifest.unlink()
    manifest.write_text(text.replace("The provider alpha.", "Another sentence."))
    assert "Another sentence." in stocked.pm("list").out
    stocked.pm("disable", "gamma")
    assert "disabled" in stocked.pm("list").out
    stocked.pm("enable", "gamma")
    stocked.pm("remove", "gamma")
    assert [row["id"] for row in stocked.json("list")["providers"]] == ["alpha"]


def test_list_available_outdated_unused_and_cost(stocked):
    available = {each["id"] for each in stocked.json("list", "--available")["available"]}
    assert {"beta", "salesy", "acme"} <= available
    assert "alpha" not in available
    outdated = stocked.pm("list", "--outdated", "--index-url", stocked.index, "--json").data["outdated"]
    assert outdated == [{"id": "alpha", "version": "1.1", "latest": "2.0"}]
    (stocked.folder / "dags").mkdir()
    (stocked.folder / "dags/one.py").write_text("import penstock_alpha\n")
    assert stocked.json("list", "--unused", expect=4)["unused"] == ["gamma"]
    cost = {each["id"]: each for each in stocked.json("list", "--cost")["cost"]}
    assert cost["alpha"]["distributions"] == 2
    assert cost["alpha"]["import_ms"] > 0


def test_info_is_the_same_before_and_after_installing(stocked):
    before = stocked.json("info", "salesy")
    assert before["installed"] is None
    stocked.pm("install", "salesy")
    after = stocked.json("info", "salesy")
    assert after["installed"] == "1.0"
    assert before["capabilities"] == after["capabilities"]
    assert {each["id"] for each in after["capabilities"]} == {"salesy.run", "salesy.client", "salesy"}


def test_info_reads_a_wheel_of_the_index_when_no_catalog_knows_the_provider(uv_world):
    assert uv_world.json("info", "store")["capabilities"][1]["schemes"] == ["s4"]


@pytest.mark.parametrize(
    ("words", "ids"),
    [
        pytest.param(["--provides", "connection:salesy"], ["salesy"], id="connection type"),
        pytest.param(["--provides", "scheme:s4"], ["store"], id="scheme"),
        pytest.param(["--provides", "operator:fast"], ["gamma"], id="operator"),
        pytest.param(["bookkeeper"], ["salesy"], id="text"),
    ],
)
def test_search_finds_by_text_and_by_what_is_provided(stocked, words, ids):
    assert [each["id"] for each in stocked.json("search", *words)["providers"]] == ids


def test_search_and_which_say_when_there_is_nothing(stocked):
    assert stocked.json("search", "--provides", "connection:nothing", expect=3) == {"providers": []}
    assert "No known provider offers" in stocked.pm("which", "alpha.runn", expect=3).err
    assert "Did you mean alpha.run" in stocked.pm("which", "alpha.runn", expect=3).err


@pytest.mark.parametrize(
    ("what", "provider"),
    [
        ("alpha.run", "alpha"),
        ("penstock_store.storage:S4", "store"),
        ("Fast", "gamma"),
        ("s4", "store"),
        ("penstock_beta", "beta"),
    ],
)
def test_which_names_the_provider_of_a_capability(stocked, what, provider):
    assert [each["provider"] for each in stocked.json("which", what)["matches"]] == [provider]


def test_tree_and_why_explain_each_distribution(stocked):
    stocked.pm("install", "beta")
    tree = stocked.json("tree", "beta")["roots"][0]
    assert [each["name"] for each in tree["requires"]] == ["lib-b", "penstock-core"]
    assert stocked.json("why", "lib-deep")["paths"] == [["penstock-providers-beta", "lib-b", "lib-deep"]]
    stocked.pm("remove", "beta", "--prune")
    assert "lib-deep is not installed" in stocked.pm("why", "lib-deep", expect=3).err


def test_resolve_draws_what_would_come(stocked):
    said = stocked.pm("resolve", "beta")
    assert "+ " in said.out
    assert "└── " in said.out
    assert '"lib-b" -> "lib-deep";' in stocked.pm("resolve", "beta", "--dot").out


def test_every_json_answer_names_its_schema_and_command(stocked):
    for words in (["list"], ["plan"], ["tree"], ["policy", "show"], ["completion", "ids"]):
        document = json.loads(stocked.pm(*words, "--json").out)
        assert document["schema"] == "penstock.plugin-manager/1"
        assert document["command"] == words[0]
    error = json.loads(stocked.pm("info", "nothing", "--json", expect=3).out)
    assert error["error"]["kind"] == "missing"
    assert error["exit_code"] == 3


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        pytest.param(["ins"], {"install"}, id="command"),
        pytest.param(["install", "alp"], {"alpha"}, id="provider"),
        pytest.param(["remove", "gamma", "alp"], {"alpha"}, id="second provider"),
        pytest.param(["install", "--dry"], {"--dry-run"}, id="option"),
        pytest.param(["bundle", "ver"], {"verify"}, id="fixed word"),
        pytest.param(["scan", "penst"], {"penstock.toml"}, id="file"),
    ],
)
def test_a_real_bash_completes_commands_options_and_ids(stocked, typed, offered):
    script = stocked.pm("completion", "bash").out
    words = " ".join(["plugin-manager", *typed])
    code = (
        f'{script}\nCOMP_WORDS=({words}); COMP_CWORD={len(typed)}; _plugin_manager; printf "%s\\n" "${{COMPREPLY[@]}}"'
    )
    variables = stocked.variables | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    done = subprocess.run(
        ["bash", "-c", code], capture_output=True, text=True, check=True, cwd=stocked.folder, env=variables
    )
    assert set(done.stdout.split()) == offered


def test_completion_ids_are_those_that_are_installed_or_in_a_catalog(stocked):
    assert {"alpha", "beta", "acme"} <= set(stocked.json("completion", "ids")["ids"])


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_every_command_and_its_options_are_in_each_script(uv_world, shell):
    script = uv_world.pm("completion", shell).out
    assert all(re.search(rf"[ \"]{name}[ \"]", script) for name in COMMANDS)
    for name in ("install", "scan", "doctor"):
        for option in set(re.findall(r"--[a-z][a-z-]+", uv_world.pm(name, "--help").out)):
            in_fish = rf'^complete .*"__fish_seen_subcommand_from {name}" -l {option[2:]}$'
            place = in_fish if shell == "fish" else rf"^ +{name}\) .*{option}[ ']"
            assert re.search(place, script, re.MULTILINE), (name, option)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        pytest.param(["instal"], "Did you mean install", id="unknown command"),
        pytest.param(["list", "--frobnicate"], "Unrecognized arguments", id="unknown option"),
        pytest.param(["install"], "needs at least one provider", id="no provider"),
        pytest.param(["list", "--env", "nowhere"], "There is no environment", id="no environment"),
        pytest.param(["list", "--env", "/usr"], "system's Python", id="the system's Python"),
        pytest.param(["list", "--python", "/usr/bin/python3"], "system's Python", id="the system's interpreter"),
    ],
)
def test_a_wrong_call_ends_in_one_sentence(uv_world, words, message):
    said = uv_world.pm(*words, expect=None)
    assert said.code in {1, 3}
    assert message in said.err
    assert said.out == ""


def test_an_unknown_resolver_is_refused(uv_world):
    uv_world.resolver = "conda"
    assert "'conda' is no resolver" in uv_world.pm("install", "alpha", expect=1).err
