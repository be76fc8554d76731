from __future__ import annotations

import os
import re
import sys
import zipfile
from pathlib import Path

import importlib_metadata
import pytest
from importlib_metadata import FastPath
from penstock_manifest.discovery import GROUP, find_providers
from penstock_manifest.environments import SearchPath, environment_path
from penstock_testkit.wheels import small_manifest

from penstock_plugin_manager.installed.environment import open_environment
from penstock_plugin_manager.installed.locate import read_list_cache, watched_files, write_list_cache
from penstock_plugin_manager.installed.site import Provider, core_spec, distributions, info_folder, providers

PYTHON = f"python{sys.version_info[0]}.{sys.version_info[1]}"


def _environment(folder: Path, *, system: bool = False) -> Path:
    (folder / "lib" / PYTHON / "site-packages").mkdir(parents=True)
    base = folder.parent / "base"
    (base / "lib" / PYTHON / "site-packages").mkdir(parents=True, exist_ok=True)
    (folder / "pyvenv.cfg").write_text(
        f"home = {base / 'bin'}\nversion = {sys.version.split()[0]}\ninclude-system-site-packages = {str(system).lower()}\n"
    )
    return folder


def _site(environment: Path) -> Path:
    return environment / "lib" / PYTHON / "site-packages"


def _metadata(
    site: Path, name: str, version: str, text: str = "", entry_points: str = "", suffix: str = "dist-info"
) -> Path:
    info = site / f"{name.replace('-', '_')}-{version}.{suffix}"
    info.mkdir(parents=True)
    (info / ("METADATA" if suffix == "dist-info" else "PKG-INFO")).write_text(
        f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{text}\nA description.\nRequires-Dist: not-a-field\n"
    )
    if entry_points:
        (info / "entry_points.txt").write_text(f"[penstock.providers]\n{entry_points}\n")
    return info


def _package(folder: Path, provider_id: str, manifest: str = "") -> None:
    package = folder / f"penstock_{provider_id}"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("raise RuntimeError('a provider was imported')\n")
    (package / "provider.toml").write_text(manifest or small_manifest(provider_id))


def _providers(root: Path, **variables: str) -> list[Provider]:
    return providers(environment_path(str(root), variables))


def _plain(root: Path, outside: Path) -> None:
    _metadata(_site(root), "penstock-providers-x", "1.0", entry_points="x = penstock_x:provider.toml")
    _package(_site(root), "x")


def _extras(root: Path, outside: Path) -> None:
    _metadata(_site(root), "penstock-providers-x", "1.0", entry_points="x = penstock_x:provider.toml [fast]")
    _package(_site(root), "x")


def _egg_info(root: Path, outside: Path) -> None:
    _metadata(
        _site(root), "penstock-providers-x", "1.0", entry_points="x = penstock_x:provider.toml", suffix="egg-info"
    )
    _package(_site(root), "x")


def _pth(root: Path, outside: Path) -> None:
    _metadata(_site(root), "penstock-providers-x", "1.0", entry_points="x = penstock_x:provider.toml")
    _package(outside, "x")
    (_site(root) / "x.pth").write_text(f"{outside}\n")


def _finder(root: Path, outside: Path) -> None:
    _metadata(_site(root), "penstock-providers-x", "1.0", entry_points="x = penstock_x:provider.toml")
    _package(outside, "x")
    (_site(root) / "__editable___x_finder.py").write_text(
        f"MAPPING = {{'penstock_x': {str(outside / 'penstock_x')!r}}}\n"
    )
    (_site(root) / "x.pth").write_text("import __editable___x_finder; __editable___x_finder.install()\n")


def _editables(root: Path, outside: Path) -> None:
    _metadata(_site(root), "penstock-providers-x", "1.0", entry_points="x = penstock_x:provider.toml")
    _package(outside, "x")
    name = "__editables_finder"
    (_site(root) / f"{name}.py").write_text(
        f"F.map_module('penstock_x', {str(outside / 'penstock_x' / '__init__.py')!r})\n"
    )
    (_site(root) / "x.pth").write_text(f"import {name}\n")


def _zip_file(root: Path, outside: Path) -> None:
    _metadata(outside, "penstock-providers-x", "1.0", entry_points="x = penstock_x:provider.toml")
    _package(outside, "x")
    file = outside.parent / "x.zip"
    with zipfile.ZipFile(file, "w") as archive:
        for path in sorted(outside.rglob("*")):
            archive.write(path, path.relative_to(outside))
    (_site(root) / "x.pth").write_text(f"{file}\n")


def _comments(root: Path, outside: Path) -> None:
    points = "# y = penstock_y:provider.toml\n\n  x  =  penstock_x:provider.toml  \n[console_scripts]\nz = z:main"
    _metadata(_site(root), "penstock-providers-x", "1.0", entry_points=points)
    _package(_site(root), "x")


def _capitals(root: Path, outside: Path) -> None:
    _metadata(_site(root), "Penstock.Providers_X", "1.0", entry_points="x = penstock_x:provider.toml")
    _package(_site(root), "x")


