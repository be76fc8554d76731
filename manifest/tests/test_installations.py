"""Whatever the way in which a provider is installed, discovery, its cache and another environment's view say what the library says.

Each kind of installation is made on disk and looked at from a process of its own, whose ``sys.path`` is made by `site`.
"""

import json
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from penstock_manifest.discovery import find_providers
from penstock_manifest.environments import SearchPath
from penstock_testkit.installations import INSTALLATIONS, Installation, settle

OLD_LIBRARY = tuple(map(int, version("importlib_metadata").split(".")[:2])) < (10, 1)
"""Whether the library still lets a copy without metadata hide a whole one; discovery never does."""

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


def _look(made):
    """What a process with this path finds, by each way."""
    given = [
        [str(each) for each in made.folders],
        [str(each) for each in made.sites],
        [made.where.folders, dict(made.where.modules)],
        str(made.root.parent / "cache"),
    ]
    done = subprocess.run(
        [sys.executable, "-I", "-B", "-c", CHILD, json.dumps(given)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("kind", INSTALLATIONS, ids=lambda kind: kind.__name__.strip("_"))
def test_every_way_of_looking_says_what_the_library_says(tmp_path, kind):
    made = Installation(tmp_path / "zoo")
    kind(made)
    made.settle()

    seen = _look(made)

    if INSTALLATIONS[kind] is None or (OLD_LIBRARY and kind.__name__ == "_a_rest_without_metadata_first"):
        assert "zoo" in [each[0] for each in seen["own"]]
    else:
        assert [each[0] for each in seen["library"]] == INSTALLATIONS[kind]
        assert seen["own"] == seen["library"]
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
def test_a_cache_forgets_what_has_changed(site, tmp_path, change):
    site.provider("zoo")
    settle(site.folder)
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


def test_a_cache_that_cannot_be_written_leaves_nothing_behind(site, tmp_path):
    site.provider("zoo")
    settle(site.folder)
    where, cache = SearchPath((str(site.folder),)), tmp_path / "cache"
    find_providers(where, cache=str(cache))
    (kept,) = cache.iterdir()
    kept.unlink()
    (kept / "in the way").mkdir(parents=True)

    find_providers(where, cache=str(cache))

    assert list(cache.iterdir()) == [kept]


@pytest.mark.parametrize("text", ["", "{", "[]", '{"stamp": 1}', "null"])
def test_a_damaged_cache_is_none(site, tmp_path, text):
    site.provider("zoo")
    settle(site.folder)
    where, cache = SearchPath((str(site.folder),)), str(tmp_path / "cache")
    before = find_providers(where, cache=cache)
    next(Path(cache).iterdir()).write_text(text)

    assert find_providers(where, cache=cache) == before
