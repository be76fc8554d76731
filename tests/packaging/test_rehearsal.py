"""A rehearsal of the whole life of packages: released by the trains from a clone, published to an index, and lived with by users.

What the core and the providers of this repository require of others is in the index as empty wheels of that version: nothing of it is
run, except in one environment that has the real things.
"""

from __future__ import annotations

import configparser
import contextlib
import json
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from penstock_testkit.package_index import static_index, write_static_index
from penstock_testkit.wheels import small_manifest, write_provider, write_wheel
from train.__main__ import main
from train.build import wheel_facts
from train.fragments import next_version
from train.packages import by_name, packages_of
from train.record import releases_of
from train.repository import Repository
from train.trial import try_wheel

ROOT = Path(__file__).parents[2]
CORE, MANIFEST = "penstock-core", "penstock-manifest"
AWS, LISTENING = "penstock-providers-aws", "penstock-providers-listener"
CHANCE = """
[tool.hatch.build.hooks.custom]
"""
HOOK = """
import uuid
from pathlib import Path

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class Hook(BuildHookInterface):
    def initialize(self, version, build_data):
        Path(self.root, "src", "penstock_redshift", "chance.txt").write_text(uuid.uuid4().hex)
"""
DAY = "2026-01-01T00:00:00Z"
LISTENER = """
from penstock.spec.plugin import hookimpl

@hookimpl
def penstock_run_state_changed(change): ...
"""


def required(wheel: Path) -> list[Requirement]:
    """What a wheel requires."""
    with zipfile.ZipFile(wheel) as archive:
        name = next(each for each in archive.namelist() if each.endswith(".dist-info/METADATA"))
        return [
            Requirement(each)
            for each in re.findall(r"^Requires-Dist: (.+)$", archive.read(name).decode(), re.MULTILINE)
        ]


def again(wheel: Path, version: str) -> Path:
    """The same wheel with another version, as a later release of it."""
    with zipfile.ZipFile(wheel) as archive:
        files = {name: archive.read(name) for name in archive.namelist() if ".dist-info/" not in name}
        point = next(archive.read(name).decode() for name in archive.namelist() if name.endswith("/entry_points.txt"))
    groups = configparser.ConfigParser(delimiters=("=",))
    groups.read_string(point)
    requires = [str(each) for each in required(wheel)]
    points = {group: dict(groups[group]) for group in groups.sections()}
    name = wheel.name.partition("-")[0].replace("_", "-")
    return write_wheel(wheel.parent, name, version, files=files, requires=requires, entry_points=points)


class Index:
    """An index to which wheels are published, from which they can be yanked, and which needs no other.

    Args:
        root: Where its files stand.
    """

    def __init__(self, root: Path) -> None:
        self.root, self.wheels, self.facts = root, root / "wheels", {}

    def publish(self, *wheels: Path) -> None:
        """Add wheels, and an empty one for each distribution of others that they require."""
        self.wheels.mkdir(parents=True, exist_ok=True)
        for wheel in wheels:
            shutil.copy(wheel, self.wheels)
            for requirement in required(wheel):
                if not requirement.name.startswith("penstock"):
                    floor = next(each.version for each in requirement.specifier if each.operator in (">=", "=="))
                    write_wheel(self.wheels, requirement.name, floor, extras=sorted(requirement.extras))
        self.write()

    def yank(self, wheel: str, reason: str) -> None:
        """Yank a wheel."""
        self.facts[wheel] = {"yanked": reason}
        self.write()

    def write(self) -> None:
        """Write its pages."""
        write_static_index(self.root, self.wheels, self.facts)


class Trains:
    """A clone of this repository in which packages are changed and released.

    Args:
        root: Where the clone is made.
    """

    def __init__(self, root: Path) -> None:
        subprocess.run(["git", "clone", "--quiet", "--no-tags", f"file://{ROOT}", str(root)], check=True)
        self.root, self.repository, self.dist = root, Repository(root), root / "dist"
        self.repository.git("checkout", "--quiet", "-B", "main")

    def change(self, package: str, fragment: str, file: str, before: str, after: str, **more: str) -> None:
        """Edit a file of a package, note that in its changelog, and commit."""
        folder = self.root / by_name(packages_of(self.root), package).folder
        text = (folder / file).read_text()
        assert re.search(before, text, re.MULTILINE), (
            f"{folder / file} has no {before!r} any more: write this change anew"
        )
        (folder / file).write_text(re.sub(before, after, text, count=1, flags=re.MULTILINE))
        for name, body in more.items():
            (folder / name.replace("__", ".")).write_text(body)
        (folder / "changelog.d" / fragment).write_text("Something that users notice.\n")
        self.repository.git("add", "--all")
        self.repository.git("commit", "--quiet", "--message", f"Change {package}")

    def run(self, *words: str) -> int:
        """Run a command of the trains."""
        return main(["--root", str(self.root), *words, *(["--out", str(self.dist)] if words[0] != "plan" else [])])

    def release(self, *names: str, expect: int = 0) -> list[Path]:
        """Release a wave, build each tag that came of it again, and return the wheels that were published."""
        before = set(self.repository.tags())
        assert self.run("release", *names) == expect
        tags = set(self.repository.tags()) - before
        wheels = []
        for tag in tags:
            package = by_name(packages_of(self.root), tag.package)
            (wheel,) = self.dist.glob(f"{package.distribution.replace('-', '_')}-{tag.version}-*.whl")
            wheels.append(wheel)
        return wheels


