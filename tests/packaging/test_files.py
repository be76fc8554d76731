"""The files of an environment are those of the lock: nobody else's edit reaches them, and no package writes over another's."""

from __future__ import annotations

import shutil
import sys

import pytest

from penstock_testkit.wheels import write_provider, write_wheel

SITE = f"lib/python{sys.version_info[0]}.{sys.version_info[1]}/site-packages"
CORE = "penstock-core>=0.1"


def test_no_file_is_shared_with_a_cache_or_another_environment(stocked):
    shared = [path for path in (stocked.env / SITE).rglob("*") if path.is_file() and path.stat().st_nlink > 1]
    assert shared == []


def test_an_edit_stays_in_its_generation_and_no_command_calls_it_sound(generations):
    generations.pm("install", "alpha")
    generations.pm("install", "beta")
    module = generations.env / SITE / "penstock_alpha" / "__init__.py"
    assert generations.json("list")["providers"][0]["damage"] == []
    with module.open("a") as stream:
        stream.write("# edited\n")
    words = "penstock_alpha/__init__.py was changed after it was installed"
    assert generations.json("list")["providers"][0]["damage"] == [words]
    assert words in generations.pm("list", "--broken", expect=5).out
    assert words in generations.pm("verify", expect=6).out
    assert words in generations.pm("doctor", expect=1).out
    assert generations.json("sync", "--dry-run", expect=2)["steps"][0]["reason"] == words
    generations.pm("rollback", "2")
    assert generations.json("verify")["findings"] == []
    assert words in generations.pm("rollback", "3", expect=6).err
    generations.pm("rollback", "3", "--as-it-is")
    generations.pm("doctor", "--fix")
    assert generations.json("verify")["findings"] == []


@pytest.mark.parametrize("edited", ["penstock_alpha/__init__.py", "lib_a.py"])
def test_a_file_that_was_edited_in_the_cache_is_taken_from_its_source(generations, tmp_path, edited):
    generations.variables["UV_CACHE_DIR"] = str(tmp_path / "uv")
    generations.pm("install", "alpha")
    copies = list((tmp_path / "uv").glob(f"archive-v*/*/{edited}"))
    assert copies
    for path in copies:
        path.write_text("EDITED = True\n")
    before = generations.picture()
    shutil.rmtree(generations.env.with_name(".venv.generations"))
    generations.env.unlink()
    generations.make(generations=True)
    generations.pm("sync", "--frozen")
    assert generations.picture() == before
    assert generations.json("verify")["findings"] == []


@pytest.mark.parametrize("kind", ["generations", "plain"])
def test_a_package_that_writes_over_files_of_another_is_refused_and_nothing_changes(request, own_wheels, kind):
    world = request.getfixturevalue("generations" if kind == "generations" else "uv_world")
    write_provider(own_wheels, "over_core", requires=[CORE], files={"penstock/__init__.py": "EVIL = 1\n"})
    write_provider(own_wheels, "over_lib", requires=[CORE], files={"lib_a.py": "EVIL = 1\n"})
    data = "penstock_providers_over_venv-1.0.data/data/pyvenv.cfg"
    write_provider(own_wheels, "over_venv", requires=[CORE], files={data: "home = /nowhere\n"})
    write_wheel(own_wheels, "lib-twin", "1.0", files={"lib_twin.py": "EVIL = 1\n"})
    write_provider(own_wheels, "pair", requires=[CORE, "lib-twin"], files={"lib_twin.py": "GOOD = 1\n"})
    sources = ("--no-index", "--find-links", str(own_wheels))
    world.pm("install", "alpha", *sources)
    before = world.picture(), (world.env / "pyvenv.cfg").read_text()
    for provider, words in {
        "over_core": "both bring penstock/__init__.py, and not the same",
        "over_lib": "both bring lib_a.py, and not the same",
        "over_venv": "a file of the environment itself",
        "pair": "both bring lib_twin.py, and not the same",
    }.items():
        assert words in world.pm("install", provider, *sources, expect=5).err
        assert (world.picture(), (world.env / "pyvenv.cfg").read_text()) == before, provider
    world.sound()


def test_a_file_that_two_packages_bring_alike_outlives_the_one_that_is_removed(uv_world, own_wheels):
    for provider in ("one", "other"):
        write_provider(own_wheels, provider, requires=[CORE], files={"tests_of_all/__init__.py": "ALIKE = 1\n"})
    sources = ("--no-index", "--find-links", str(own_wheels))
    uv_world.pm("install", "one", "other", *sources)
    uv_world.pm("remove", "one", *sources)
    uv_world.sound()


def test_a_file_that_runs_at_each_start_of_python_is_told(uv_world, own_wheels):
    files = {"a_hook.pth": "import lib_a\n", "a_path.pth": "/nowhere\n"}
    write_provider(own_wheels, "hooked", requires=[CORE, "lib-a"], files=files)
    said = uv_world.pm("install", "hooked", "--no-index", "--find-links", str(own_wheels))
    assert "a_hook.pth of penstock-providers-hooked runs at each start of Python" in said.out
    assert "a_path.pth" not in said.out