def _two_in_one(root: Path, outside: Path) -> None:
    points = "x = penstock_x:provider.toml\ny = penstock_y:provider.toml"
    _metadata(_site(root), "both", "1.0", entry_points=points)
    for each in ("x", "y"):
        _package(_site(root), each)


def _two_copies(root: Path, outside: Path) -> None:
    _plain(root, outside)
    _metadata(outside, "penstock-providers-x", "2.0", entry_points="x = penstock_x:provider.toml")
    (_site(root) / "x.pth").write_text(f"{outside}\n")


def _two_claims(root: Path, outside: Path) -> None:
    _plain(root, outside)
    _metadata(_site(root), "rival", "2.0", entry_points="x = penstock_x:provider.toml")


def _no_manifest(root: Path, outside: Path) -> None:
    _metadata(_site(root), "penstock-providers-x", "1.0", entry_points="x = penstock_x:provider.toml")


def _no_version(root: Path, outside: Path) -> None:
    info = _metadata(_site(root), "penstock-providers-x", "1.0", entry_points="x = penstock_x:provider.toml")
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: penstock-providers-x\nVersion: 1.0\n")
    (info / "RECORD").write_text("")
    _package(_site(root), "x")


def _entry_points_of_another_encoding(root: Path, outside: Path) -> None:
    info = _metadata(_site(root), "strange", "1.0")
    (info / "entry_points.txt").write_bytes(b"[penstock.providers]\n\xff = penstock_x:provider.toml\n")
    _plain(root, outside)


def _nothing(root: Path, outside: Path) -> None:
    _metadata(_site(root), "lib", "1.0", entry_points="")


def _linked_site(root: Path, outside: Path) -> None:
    _plain(root, outside)
    (root / "lib64").symlink_to("lib", target_is_directory=True)


ZOO = [
    _plain, _extras, _egg_info, _pth, _finder, _editables, _zip_file, _comments, _capitals, _two_in_one, _two_copies,
    _two_claims, _no_manifest, _no_version, _entry_points_of_another_encoding, _nothing, _linked_site,
]  # fmt: skip


@pytest.mark.parametrize("install", ZOO)
def test_manager_cache_and_library_find_the_same_in_each_kind_of_installation(tmp_path, install):
    root = _environment(tmp_path / "env")
    install(root, tmp_path / "source")
    where = environment_path(str(root), {})
    for path in [*tmp_path.rglob("*"), tmp_path]:  # a cache keeps nothing about what has just been changed
        os.utime(path, (1_700_000_000, 1_700_000_000), follow_symlinks=False)
    library: set[tuple[str, str]] = set()
    seen: set[str] = set()
    for dist in importlib_metadata.distributions(path=list(where.folders)):
        name = re.sub(r"[-_.]+", "-", dist.name).lower()
        if name not in seen and "strange" not in name:
            library |= {(entry.name, dist.version) for entry in dist.entry_points.select(group=GROUP)}
        seen.add(name)
    for each in filter(os.path.isfile, where.folders):  # the library leaves a zip file open
        FastPath(each).joinpath.__self__.root.close()
    for kept in (None, str(tmp_path / "cache"), str(tmp_path / "cache")):
        assert {(each.id, each.version) for each in providers(where, kept)} == library


@pytest.mark.parametrize(
    "install", [_plain, _extras, _egg_info, _pth, _finder, _editables, _zip_file, _comments, _capitals]
)
def test_a_provider_is_found_however_it_was_installed(tmp_path, install):
    root = _environment(tmp_path / "env")
    install(root, tmp_path / "source")
    (found,) = _providers(root)
    assert (found.id, found.distribution, found.version, found.problems) == ("x", "penstock-providers-x", "1.0", ())
    assert found.manifest.id == "x"


def test_a_zip_file_on_the_path_is_not_held_open(tmp_path):
    root = _environment(tmp_path / "env")
    _zip_file(root, tmp_path / "source")
    assert [each.id for each in _providers(root)] == ["x"]
    assert distributions(str(tmp_path / "x.zip"))["penstock-providers-x"].version == "1.0"
    descriptors = [os.path.realpath(f"/proc/self/fd/{each}") for each in os.listdir("/proc/self/fd")]  # noqa: PTH208 - its names are numbers
    assert not [each for each in descriptors if each.endswith(".zip")]


@pytest.mark.parametrize("damage", [b"", b"PK\x03\x04", b"no zip file"])
def test_a_damaged_zip_file_on_the_path_has_no_distributions(tmp_path, damage):
    root = _environment(tmp_path / "env")
    _zip_file(root, tmp_path / "source")
    (tmp_path / "x.zip").write_bytes(damage)
    assert _providers(root) == []


@pytest.mark.parametrize("seen", [True, False])
def test_packages_of_the_system_and_of_the_user_are_seen_where_the_environment_sees_them(tmp_path, seen):
    root = _environment(tmp_path / "env", system=seen)
    user = tmp_path / "user" / "lib" / PYTHON / "site-packages"
    for site, name in ((tmp_path / "base" / "lib" / PYTHON / "site-packages", "sys"), (user, "usr")):
        _metadata(site, f"penstock-providers-{name}", "1.0", entry_points=f"{name} = penstock_{name}:provider.toml")
        _package(site, name)
    found = {each.id for each in _providers(root, PYTHONUSERBASE=str(tmp_path / "user"))}
    assert found == ({"sys", "usr"} if seen else set())


