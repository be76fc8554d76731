"""Generations, rollback, and two managers at once."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from penstock_testkit.wheels import write_provider

ALPHA = {"penstock-core": "0.2.0", "penstock-providers-alpha": "2.0", "lib-a": "1.5"}
BETA = {"penstock-providers-beta": "1.0", "lib-b": "1.0", "lib-deep": "1.0"}


def test_each_change_is_a_generation_that_can_be_returned_to(generations):
    generations.pm("install", "alpha")
    generations.pm("install", "beta")
    assert generations.standing() == ALPHA | BETA
    history = generations.json("history")["generations"]
    assert [(each["number"], each["title"], each["current"]) for each in history] == [
        (1, "init", False), (2, "install alpha", False), (3, "install beta", True),
    ]  # fmt: skip
    assert {each["name"] for each in generations.json("diff")["differences"]} == set(BETA)
    generations.pm("rollback")
    assert generations.standing() == ALPHA
    assert 'providers = ["alpha"]' in generations.intent.read_text()
    assert "lib-deep" not in generations.lock.read_text()
    assert generations.json("plan")["steps"] == []
    generations.pm("rollback", "3")
    assert generations.standing() == ALPHA | BETA
    assert "There is no generation 9" in generations.pm("rollback", "9", expect=3).err


def test_a_failed_change_leaves_no_generation_behind(generations):
    generations.pm("install", "alpha")
    before = generations.picture()
    generations.pm("install", "no_toml", expect=5)
    broken = write_provider(generations.folder / "own", "fails", requires=["penstock-core>=0.1"])
    broken.write_bytes(broken.read_bytes()[:-200])
    generations.pm(
        "install", "fails", "--find-links", str(broken.parent), "--index-url", generations.index, expect=None
    )
    assert generations.picture() == before
    assert len(generations.json("history")["generations"]) == 2


def test_what_was_installed_by_hand_survives_the_swap(generations, universe):
    uv = [
        "uv",
        "pip",
        "install",
        "-q",
        "--python",
        str(generations.env / "bin/python"),
        "--no-index",
        "--find-links",
        str(universe),
    ]
    subprocess.run(["/usr/bin/env", *uv, "lib-fast"], check=True, env=generations.variables | {"PATH": _path()})
    said = generations.pm("install", "alpha")
    assert "lib-fast 1.0 was installed by hand" in said.err
    assert generations.standing() == ALPHA | {"lib-fast": "1.0"}


def _path() -> str:
    return f"{Path(sys.executable).parent}:{os.environ['PATH']}"


def test_a_plain_environment_becomes_a_generation_and_its_commands_still_work(uv_world):
    uv_world.pm("install", "alpha")
    uv_world.pm("init", "--adopt")
    assert uv_world.env.is_symlink()
    assert uv_world.standing() == ALPHA
    uv_world.pm("install", "beta")
    uv_world.pm("rollback")
    assert uv_world.standing() == ALPHA


def test_an_activated_generation_is_managed_through_its_pointer(generations):
    generations.pm("install", "alpha")
    inside = str(generations.env.resolve())
    generations.pm("install", "beta", VIRTUAL_ENV=inside)
    assert generations.standing() == ALPHA | BETA


@pytest.mark.parametrize("kind", ["generations", "plain"])
def test_a_moved_project_is_what_it_was_and_still_changes(request, kind):
    world = request.getfixturevalue("generations" if kind == "generations" else "uv_world")
    world.pm("install", "alpha")
    moved = world.folder.with_name(f"{world.folder.name}-moved")
    world.folder.rename(moved)
    world.folder, world.env = moved, moved / ".venv"
    world.intent, world.lock = moved / "penstock.toml", moved / "pylock.toml"
    assert [each["id"] for each in world.json("list")["providers"]] == ["alpha"]
    assert world.json("plan")["steps"] == []
    assert world.json("verify")["findings"] == []
    world.pm("install", "beta")
    assert world.sound() == ALPHA | BETA
    gone = world.pm("list", "--env", str(moved.with_name("nowhere") / ".venv"), expect=3)
    assert gone.err.startswith("error: There is no environment")


def test_only_some_generations_are_kept(generations):
    for _ in range(4):
        generations.pm("install", "beta")
        generations.pm("remove", "beta", "--prune")
    assert len(generations.json("history")["generations"]) == 5


def test_the_second_manager_names_the_first_and_then_waits_for_it(uv_world):
    ready = uv_world.folder / "ready"
    code = (
        "import pathlib, sys, time\n"
        "from penstock_plugin_manager.apply.guard import guard\n"
        f"with guard(pathlib.Path({str(uv_world.env / '.penstock')!r}), 'install slow', 0, print):\n"
        f"    pathlib.Path({str(ready)!r}).touch()\n"
        "    sys.stdin.read()\n"
    )
    holder = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE)
    try:
        while not ready.exists():
            assert holder.poll() is None
        said = uv_world.pm("install", "alpha", "--wait", "0", expect=1)
        assert f"process {holder.pid} (install slow" in said.err
        waiting = subprocess.Popen(
            uv_world.command("install", "alpha"), cwd=uv_world.folder, env=uv_world.variables, stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert f"Waiting for another manager: process {holder.pid}" in waiting.stderr.readline()
    finally:
        holder.communicate(b"")
    waiting.communicate()
    assert waiting.returncode == 0
    assert uv_world.standing() == ALPHA
