"""A disk that is full, and one that may only be read: one message, and nothing changed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from penstock_testkit.disk import SmallDisk, small_disk
from penstock_testkit.nightly import nightly_but

KB = 1 << 10
SIZE = 8 << 20
STEPS = {"plain": 12 * KB, "generations": 28 * KB}  # less than the files take that end a change
CORE = {"penstock-core": "0.2.0"}
ALPHA = {"penstock-providers-alpha": "1.0", "lib-a": "1.5"}
BETA = {"penstock-providers-beta": "1.0", "lib-b": "1.0", "lib-deep": "1.0"}
LEFT = {"penstock-providers-left": "1.0", "lib-c": "1.0"}
STOCK = CORE | ALPHA | BETA | LEFT


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    """A small disk that holds the project of this test and its environment, and nothing else."""
    with small_disk(tmp_path, SIZE) as made:
        yield made


@pytest.fixture(params=["uv"])
def resolver(request: pytest.FixtureRequest) -> str:
    """The one adapter, where a test does not name both."""
    return str(request.param)


@pytest.fixture(params=["plain", "generations"])
def project(request: pytest.FixtureRequest, disk: SmallDisk, stocked):
    """A project with each kind of environment on the small disk."""
    if request.param == "generations":
        stocked.pm("init", "--adopt")
    return stocked


_HIDDEN = {"cache", "filler"}


def _is_cache(name: str) -> bool:
    return name in _HIDDEN or (name.startswith("providers-") and name.endswith(".json"))


def names(world) -> set[str]:
    """Return the project's files besides caches, so that nothing half-written is left unseen."""
    found = set()
    for folder, folders, files in os.walk(world.folder):
        folders[:] = [each for each in folders if each not in _HIDDEN and each != "__pycache__"]
        found |= {os.path.relpath(Path(folder, each), world.folder) for each in files if not _is_cache(each)}
    return found


VERBS = {
    "install": (["install", "store"], STOCK | {"penstock-providers-store": "1.0"}),
    "upgrade": (["upgrade", "alpha"], STOCK | {"penstock-providers-alpha": "2.0"}),
    "remove": (["remove", "beta", "--prune"], CORE | ALPHA | LEFT),
}


@pytest.mark.parametrize("verb", nightly_but(["upgrade"], VERBS))
def test_a_full_disk_is_named_and_nothing_changes_however_far_the_change_came(disk, project, verb):
    words, after = VERBS[verb]
    if verb == "upgrade":
        project.intent.write_text(project.intent.read_text().replace("alpha<1.1", "alpha"))
    before, files = project.picture(), names(project)
    failures = 0
    for step in range(40):
        disk.leave(step * STEPS["generations" if project.env.is_symlink() else "plain"])
        said = project.pm(*words, expect=None)
        if said.code == 0:
            break
        failures += 1
        assert said.code == 1, (step, said)
        assert "the disk is full.\n" in said.err.partition("hint:")[0], (step, said)
        assert "nothing was changed.\n" in said.err.partition("hint:")[2], (step, said)
        assert project.picture() == before, step
        assert names(project) == files, step
    assert said.code == 0, said
    assert project.sound() == after
    assert failures >= 2, "the disk was never full"
    assert project.json("plan")["steps"] == []


@pytest.mark.parametrize("resolver", ["pip"], indirect=True)
def test_a_full_disk_is_named_with_pip_too(disk, stocked, tmp_path_factory):
    before, files = stocked.picture(), names(stocked)
    disk.leave(1 << 20)
    said = stocked.pm("install", "huge", expect=1, PENSTOCK_CACHE=str(tmp_path_factory.mktemp("cache")))
    assert said.err.startswith("error: The installation stopped: the disk is full.\n")
    assert stocked.picture() == before
    assert names(stocked) == files


@pytest.mark.parametrize("verb", nightly_but(["install"], [*VERBS, "rollback"]))
def test_an_environment_that_may_only_be_read_is_named_and_left_as_it_is(disk, project, verb):
    words = VERBS[verb][0] if verb in VERBS else ["rollback"]
    generations = project.env.is_symlink()
    if verb == "rollback" and generations:
        project.pm("remove", "beta", "--prune")
    before = project.picture()
    disk.read_only()
    said = project.pm(*words, expect=1)
    place = ".venv.generations/lock" if generations else ".venv/.penstock/lock"
    expected = f"error: {project.folder / place} may not be written to (Read-only file system).\n"
    if verb == "rollback" and not generations:
        expected = "error: "
    assert said.err.startswith(expected), said
    assert project.picture() == before
    assert project.json("list")["providers"]
