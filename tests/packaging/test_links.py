"""A provider's folder stands in place of what is installed; lock, intent and installed files do not notice."""

from __future__ import annotations

import json
import subprocess

import pytest

from penstock_testkit.wheels import small_manifest

PROJECT = """
[project]
name = "penstock-providers-alpha"
version = "9.0"
dependencies = ["penstock-core>=0.1", "lib-a"]
optional-dependencies.deep = ["lib-deep; python_version >= '3'"]
[project.entry-points."penstock.providers"]
alpha = "penstock_alpha:provider.toml"
"""


@pytest.fixture
def source(tmp_path):
    """A provider's folder in work."""
    folder = tmp_path / "work" / "alpha"
    package = folder / "src" / "penstock_alpha"
    package.mkdir(parents=True)
    (folder / "pyproject.toml").write_text(PROJECT)
    (package / "provider.toml").write_text(small_manifest("alpha").replace("Runs alpha.", "Runs the new alpha."))
    (package / "__init__.py").write_text("")
    (package / "operators.py").write_text("WHERE = 'in work'\n")
    return folder


def _used(world):
    """The version and the module that the environment's Python finds."""
    code = "import importlib.metadata as m, penstock_alpha.operators as o; print(m.version('penstock-providers-alpha'), o.__file__)"
    done = subprocess.run([world.env / "bin" / "python", "-I", "-c", code], capture_output=True, text=True, check=True)
    version, _, file = done.stdout.strip().partition(" ")
    return version, file


def test_a_link_holds_through_every_change_and_is_undone_without_a_trace(generations, source):
    generations.pm("install", "alpha<1.1")
    files = generations.picture()
    new = str(source / "src" / "penstock_alpha" / "operators.py")

    assert generations.json("dev", "link", str(source))["linked"] == {"alpha": str(source)}
    (row,) = generations.json("list")["providers"]
    assert (row["version"], row["linked"], row["problems"]) == ("9.0", str(source), [])
    assert _used(generations) == ("9.0", new)
    said = generations.pm("list").out
    assert f"alpha is linked to {source}: plugin-manager dev unlink alpha" in said
    assert generations.pm("list").out == said  # from the kept answer
    assert f"linked to {source}" in generations.pm("info", "alpha").out
    for words in (["verify"], ["doctor"], ["sync"], ["plan"], ["lock", "--check"]):
        assert generations.pm(*words, "--json").code == 0, words
    assert "alpha is linked to" in generations.pm("doctor").out
    assert files == {name: text for name, text in generations.picture().items() if "_penstock_links" not in name}

    generations.intent.write_text(generations.intent.read_text().replace("alpha<1.1", "alpha"))
    warnings = generations.pm("upgrade", "alpha", "--json").data["warnings"]
    assert any(each.startswith(f"alpha is linked to {source}, which stands before") for each in warnings)
    assert "9.0" not in generations.lock.read_text()
    assert _used(generations) == ("9.0", new)
    generations.pm("rollback")
    assert _used(generations) == ("9.0", new)

    assert generations.json("dev", "unlink", "alpha")["version"] == "1.0"
    assert generations.picture() == files
    assert not [
        *generations.folder.glob(".venv.links"),
        *generations.folder.glob(".venv.generations/*/lib/*/*/_penstock_links*"),
    ]
    assert _used(generations)[0] == "1.0"
    assert generations.pm("list").out.split()[7:9] == ["alpha", "1.0"]
    assert "is not linked" in generations.pm("dev", "unlink", "alpha", expect=3).err


def test_what_is_wrong_with_a_link_is_told(uv_world, source):
    uv_world.pm("install", "beta")
    missing = uv_world.json("dev", "link", str(source), expect=5)["problems"]
    assert missing == ["penstock-providers-alpha needs lib-a, which is not installed"]
    assert uv_world.intent.read_text() == '[plugin-manager]\nproviders = ["beta"]\n'
    found = uv_world.json("doctor", expect=1)["problems"]
    assert [each["problem"] for each in found] == [f"linked to {source}, it needs lib-a, which is not installed"]

    (source / "src" / "penstock_alpha" / "provider.toml").write_text("no = [toml")
    assert "it is no TOML" in uv_world.json("list", "--broken", expect=5)["providers"][0]["problems"][0]
    (source / "src").rename(source / "gone")
    assert any("which is not there" in each["problem"] for each in uv_world.json("doctor", expect=1)["problems"])
    assert uv_world.standing()["penstock-providers-beta"] == "1.0"

    uv_world.folder.joinpath(".venv.links", "links.json").write_text(json.dumps({"links": [1]}))
    assert uv_world.pm("doctor").code == 0
    assert uv_world.standing()["penstock-providers-beta"] == "1.0"
    for folder, words in ((uv_world.folder, "has no pyproject.toml"), (source, "announces no provider")):
        (source / "pyproject.toml").write_text('[project]\nname = "x"\n')
        assert words in uv_world.pm("dev", "link", str(folder), expect=None).err
