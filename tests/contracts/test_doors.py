"""The core's front door is for those outside (ADR 0009); a provider's door is its manifest (ADR 0005)."""

import tomllib

import pytest

from house.doors import decoded_without_a_lock, through_the_front_door
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


def test_types_are_decoded_where_threads_wait_for_each_other(workspace):
    found = []
    for path in sources_of(workspace):
        if path.parts[:2] in {("core", "src"), ("server", "src")} and path.name != "decoders.py":
            found += decoded_without_a_lock(str(path), (workspace / path).read_text())
    assert found == []


@pytest.mark.parametrize(
    ("text", "count"),
    [
        pytest.param("import msgspec\nmsgspec.json.decode(data, type=Run)", 1, id="a type by its name"),
        pytest.param("import msgspec\n_decode = msgspec.msgpack.Decoder(Run).decode", 1, id="a decoder"),
        pytest.param("import msgspec\nmsgspec.convert(value, Run)", 1, id="a conversion"),
        pytest.param("from msgspec.json import Decoder", 1, id="a name that hides it"),
        pytest.param("import msgspec\nmsgspec.json.decode(data)", 0, id="plain values"),
    ],
)
def test_the_contract_sees_a_type_that_is_decoded_elsewhere(text, count):
    assert len(list(decoded_without_a_lock("a.py", text))) == count


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
