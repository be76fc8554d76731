"""Whatever the way in which a provider is installed, discovery, its cache and another environment's view say what the library says.

Each kind of installation is made on disk and looked at from a process of its own, whose ``sys.path`` is made by `site`.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from penstock_manifest.discovery import find_providers
from penstock_manifest.environments import SearchPath, environment_path, search_path

CHILD = """
import json, os, site, sys
folders, sites, where, cache = json.loads(sys.argv[1])
sys.path[:0] = folders
for each in sites:
    site.addsitedir(each)
from penstock_manifest.discovery import find_providers, read_manifest_file
from penstock_manifest.environments import SearchPath

def facts(found):
    return sorted([each.id, each.value, each.version] for each in found)

def readable(found):
    read = []
    for each in found:
        try:
            read.append(bool(read_manifest_file(each)[1]))
        except ValueError as error:
            read.append(str(error))
    return read

filled = find_providers(cache=cache)
cached = find_providers(cache=cache)
was_asked = "importlib_metadata" in sys.modules
import importlib_metadata
own = find_providers()
there = find_providers(SearchPath(tuple(where[0]), where[1]))
try:
    library = [[e.name, e.value, e.dist.version] for e in importlib_metadata.entry_points(group="penstock.providers")]
except (UnicodeDecodeError, KeyError):
    library = None