class Life:
    """All that takes part.

    Attributes:
        trains: The clone.
        index: The index.
        shop: Users who take what is new.
        careful: Users who stay with the first releases of one provider.
    """

    def __init__(self, trains: Trains, index: Index, shop, careful, new_user) -> None:
        self.trains, self.index, self.shop, self.careful, self.new_user = trains, index, shop, careful, new_user

    def ours(self, user) -> dict[str, str]:
        """What stands at a user's of our distributions, by name."""
        found = (path.name.split("-")[:2] for path in user.env.glob("lib/*/site-packages/penstock_*.dist-info"))
        return {name.replace("_", "-"): version.removesuffix(".dist") for name, version in found}


def outdated(user) -> list[str]:
    """Ids of the providers of which there is something newer."""
    return [row["id"] for row in user.pm("list", "--outdated", "--json", sources=True).data["outdated"]]


@pytest.fixture
def life(tmp_path, new_world, monkeypatch):
    """A clone, an empty index, and users of it."""
    for role in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{role}_NAME", "ann")
        monkeypatch.setenv(f"GIT_{role}_EMAIL", "ann@example.test")
    index = Index(tmp_path / "index")
    index.publish()
    with contextlib.ExitStack() as stack:
        url = stack.enter_context(static_index(index.root))

        def user(name):
            (tmp_path / name).mkdir()
            world = new_world(tmp_path / name)
            world.index = f"{url}simple/"
            return world

        yield Life(Trains(tmp_path / "clone"), index, user("shop"), user("careful"), user)


@pytest.mark.nightly
@pytest.mark.timeout(600)
def test_packages_live_each_by_itself(life, tmp_path, capfd):
    the_first_releases_are_installed(life, capfd)
    one_provider_is_released_alone(life)
    a_new_core_deprecates_a_spec(life)
    a_provider_that_needs_the_new_spec_waits_for_the_new_core(life)
    the_old_core_refuses_it_with_a_clear_word(life, tmp_path)
    a_yanked_release_comes_to_nobody_who_is_new(life)
    a_fix_of_an_old_version_comes_to_those_who_stayed(life)
    a_stranger_publishes_a_provider(life, tmp_path)
    every_release_can_be_built_again(life, capfd)


def the_first_releases_are_installed(life, capfd):
    """One of four fails, and holds up none; a stranger's provider is there, too."""
    trains, repository = life.trains, life.trains.repository
    trains.change("providers-redshift", "+chance.bugfix.md", "pyproject.toml", r"\Z", CHANCE, hatch_build__py=HOOK)
    before = repository.commit()
    wheels = trains.release("providers-redshift", "manifest", "providers-aws", "core", expect=1)
    said = capfd.readouterr().out
    assert said.index("core/v") < said.index("providers-aws/v"), "those come first that others need"
    assert re.search(r"providers-redshift is left behind: two builds of \S+ differ", said)
    assert repository.is_clean()
    assert len(repository.git("log", "--format=%h", f"{before}..HEAD").split()) == 3, "a commit for each release"
    listener = small_manifest("listener", top='plugin = "penstock_listener.plugin"')
    files = {"penstock_listener/plugin.py": LISTENER}
    life.index.publish(*wheels, write_provider(life.index.root / "others", "listener", manifest=listener, files=files))
    life.shop.make(generations=True).pm("install", "aws", "listener")
    life.first = life.ours(life.shop)
    assert set(life.first) == {CORE, MANIFEST, AWS, LISTENING}
    assert {row["id"]: row["version"] for row in life.shop.json("list")["providers"]} == {
        "aws": life.first[AWS], "listener": life.first[LISTENING],
    }  # fmt: skip
    assert life.shop.json("plan", "upgrade")["steps"] == []
    life.careful.copy_of(life.shop)
    assert life.ours(life.careful) == life.first


