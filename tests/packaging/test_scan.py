"""From DAG files to providers."""

from __future__ import annotations

import pytest

DAG = """
from penstock import dag, operator
from penstock_gamma.fast import Fast
import importlib

task = operator("alpha.run", task_id="x")
url = f"s4://bucket/{key}"
connection = "salesy://user@host"
try:
    import penstock_beta
except ImportError:
    penstock_beta = None
"""


@pytest.fixture
def project(uv_world, universe):
    """A project with DAG files and a catalog."""
    uv_world.pm("catalog", "build", str(universe), "-o", "catalog.json")
    uv_world.intent.write_text('# mine\n[plugin-manager]\ncatalogs = ["catalog.json"]\n')
    (uv_world.folder / "dags").mkdir()
    (uv_world.folder / "dags/one.py").write_text(DAG)
    return uv_world


def test_needs_come_with_extras_file_and_line(project):
    data = project.json("scan")
    found = {need["id"]: (need["extras"], need["locations"][0]["line"], need["optional"]) for need in data["needs"]}
    assert found == {
        "gamma": (["fast"], 3, False), "alpha": ([], 6, False), "store": ([], 7, False), "salesy": ([], 8, False), "beta": ([], 10, True),
    }  # fmt: skip
    assert data["cannot_tell"] == []


def test_check_tells_missing_from_unused(project):
    assert project.json("scan", "--check", expect=3)["missing"] == ["alpha", "gamma", "salesy", "store"]
    project.pm("scan", "--write")
    project.pm("scan", "--check")
    project.intent.write_text(project.intent.read_text().replace("providers = [", 'providers = ["left", '))
    assert project.json("scan", "--check", expect=4)["unused"] == ["left"]


def test_write_keeps_the_rest_of_the_file_and_sync_installs_it(project):
    project.pm("scan", "--write")
    text = project.intent.read_text()
    assert text.startswith("# mine\n")
    assert 'providers = ["alpha", "gamma[fast]", "salesy", "store"]' in text
    project.pm("sync")
    assert {row["id"] for row in project.json("list")["providers"]} == {"alpha", "gamma", "salesy", "store"}
    assert "lib-fast" in project.standing()
    assert project.json("plan")["steps"] == []


def test_what_cannot_be_told_is_listed_and_keeps_unused_providers(project):
    (project.folder / "dags/two.py").write_text("import importlib\nimportlib.import_module(name)\n")
    project.intent.write_text('[plugin-manager]\nproviders = ["left"]\ncatalogs = ["catalog.json"]\n')
    data = project.json("scan", "--write")
    assert [(place["line"], "importlib.import_module" in place["what"]) for place in data["cannot_tell"]] == [(2, True)]
    assert '"left"' in project.intent.read_text()


def test_a_broken_file_is_named_and_the_others_are_read(project):
    (project.folder / "dags/three.py").write_text("def (:\n")
    data = project.json("scan")
    assert data["unreadable"][0]["file"].endswith("three.py")
    assert len(data["needs"]) == 5
    assert project.pm("scan", "dags/three.py", "--check", expect=None).code == 1


def test_a_changed_file_is_read_again(project):
    project.pm("scan")
    (project.folder / "dags/one.py").write_text("import penstock_left\n")
    assert [need["id"] for need in project.json("scan")["needs"]] == ["left"]


def test_a_missing_folder_is_named(project):
    assert "There is no file or folder nowhere" in project.pm("scan", "nowhere", expect=3).err
