"""Whatever the way of installing, the core, its cache and the plugin manager tell of the same providers as the library (ADR 5)."""

import site
import sys

import importlib_metadata
import pytest

from penstock.plugins.host import PluginHost
from penstock_manifest.discovery import GROUP
from penstock_plugin_manager.installed.site import providers as managed_providers
from penstock_plugin_manager.model.names import normalize
from penstock_testkit.installations import BROKEN, INSTALLATIONS, Installation
from penstock_testkit.nightly import thinned


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """Make a kind of installation and put it on this process' own path, as ``site`` does when a Python starts."""

    def install(kind):
        made = Installation(tmp_path / "zoo")
        kind(made)
        made.settle()
        monkeypatch.setattr(sys, "path", [*map(str, made.folders), *sys.path])
        monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))
        monkeypatch.setattr(sys, "modules", sys.modules.copy())
        for folder in made.sites:
            site.addsitedir(str(folder))
        return made

    return install


def _in_the_library():
    """Id, distribution and version of each; None where one bad neighbour ends all."""
    try:
        entries = importlib_metadata.entry_points(group=GROUP)
        rows = sorted((entry.name, normalize(entry.dist.name), entry.dist.version) for entry in entries)
    except (UnicodeDecodeError, KeyError):
        return None
    return [row for row in rows if row[0].startswith("zoo")]


def _in_the_core(cache=None):
    return sorted(
        (each.id, *_name_and_version(distribution), each.active)
        for each in PluginHost.discover(cache=cache).providers()
        for distribution in each.distributions
        if each.id.startswith("zoo")
    )


def _name_and_version(distribution):
    name, _, version = distribution.partition(" ")
    return normalize(name), version


def _in_the_manager(where, cache=None):
    return sorted(
        (each.id, each.distribution, each.version, not each.problems)
        for each in managed_providers(where, cache)
        if each.id.startswith("zoo")
    )


def test_there_are_kinds_enough_and_broken_ones_among_them():
    assert len(INSTALLATIONS) >= 25
    assert set(BROKEN) < set(INSTALLATIONS)


@pytest.mark.parametrize("kind", thinned(INSTALLATIONS, 4), ids=lambda kind: kind.__name__.strip("_"))
def test_core_manager_caches_and_library_tell_of_the_same_providers(installed, tmp_path, kind):
    made = installed(kind)

    core = _in_the_core()

    library = _in_the_library() if INSTALLATIONS[kind] is not None else None
    if library is not None:
        assert [row[0] for row in library] == INSTALLATIONS[kind]
        assert [row[:3] for row in core] == library
        assert {row[3] for row in core} <= {kind not in BROKEN}
    for cache in ("filled", "read"):
        assert _in_the_core(str(tmp_path / "core-cache")) == core, cache
        assert _in_the_manager(made.where, str(tmp_path / "manager-cache")) == core, cache
    assert _in_the_manager(made.where) == core
