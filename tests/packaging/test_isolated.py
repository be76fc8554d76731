"""An isolated provider is a provider of the project: every command counts it in, on this machine and on the next."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from penstock_testkit.wheels import small_manifest, write_provider

pytestmark = pytest.mark.xdist_group("isolated")

RIGHT = {"lib-c": "2.0", "penstock-core": "0.2.0", "penstock-providers-right": "1.0"}


@pytest.fixture(scope="module")
def template(tmp_path_factory, new_world):
    """A project with one provider in the shared environment and one that conflicts with it in its own."""
    world = new_world(tmp_path_factory.mktemp("isolated")).make(generations=True)
    world.pm("install", "left")
    world.pm("isolate", "right")
    (world.folder / "dags").mkdir()
    (world.folder / "dags" / "both.py").write_text("import penstock_left, penstock_right\n")
    return world


@pytest.fixture
def next_machine(template, tmp_path, new_world):
    """What a repository holds of that project, with an empty environment."""
    world = new_world(tmp_path / "next")
    shutil.copytree(template.folder, world.folder, ignore=shutil.ignore_patterns(".venv*", "cache"))
    return world.make(generations=True)


def interpreter(world) -> Path:
    return Path(json.loads((world.env / "penstock-isolated.json").read_text())["right"])


def standing(python: Path) -> dict[str, str]:
    code = "import importlib.metadata as m, json; print(json.dumps({d.name: d.version for d in m.distributions()}))"
    found: dict[str, str] = json.loads(
        subprocess.run([python, "-I", "-c", code], capture_output=True, check=True).stdout
    )
    return found


def test_each_command_that_shows_or_proves_counts_it_in(template):
    rows = {row["id"]: row for row in template.json("list")["providers"]}
    assert {name: row["isolated"] for name, row in rows.items()} == {"left": False, "right": True}
    assert template.pm("scan", "--check").code == 0
    assert template.json("info", "right")["installed"] == "1.0"
    assert template.json("which", "right.run")["matches"][0]["where"] == "installed"
    assert [each["name"] for each in template.json("tree", "right")["roots"]] == ["penstock-providers-right"]
    paths = template.json("why", "lib-c")["paths"]
    assert paths == [["penstock-providers-left", "lib-c"], ["penstock-providers-right", "lib-c"]]
    assert template.json("verify")["checked"] == 6
    assert template.json("list", "--unused")["unused"] == []
    assert {each["id"] for each in template.json("list", "--cost")["cost"]} == {"left", "right"}
    assert template.pm("bundle", "create", "-o", "x.bundle", expect=5).err.startswith(
        "error: A bundle holds one environment"
    )
    assert "pylock.right.toml" in template.pm("export", "requirements").err
    assert "pylock*.toml" in template.pm("export", "dockerfile").out


@pytest.mark.parametrize("words", [["sync", "--frozen"], ["sync"], ["install", "left"], ["doctor", "--fix"]])
def test_the_next_machine_gets_it_from_its_own_lock(next_machine, words):
    assert "its own environment is missing" in next_machine.pm("doctor", expect=1).out
    assert next_machine.json("sync", "--frozen", "--dry-run", expect=2)["isolated"]["right"]
    before = (next_machine.folder / "pylock.right.toml").read_text()
    next_machine.pm(*words)
    assert standing(interpreter(next_machine)) == RIGHT
    assert (next_machine.folder / "pylock.right.toml").read_text() == before
    next_machine.pm("doctor")
    assert next_machine.json("verify")["findings"] == []


def test_without_its_lock_a_frozen_sync_is_refused(next_machine):
    (next_machine.folder / "pylock.right.toml").unlink()
    before = next_machine.picture()
    assert "There is no lock" in next_machine.pm("sync", "--frozen", expect=3).err
    assert next_machine.picture() == before


def test_damage_in_its_environment_is_found_and_mended(next_machine):
    next_machine.pm("sync", "--frozen")
    python = interpreter(next_machine)
    module = next(python.parents[1].glob("lib/python*/site-packages/lib_c.py"))
    module.write_text("EDITED = 1\n")
    words = "lib_c.py was changed after it was installed"
    assert words in next_machine.pm("verify", expect=6).out
    assert words in next_machine.pm("doctor", expect=1).out
    next_machine.pm("doctor", "--fix")
    next_machine.pm("verify")
    python = interpreter(next_machine)
    assert standing(python) == RIGHT
    shutil.rmtree(python.parents[1])
    next_machine.pm("verify", expect=6)
    next_machine.pm("sync")
    assert standing(interpreter(next_machine)) == RIGHT


def test_it_follows_its_generation_and_leaves_when_it_is_removed(next_machine):
    next_machine.pm("sync", "--frozen")
    python = interpreter(next_machine)
    assert "not isolated" in next_machine.pm("isolate", "left", "--undo", expect=3).err
    next_machine.pm("install", "right>=1")
    assert 'isolated = ["right>=1"]' in next_machine.intent.read_text()
    next_machine.pm("remove", "right")
    assert not (next_machine.env / "penstock-isolated.json").exists()
    assert not (next_machine.folder / "pylock.right.toml").exists()
    assert "right" not in next_machine.intent.read_text()
    next_machine.pm("rollback", "2")
    assert interpreter(next_machine) == python
    assert standing(python) == RIGHT
    next_machine.pm("doctor")


def test_a_plan_of_its_upgrade_names_the_lines_that_use_what_changes(template, tmp_path):
    manifest = small_manifest("right").replace("right.run", "right.go").replace(":Run", ":Go")
    write_provider(tmp_path, "right", "2.0", manifest=manifest, requires=["penstock-core>=0.1", "lib-c>=2"])
    dag = template.folder / "dags" / "right.py"
    dag.write_text("from penstock import operator\n\noperator('right.run', task_id='a')\n")
    words = ("--find-links", str(tmp_path), "--index-url", template.index)
    found = template.json("upgrade", "right", "--plan", *words, expect=2)["impact"]
    dag.unlink()
    assert found["compared"] == ["right 1.0 -> 2.0"]
    assert [(each["file"], each["line"], each["text"]) for each in found["hits"]] == [
        ("dags/right.py", 3, "uses right.run, removed in 2.0")
    ]


def test_the_core_of_an_isolated_provider_is_that_of_the_shared_environment(next_machine):
    next_machine.pm("sync", "--frozen")
    next_machine.intent.write_text(next_machine.intent.read_text() + 'core = "<0.2"\n')
    assert "does not fit" in next_machine.pm("sync", "--frozen", expect=1).err
    next_machine.pm("sync", "--allow-core-change")
    assert next_machine.standing()["penstock-core"] == "0.1.0"
    assert standing(interpreter(next_machine)) == RIGHT | {"penstock-core": "0.1.0"}
