"""The core's front door is for those outside (ADR 0009); a provider's door is its manifest (ADR 0005)."""

import tomllib

import pytest

from house.doors import through_the_front_door
from house.tree import sources_of
from penstock_manifest.judge import read_manifest

pytestmark = pytest.mark.xdist_group("sources")  # each file is parsed once, and kept

MAY_USE_THE_DOOR = {
    "core/src/penstock/author/build/missing.py": "tells authors which names the door has",
    "core/src/penstock/load/parse/preload.py": "imports every name ahead of DAG files, which will use the door",
}


def test_nobody_inside_the_core_imports_its_front_door(workspace):
    found = []
    for path in sources_of(workspace):
        if path.parts[:3] == ("core", "src", "penstock") and str(path) not in MAY_USE_THE_DOOR:
            found += through_the_front_door(str(path), (workspace / path).read_text(), "penstock")
    assert found == []


@pytest.mark.parametrize(
    ("text", "count"),
    [
        pytest.param("from penstock import DAG, task", 2, id="names"),
        pytest.param("def f():\n    import penstock", 1, id="as a whole, inside a function"),
        pytest.param("from penstock import __version__", 0, id="the version"),
        pytest.param("from penstock.author.dag import DAG\nimport penstock.errors", 0, id="where it lives"),
    ],
)
def test_the_contract_sees_an_import_of_the_front_door(text, count):
    assert len(list(through_the_front_door("a.py", text, "penstock"))) == count


def _providers(workspace):
    return sorted(workspace.glob("providers/*/pyproject.toml"))


def test_every_provider_has_one_id_and_a_manifest_without_a_fault(workspace):
    for project in _providers(workspace):
        points = tomllib.loads(project.read_text())["project"]["entry-points"]["penstock.providers"]
        provider = project.parent.name.replace("-", "_")
        assert points == {provider: f"penstock_{provider}:provider.toml"}
        text = (project.parent / "src" / f"penstock_{provider}" / "provider.toml").read_text()
        assert read_manifest(text, provider, strict=True).problems == ()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        pytest.param('id = "', 'id = "other_', id="another id"),
        pytest.param("spec = ", "specs = ", id="a key that is no key"),
        pytest.param('object = "penstock', 'object = "no module', id="no import string"),
        pytest.param("schema = 1", "schema = [", id="no TOML"),
    ],
)
def test_the_contract_sees_a_fault_in_a_manifest(workspace, old, new):
    project = _providers(workspace)[0]
    provider = project.parent.name.replace("-", "_")
    text = (project.parent / "src" / f"penstock_{provider}" / "provider.toml").read_text()
    assert old in text
    assert read_manifest(text.replace(old, new, 1), provider, strict=True).problems
