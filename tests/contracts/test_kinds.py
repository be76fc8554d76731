"""A kind is attached to something: it says how it is called, somebody asks for it, a page tells how to use it, a test does."""

import inspect
import re
from importlib import import_module

import pytest

from house.tree import files_of
from penstock_manifest.kinds import ARRAYS, KINDS, Kind

# Rooms that know every kind alike, so that a word in them is no consumer.
OF_ALL_KINDS = ("core/src/penstock/testing/", "core/src/penstock/spec/plugin.py")


def texts(workspace, folder, ending):
    return {
        str(path): (workspace / path).read_text()
        for path in files_of(workspace, ending)
        if str(path).startswith(folder)
    }


@pytest.fixture(scope="module")
def sources(workspace):
    return {
        name: text
        for name, text in texts(workspace, "core/src/penstock/", ".py").items()
        if not name.startswith(OF_ALL_KINDS)
    }


@pytest.mark.parametrize("kind", ARRAYS.values(), ids=lambda kind: kind.name)
def test_a_kind_says_when_its_object_is_made_where_it_works_and_what_an_error_does(kind):
    assert [
        name for name in ("meaning", "imported_when", "made_with", "process", "raised") if not getattr(kind, name)
    ] == []


@pytest.mark.parametrize("kind", KINDS.values(), ids=lambda kind: kind.name)
def test_a_kind_has_a_documented_protocol(kind):
    assert undocumented(kind) == []


def undocumented(kind: Kind) -> list[str]:
    module, _, name = kind.protocol.partition(":")
    found = getattr(import_module(module), name)
    methods = [each for each in vars(found).values() if inspect.isfunction(each) and not each.__name__.startswith("_")]
    return [each.__qualname__ for each in (found, *methods) if not (each.__doc__ or "").strip()]


@pytest.mark.parametrize("kind", KINDS)
def test_somebody_asks_for_a_kind(kind, sources):
    assert [name for name, text in sources.items() if f'"{kind}"' in text], f"no room of the core asks for {kind}"


@pytest.mark.parametrize("kind", ARRAYS.values(), ids=lambda kind: kind.name)
def test_a_how_to_tells_of_a_kind(kind, workspace):
    pages = texts(workspace, "docs/how-to/", ".md")
    assert [name for name, text in pages.items() if f"[[{kind.name}]]" in text or kind.spec in text]


@pytest.mark.parametrize("kind", ARRAYS.values(), ids=lambda kind: kind.name)
def test_a_test_of_the_core_uses_a_kind(kind, workspace):
    tests = texts(workspace, "core/tests/", ".py")
    assert [
        name
        for name, text in tests.items()
        if f'"{kind.name}"' in text or kind.spec in text or f"[[{kind.name}]]" in text
    ]


@pytest.mark.parametrize("kind", KINDS.values(), ids=lambda kind: kind.name)
def test_new_writes_a_kind_and_tests_it_by_its_suite(kind, workspace):
    template = workspace / "plugin-manager" / "templates" / "provider"
    assert f"[[{kind.name}]]" in (template / "src" / "penstock_sample" / "provider.toml").read_text()
    assert (template / "docs" / f"{kind.rooms[0]}.md").exists()
    test = (template / "tests" / f"test_{kind.rooms[0]}.py").read_text()
    assert re.search(r"\(\w+Suite\):", test) or kind.name == "commands", (
        "a function, which a test calls, needs no suite"
    )