def one_provider_is_released_alone(life):
    life.trains.change("providers-aws", "+more.feature.md", "src/penstock_aws/__init__.py", r"\Z", "\n# more\n")
    (wheel,) = life.trains.release("providers-aws")
    life.second = wheel_facts(wheel)["version"]
    life.index.publish(wheel)
    assert outdated(life.shop) == ["aws"]
    steps = life.shop.pm("plan", "upgrade", "--json", expect=2).data["steps"]
    assert [(step["name"], step["new"]) for step in steps] == [(AWS, life.second)]
    life.shop.pm("upgrade", "aws")
    assert life.ours(life.shop) == life.first | {AWS: life.second}


def a_new_core_deprecates_a_spec(life):
    spec, before = "penstock_run_state_changed", life.ours(life.shop)
    coming = next_version(life.first[MANIFEST], ["+a.feature.md"])
    ending = rf'ReactingSpec("{spec}", deprecated=Deprecation(2, 3, "listen to tasks"))'
    specs, mine = "src/penstock_manifest/specs.py", "src/penstock/spec/plugin.py"
    life.trains.change("manifest", "+end.feature.md", specs, rf'ReactingSpec\("{spec}"\)', ending)
    life.trains.change("core", "+floor.deps.md", "pyproject.toml", r"manifest>=[\d.]+", f"manifest>={coming}")
    life.trains.change("core", "+end.feature.md", mine, r"^SPEC_VERSION = 1$", "SPEC_VERSION = 2")
    life.index.publish(*life.trains.release("manifest", "core"))
    life.shop.pm("upgrade")
    assert life.ours(life.shop) == before, "the core is not moved unasked"
    # What will end is known to the manager from the manifest package beside it, here the released one.
    beside = {"PYTHONPATH": str(life.trains.root / "manifest" / "src")}
    plan = life.shop.pm("plan", "upgrade", "core", "--json", expect=2, **beside).data
    assert {step["name"] for step in plan["steps"]} == {CORE, MANIFEST}
    told = f"provider 'listener', which stays: it uses the spec {spec!r}, which is deprecated since spec 2 and gone with spec 3"
    assert [each.partition(";")[0] for each in plan["warnings"]] == [told]


def a_provider_that_needs_the_new_spec_waits_for_the_new_core(life):
    before = life.ours(life.shop)
    life.trains.change(
        "providers-aws", "+spec.deps.md", "src/penstock_aws/provider.toml", r'^spec = ".*"$', 'spec = ">=2,<3"'
    )
    (life.needing,) = life.trains.release("providers-aws")
    life.index.publish(life.needing)
    third = wheel_facts(life.needing)["version"]
    said = life.shop.json("upgrade", "aws")
    assert life.ours(life.shop) == before
    word = f"aws {third} serves spec >=2,<3, and core {before[CORE]} serves spec 1; {life.second} is taken"
    assert word in said["warnings"], said["warnings"]
    refused = life.shop.pm("install", f"aws=={third}", "--json", expect=5).error["message"]
    assert f"it serves spec >=2,<3, and core {before[CORE]} serves spec 1" in refused
    life.shop.pm("upgrade", "core")
    moved = life.ours(life.shop)
    assert {name for name in moved if moved[name] != before[name]} == {CORE, MANIFEST}
    life.shop.pm("upgrade", "aws")
    assert life.ours(life.shop) == moved | {AWS: third}