def test_two_distributions_with_one_id_are_both_reported_and_what_they_say_is_shown(tmp_path):
    root = _environment(tmp_path / "env")
    _plain(root, tmp_path)
    _metadata(_site(root), "rival", "2.0", entry_points="x = penstock_x:provider.toml")
    found = _providers(root)
    assert {each.distribution for each in found} == {"penstock-providers-x", "rival"}
    assert all("none is active" in each.problems[0] and each.manifest for each in found)


def test_a_core_that_does_not_fit_is_a_problem_of_the_provider(tmp_path):
    root = _environment(tmp_path / "env")
    _metadata(_site(root), "penstock-core", "0.1")
    spec = _site(root) / "penstock" / "spec"
    spec.mkdir(parents=True)
    (spec / "version.py").write_text("SPEC_VERSION = 1\n")
    need = "Requires-Dist: penstock-core>=9\n"
    _metadata(_site(root), "penstock-providers-x", "1.0", need, entry_points="x = penstock_x:provider.toml")
    _package(_site(root), "x", small_manifest("x", spec=">=2"))
    assert core_spec(environment_path(str(root), {})) == ("0.1", range(1, 2))
    (found,) = _providers(root)
    assert [text.split(",")[0] for text in found.problems] == ["it serves spec '>=2'", "needs penstock-core>=9"]


def test_distributions_are_read_from_their_headers_and_leftovers_of_a_killed_pip_are_none(tmp_path):
    _metadata(tmp_path, "Some.Name", "1.0", "Requires-Dist: dep>=1\nLicense: MIT\n")
    _metadata(tmp_path, "~ome.name", "0.9")
    (tmp_path / "empty-1.0.dist-info").mkdir()
    _metadata(tmp_path, "edited", "1.0")
    (tmp_path / "edited-1.0.dist-info" / "METADATA").write_text("Name: some-name\nVersion: 1.0\n")
    found = distributions(str(tmp_path))
    assert sorted(found) == ["edited", "some-name"]
    assert (found["some-name"].requires, found["some-name"].license) == (("dep>=1",), "MIT")
    assert info_folder(tmp_path, "some-name").name == "Some.Name-1.0.dist-info"


def _rewritten_in_place(site: Path) -> None:
    os.utime(next(site.glob("penstock*.dist-info")) / "entry_points.txt", ns=(1, 1))


def _another_path(site: Path) -> None:
    os.utime(site / "x.pth", ns=(1, 1))


def _entry_points_where_none_were(site: Path) -> None:
    (site / "lib-1.0.dist-info" / "entry_points.txt").write_text("[penstock.providers]\ny = penstock_y:provider.toml\n")


def _entry_points_of_another_group(site: Path) -> None:
    os.utime(site / "tool-1.0.dist-info" / "entry_points.txt", ns=(1, 1))


def _no_entry_points_any_more(site: Path) -> None:
    (next(site.glob("penstock*.dist-info")) / "entry_points.txt").unlink()


def _another_version(site: Path) -> None:
    (site / "lib-1.0.dist-info").rename(site / "lib-1.1.dist-info")


CHANGES = [
    _rewritten_in_place, _another_path, _entry_points_where_none_were, _entry_points_of_another_group,
    _no_entry_points_any_more, _another_version,
]  # fmt: skip


@pytest.mark.parametrize("change", CHANGES)
def test_the_output_of_list_is_kept_until_something_that_it_rests_on_changes(tmp_path, change):
    root = _environment(tmp_path / "env")
    _pth(root, tmp_path / "source")
    _metadata(_site(root), "lib", "1.0")
    _metadata(_site(root), "tool", "1.0").joinpath("entry_points.txt").write_text(
        "[console_scripts]\ntool = tool:main\n"
    )
    for path in tmp_path.rglob("*"):
        os.utime(path, (1_700_000_000, 1_700_000_000), follow_symlinks=False)
    write_list_cache(str(root), "", watched_files(environment_path(str(root), {}).folders), "text", "document")
    assert read_list_cache(str(root), "", "text") == "text"
    assert read_list_cache(str(root), "", "json") == "document"
    assert read_list_cache(str(root), "another project", "text") is None

    change(_site(root))

    assert read_list_cache(str(root), "", "text") is None


def test_an_environment_tells_whether_it_sees_the_packages_of_the_system(tmp_path):
    assert open_environment(str(_environment(tmp_path / "one", system=True))).system_site
    assert not open_environment(str(_environment(tmp_path / "two"))).system_site


def test_what_a_killed_pip_has_renamed_announces_no_provider(tmp_path):
    _metadata(tmp_path, "~enstock-providers-x", "1.0", entry_points="x = penstock_x:provider.toml")
    assert find_providers(SearchPath((str(tmp_path),))) == []