mine = lambda found: [each for each in found if each.id.startswith("zoo")]
print(json.dumps({
    "library": library and sorted(each for each in library if each[0].startswith("zoo")),
    "own": facts(mine(own)), "cached": facts(mine(cached)), "there": facts(mine(there)),
    "readable": readable(mine(own)), "readable_there": readable(mine(there)), "kept": len(os.listdir(cache)) if os.path.isdir(cache) else 0,
}))
"""


class Zoo:
    """One way of installing, and what looks at it."""

    def __init__(self, site, settled):
        self.site, self.root = site, site.folder.parent
        self.folders, self.sites = [], [site.folder]
        self._settled = settled
        self.where = None

    def look(self):
        """What a process with this path finds, by each way."""
        self._settled(self.root)
        where = self.where or search_path(*map(str, self.sites), pythonpath=os.pathsep.join(map(str, self.folders)))
        given = [
            [str(each) for each in self.folders],
            [str(each) for each in self.sites],
            [where.folders, dict(where.modules)],
            str(self.root.parent / f"{self.root.name}-cache"),
        ]
        done = subprocess.run(
            [sys.executable, "-I", "-B", "-c", CHILD, json.dumps(given)], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)


@pytest.fixture
def zoo(site, settled):
    return Zoo(site, settled)


def wheel(zoo):
    zoo.site.provider("zoo")


def editable_by_path(zoo):
    zoo.site.package("zoo", folder=zoo.root / "source")
    zoo.site.info("zoo")
    (zoo.site.folder / "_editable_zoo.pth").write_text(f"# comment\n{zoo.root / 'source'}\n")


def editable_by_setuptools_finder(zoo):
    package = zoo.site.package("zoo", folder=zoo.root / "source" / "flat")
    zoo.site.info("zoo")
    (zoo.site.folder / "__editable__.zoo-1.pth").write_text("import zoo_finder; zoo_finder.install()")
    (zoo.site.folder / "zoo_finder.py").write_text(
        "import sys\nfrom importlib.machinery import PathFinder\n"
        f"MAPPING: dict[str, str] = {{'penstock_zoo': {str(package)!r}}}\n"
        "class Finder:\n"
        "    @classmethod\n"
        "    def find_spec(cls, name, path=None, target=None):\n"
        "        from importlib.util import spec_from_file_location\n"
        "        from pathlib import Path\n"
        "        if name in MAPPING:\n"
        "            return spec_from_file_location(name, Path(MAPPING[name], '__init__.py'))\n"
        "def install():\n    sys.meta_path.append(Finder)\n"
    )


def egg_info_folder(zoo):
    zoo.site.package("zoo")
    zoo.site.info("zoo", suffix=".egg-info")


def egg_info_file(zoo):
    zoo.site.package("zoo")
    (zoo.site.folder / "penstock_providers_zoo-1.2.egg-info").write_text("Metadata-Version: 1.0\nName: x\nVersion: 1\n")


def egg_link_of_develop(zoo):
    source = type(zoo.site)(zoo.root / "source")
    source.package("zoo")
    source.info("zoo", suffix=".egg-info")
    (zoo.site.folder / "penstock-providers-zoo.egg-link").write_text(f"{source.folder}\n.")
    (zoo.site.folder / "easy-install.pth").write_text(f"{source.folder}\n")


def egg_folder(zoo):
    egg = type(zoo.site)(zoo.root / "zoo-1.2-py3.egg")
    egg.package("zoo")
    egg.info("zoo", suffix=".egg-info").rename(egg.folder / "EGG-INFO")
    zoo.folders = [egg.folder]


def zip_file(zoo):
    packed = type(zoo.site)(zoo.root / "packed")
    packed.provider("zoo")
    zoo.folders = [packed.zipped(zoo.root / "zoo.whl")]


def extras_in_the_value(zoo):
    zoo.site.package("zoo")
    zoo.site.info("zoo", entry_points=b"[penstock.providers]\nzoo = penstock_zoo:provider.toml [fast]\n")


def two_versions_on_the_path(zoo):
    zoo.site.provider("zoo", version="2.0")
    other = type(zoo.site)(zoo.root / "other")
    other.provider("zoo", version="1.0")
    zoo.sites.append(other.folder)


def two_versions_in_one_folder(zoo):
    zoo.site.provider("zoo", version="2.0")
    zoo.site.info("zoo", version="1.0")


def a_rest_without_metadata_first(zoo):
    zoo.site.info("zoo", metadata=b"", entry_points=b"\n")
    other = type(zoo.site)(zoo.root / "other")
    other.provider("zoo", version="2.0")
    zoo.sites.append(other.folder)


def names_in_other_letters(zoo):
    zoo.site.provider("zoo", stem="Penstock.Providers-Zoo".replace("-", "_"))
    other = type(zoo.site)(zoo.root / "other")
    other.provider("zoo", stem="penstock_providers_zoo", version="9")
    zoo.sites.append(other.folder)


def broken_metadata(zoo):
    zoo.site.provider("zoo", metadata=b"no header\n")
    zoo.site.info("zoo2", metadata=b"")


def no_entry_points(zoo):
    zoo.site.package("zoo")
    zoo.site.info("zoo", entry_points=b"")


def crlf_and_comments(zoo):
    zoo.site.package("zoo")
    text = b"# c\r\n[other]\r\nzoo = a:b\r\n\r\n[penstock.providers]\r\n# c\r\n  zoo=penstock_zoo:provider.toml  \r\n; x = y:z\r\n"
    zoo.site.info("zoo", entry_points=text)


def bom(zoo):
    zoo.site.package("zoo")
    zoo.site.info("zoo", entry_points=b"\xef\xbb\xbf[penstock.providers]\nzoo = penstock_zoo:provider.toml\n")


def section_twice(zoo):
    zoo.site.package("zoo")
    text = b"[penstock.providers]\nzoo = penstock_zoo:provider.toml\n[x]\na=b\n[penstock.providers]\nzoo_b = penstock_zoo:b.toml\n"
    zoo.site.info("zoo", entry_points=text)


def not_utf8(zoo):
    zoo.site.provider("zoo")
    zoo.site.info("zoo2", entry_points=b"[penstock.providers]\nzoo2 = \xff:provider.toml\n")


def unreadable_folder(zoo):
    zoo.site.provider("zoo")
    loop = zoo.root / "loop"  # listing it is an error for every user; what has no permissions is open to root
    loop.symlink_to(loop)
    zoo.folders = [loop]


def linked_site(zoo):
    real = type(zoo.site)(zoo.root / "real")
    real.provider("zoo")
    (zoo.root / "link").symlink_to(real.folder)
    zoo.sites = [zoo.root / "link"]


def path_entry_twice(zoo):
    zoo.site.provider("zoo")
    zoo.folders = [zoo.site.folder]


def path_entries_that_are_nothing(zoo):
    zoo.site.provider("zoo")
    (zoo.root / "file.txt").write_text("no zip")
    zoo.folders = [zoo.root / "file.txt", zoo.root / "gone"]


def namespace_package(zoo):
    package = zoo.site.package("zoo")
    (package / "data").mkdir()
    (package / "__init__.py").unlink()
    (package / "provider.toml").rename(package / "data" / "provider.toml")
    zoo.site.info("zoo", entry_points=b"[penstock.providers]\nzoo = penstock_zoo.data:provider.toml\n")


def venv_that_sees_user_and_system(zoo):
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    sites = [zoo.root / prefix / "lib" / version / "site-packages" for prefix in ("env", "home/.local", "base")]
    for number, folder in enumerate(sites):
        made = type(zoo.site)(folder)
        made.provider("zoo", version=f"{9 - number}")
        made.provider(f"zoo_{number}")
    config = f"home = {zoo.root / 'base' / 'bin'}\ninclude-system-site-packages = true\nversion = {version[6:]}.1\n"
    (zoo.root / "env" / "pyvenv.cfg").write_text(config)
    zoo.sites = sites
    zoo.where = environment_path(str(zoo.root / "env"), {"HOME": str(zoo.root / "home")})


FOUND = {
    wheel: ["zoo"], editable_by_path: ["zoo"], editable_by_setuptools_finder: ["zoo"], egg_info_folder: ["zoo"],
    egg_info_file: [], egg_link_of_develop: ["zoo"], egg_folder: ["zoo"], zip_file: ["zoo"], extras_in_the_value: ["zoo"],
    two_versions_on_the_path: ["zoo"], two_versions_in_one_folder: ["zoo"], a_rest_without_metadata_first: ["zoo"],
    names_in_other_letters: ["zoo"], broken_metadata: None, no_entry_points: [], crlf_and_comments: ["zoo"], bom: [],
    section_twice: ["zoo", "zoo_b"], not_utf8: None, unreadable_folder: ["zoo"], linked_site: ["zoo"],
    path_entry_twice: ["zoo"], path_entries_that_are_nothing: ["zoo"], namespace_package: ["zoo"],
    venv_that_sees_user_and_system: ["zoo", "zoo_0", "zoo_1", "zoo_2"],
}  # fmt: skip
ONE_UNREADABLE = (broken_metadata, not_utf8)


@pytest.mark.parametrize("kind", FOUND, ids=lambda kind: kind.__name__)
def test_every_way_of_looking_says_what_the_library_says(zoo, kind):
    kind(zoo)

    seen = zoo.look()

    if kind in ONE_UNREADABLE:  # the library as a whole fails, or tells no version, for one bad neighbour
        assert "zoo" in [each[0] for each in seen["own"]]
    else:
        assert [each[0] for each in seen["library"]] == FOUND[kind]
        assert seen["own"] == seen["library"]
        assert seen["readable"][:1] in ([True], [])
    assert seen["cached"] == seen["own"]
    assert seen["there"] == seen["own"]
    assert seen["readable_there"] == seen["readable"]
    assert seen["kept"] == 1


def changed_entry_points(site):
    (next(site.folder.glob("*.dist-info")) / "entry_points.txt").write_text("[penstock.providers]\nzoo = a_b:c.toml\n")


def another_distribution(site):
    site.provider("zoo2")


def another_version(site):
    next(site.folder.glob("*.dist-info")).rename(site.folder / "penstock_providers_zoo-3.dist-info")


@pytest.mark.parametrize("change", [changed_entry_points, another_distribution, another_version])
def test_a_cache_forgets_what_has_changed(site, settled, tmp_path, change):
    site.provider("zoo")
    settled(site.folder)
    where, cache = SearchPath((str(site.folder),)), str(tmp_path / "cache")
    before = find_providers(where, cache=cache)
    assert find_providers(where, cache=cache) == before

    change(site)

    assert find_providers(where, cache=cache) == find_providers(where)
    assert len(list(Path(cache).iterdir())) == 1


def test_what_changed_a_moment_ago_is_not_kept(site, tmp_path):
    site.provider("zoo")

    find_providers(SearchPath((str(site.folder),)), cache=str(tmp_path / "cache"))

    assert not Path(tmp_path / "cache").exists()


@pytest.mark.parametrize("text", ["", "{", "[]", '{"stamp": 1}', "null"])
def test_a_damaged_cache_is_none(site, settled, tmp_path, text):
    site.provider("zoo")
    settled(site.folder)
    where, cache = SearchPath((str(site.folder),)), str(tmp_path / "cache")
    before = find_providers(where, cache=cache)
    next(Path(cache).iterdir()).write_text(text)

    assert find_providers(where, cache=cache) == before