def the_old_core_refuses_it_with_a_clear_word(life, tmp_path):
    python = tmp_path / "real" / "bin" / "python"
    uv = [sys.executable, "-m", "uv"]
    core = f"{CORE}=={life.first[CORE]}"
    manifest = f"{MANIFEST}=={life.first[MANIFEST]}"
    found = ["--find-links", str(life.trains.dist)]
    subprocess.run([*uv, "venv", "-q", "--python", sys.executable, str(tmp_path / "real")], check=True)
    subprocess.run([*uv, "pip", "install", "-q", "--python", str(python), *found, core, manifest], check=True)
    subprocess.run([*uv, "pip", "install", "-q", "--python", str(python), "--no-deps", str(life.needing)], check=True)
    done = subprocess.run(
        [python.parent / "penstock", "providers", "list"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    told = " ".join((done.stdout + done.stderr).split())
    assert "Traceback" not in told
    assert ">=2,<3" in told, told


def a_yanked_release_comes_to_nobody_who_is_new(life):
    before = life.ours(life.shop)
    life.index.yank(life.needing.name, "it drops rows")
    fresh = life.new_user("fresh").make()
    fresh.pm("install", "aws")
    assert life.ours(fresh)[AWS] == life.second
    findings = life.shop.pm("audit", "--json", expect=6).data["findings"]
    problems = {each["distribution"]: each["problem"] for each in findings}
    assert problems[AWS] == f"{before[AWS]} is yanked: it drops rows"
    assert life.ours(life.shop) == before


def a_fix_of_an_old_version_comes_to_those_who_stayed(life):
    before, repository = life.ours(life.shop), life.trains.repository
    life.careful.intent.write_text(life.careful.intent.read_text().replace('"aws"', f'"aws<{life.second}"'))
    repository.git("checkout", "--quiet", "-b", "old", f"refs/tags/providers-aws/v{life.first[AWS]}")
    life.trains.change("providers-aws", "+hole.bugfix.md", "src/penstock_aws/__init__.py", r"\Z", "\n# mended\n")
    (wheel,) = life.trains.release("providers-aws")
    repository.git("checkout", "--quiet", "main")
    life.index.publish(wheel)
    fixed = wheel_facts(wheel)["version"]
    steps = life.careful.pm("plan", "upgrade", "aws", "--json", expect=2).data["steps"]
    assert [(step["name"], step["new"]) for step in steps] == [(AWS, fixed)]
    life.careful.pm("upgrade", "aws")
    assert life.ours(life.careful) == life.first | {AWS: fixed}
    assert life.ours(life.shop) == before


def a_stranger_publishes_a_provider(life, tmp_path):
    before, folder = life.ours(life.shop), tmp_path / "acme"
    life.shop.pm("new", "acme_ftp", "--folder", str(folder))

    hatchling = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(hatchling, cwd=folder, check=True, capture_output=True)
    (first,) = tmp_path.glob("*-0.1.0-*.whl")

    def publish(wheel, **verdicts):
        """Publish a wheel, and a catalog with what its tests have said of it and of the first one."""
        life.index.publish(wheel)
        known = {"provider": "acme_ftp", "core": before[CORE], "python": "3.11", "date": DAY}
        said = {"0.1.0": "pass", **verdicts}.items()
        rows = [{**known, "version": version, "verdict": verdict} for version, verdict in said]
        (life.shop.folder / "verdicts.json").write_text(json.dumps({"schema": 1, "verdicts": rows}))
        words = ("--verdicts", "verdicts.json", "-o", "catalog.json")
        life.shop.pm("catalog", "build", str(life.index.wheels), *words)

    publish(first)
    text = life.shop.intent.read_text()
    life.shop.intent.write_text(
        text.replace("[plugin-manager]\n", '[plugin-manager]\ncatalogs = ["catalog.json"]\n', 1)
    )
    assert [row["id"] for row in life.shop.json("search", "acme")["providers"]] == ["acme_ftp"]
    acme = "penstock-providers-acme-ftp"
    life.shop.pm("install", "acme_ftp")
    assert life.ours(life.shop) == before | {acme: "0.1.0"}
    publish(again(first, "0.2.0"), **{"0.2.0": "fail"})
    left = f"acme_ftp 0.2.0 is known to fail with core {before[CORE]}; 0.1.0 passes"
    assert left in life.shop.json("upgrade", "acme_ftp")["warnings"]
    assert life.ours(life.shop) == before | {acme: "0.1.0"}
    publish(again(first, "0.2.1"), **{"0.2.0": "fail", "0.2.1": "pass"})
    assert "acme_ftp" in outdated(life.shop)
    life.shop.pm("upgrade", "acme_ftp")
    assert life.ours(life.shop) == before | {acme: "0.2.1"}
    life.shop.pm("rollback")
    assert life.ours(life.shop) == before | {acme: "0.1.0"}
    life.shop.pm("remove", "acme_ftp")
    assert life.ours(life.shop) == before


def every_release_can_be_built_again(life, capfd):
    for tag in life.trains.repository.tags():
        assert life.trains.run("record", str(tag)) == 0
    rows = releases_of((life.trains.root / "releases.toml").read_text())
    assert sorted(row[:2] for row in rows) == sorted(map(tuple, life.trains.repository.tags()))
    capfd.readouterr()
    assert life.trains.run("rebuild", f"providers-aws=={life.first[AWS]}") == 0
    assert capfd.readouterr().out == f"providers-aws {life.first[AWS]}: the same as was released\n"
    package = by_name(packages_of(life.trains.root), "manifest")
    (wheel,) = life.trains.dist.glob(f"penstock_manifest-{package.version}-*.whl")
    assert try_wheel(life.trains.repository, package, wheel, core="head", tests=False) > 5
