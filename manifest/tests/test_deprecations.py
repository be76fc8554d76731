"""What will be gone is told of whoever uses it, as data, without importing anything."""

import pytest

from penstock_manifest.deprecations import deprecated_uses
from penstock_manifest.environments import SearchPath
from penstock_manifest.judge import read_manifest
from penstock_manifest.kinds import ARRAYS, KINDS
from penstock_manifest.providers import read_providers
from penstock_manifest.specs import REACTING, Deprecation
from penstock_testkit.installations import Site

SMALL = 'schema = 1\nid = "acme"\nname = "A"\ndoc = "A."\nspec = ">=1,<2"\nimports = ["penstock_acme"]\n'
END = Deprecation(since=2, until=4, instead="answer penstock_operators")
LISTENER = 'plugin = "penstock_acme.listener"\n'
SENSOR = '[[sensors]]\nid = "acme.wait"\nobject = "penstock_acme.it:It"\ndoc = "Waits."\n'
BOX = '[[connections]]\ntype = "box"\ndoc = "A box."\n'


@pytest.fixture
def announced(monkeypatch):
    """Tables in which two kinds, a spec and an argument of another are on their way out."""
    for name in ("sensors", "connections"):
        monkeypatch.setitem(ARRAYS, name, ARRAYS[name]._replace(deprecated=END))
    first, second = REACTING
    monkeypatch.setitem(REACTING, first, REACTING[first]._replace(deprecated=END))
    monkeypatch.setitem(REACTING, second, REACTING[second]._replace(arguments={"change": END}))


@pytest.mark.parametrize(
    ("manifest", "module", "expected"),
    [
        (SENSOR, None, ["the kind 'sensors'"]),
        (BOX, None, ["the kind 'connections'"]),
        ("", "def penstock_task_state_changed(change): ...", []),
        (LISTENER, None, []),
        (LISTENER, "def penstock_task_state_changed(): ...", ["the spec 'penstock_task_state_changed'"]),
        (LISTENER, "def penstock_run_state_changed(): ...", []),
        (
            LISTENER,
            "@hookimpl\ndef penstock_run_state_changed(change): ...",
            ["the argument 'change' of the spec 'penstock_run_state_changed'"],
        ),
        (LISTENER, "def penstock_task_state_changed(", []),
        (LISTENER, "class penstock_task_state_changed: ...\nx = 1", []),
    ],
)
def test_each_use_of_what_will_be_gone_is_found(announced, manifest, module, expected):
    sound = read_manifest(SMALL + manifest, strict=True).manifest

    found = deprecated_uses(sound, None, {"penstock_acme.listener": module}.get)

    assert [each.what for each in found] == expected
    assert deprecated_uses(sound, range(1, 2), {"penstock_acme.listener": module}.get) == []  # spec 1 announces nothing


def test_a_provider_is_active_and_says_what_will_be_gone(announced, tmp_path):
    site = Site(tmp_path)
    site.provider("acme", manifest=SMALL.replace("<2", "<4") + LISTENER + SENSOR)
    site.folder.joinpath("penstock_acme", "listener.py").write_text("def penstock_task_state_changed(): ...")

    (told,) = read_providers(SearchPath((str(site.folder),)), served=range(1, 3))
    (silent,) = read_providers(SearchPath((str(site.folder),)), served=range(1, 2))

    assert told.notes == (
        "it uses the kind 'sensors', which is deprecated since spec 2 and gone with spec 4; answer penstock_operators",
        "it uses the spec 'penstock_task_state_changed', which is deprecated since spec 2 and gone with spec 4; answer penstock_operators",
    )
    assert told.active
    assert silent.notes == ()


@pytest.mark.parametrize(("spec", "refused"), [(">=1", True), (">=2", False), (">=1,<2", True), (">=2,<3", False)])
def test_an_author_hears_that_a_kind_is_newer_than_a_spec_of_his_range(monkeypatch, spec, refused):
    monkeypatch.setitem(ARRAYS, "sensors", KINDS["sensors"]._replace(since=2))
    text = SMALL.replace(">=1,<2", spec) + SENSOR

    problems = read_manifest(text, strict=True).problems

    assert [each for each in problems if "sensors came with spec 2" in each and "write '>=2'" in each] == [*problems]
    assert bool(problems) is refused
    assert read_manifest(text).problems == ()  # a core that knows it, or skips it, has no quarrel
