"""``validate --import`` has the environment's own core run every check of the provider suite, in a process of its own."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

from penstock_plugin_manager.cli import main
from penstock_testkit.wheels import small_manifest

PROVIDER = min(
    each for each in (Path(__file__).parents[2] / "providers").iterdir() if (each / "pyproject.toml").is_file()
)
PROJECT = """[project]
name = "penstock-providers-nobody"
version = "1.0"
dependencies = ["penstock-core>=0.1"]
[project.entry-points."penstock.providers"]
nobody = "penstock_nobody:provider.toml"
"""


@pytest.fixture
def validated(monkeypatch, capsys):
    """What ``validate --import`` says of a folder, for the environment of these tests."""
    for name in [each for each in os.environ if each.startswith("PENSTOCK_")]:
        monkeypatch.delenv(name)

    def run(folder):
        code = main(["validate", str(folder), "--import", "--env", sys.prefix, "--json"])
        return code, json.loads(capsys.readouterr().out)

    return run


def test_a_provider_of_this_workspace_is_sound(validated):
    code, said = validated(PROVIDER)
    assert (code, said["data"]["problems"]) == (0, [])


def test_one_that_is_not_installed_there_cannot_be_imported(validated, tmp_path):
    (tmp_path / "pyproject.toml").write_text(PROJECT)
    package = tmp_path / "src" / "penstock_nobody"
    package.mkdir(parents=True)
    (package / "provider.toml").write_text(small_manifest("nobody"))
    code, said = validated(tmp_path)
    assert code == 5
    assert "no provider 'nobody' is installed in this environment" in said["data"]["problems"][-1]


def test_what_a_provider_prints_is_not_taken_for_the_answer(validated, tmp_path, monkeypatch):
    (tmp_path / "pyproject.toml").write_text(PROJECT)
    site = tmp_path / "src"
    package, info = site / "penstock_nobody", site / "penstock_providers_nobody-1.0.dist-info"
    package.mkdir(parents=True)
    info.mkdir()
    (package / "provider.toml").write_text(small_manifest("nobody"))
    (package / "__init__.py").write_text("import atexit\n\nprint('[1]' * 100_000)\natexit.register(print, '[]')\n")
    (info / "METADATA").write_text("Metadata-Version: 2.4\nName: penstock-providers-nobody\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[penstock.providers]\nnobody = penstock_nobody:provider.toml\n")
    monkeypatch.setenv("PYTHONPATH", str(site))
    code, said = validated(tmp_path)
    assert code == 5
    assert any("penstock_nobody.operators" in each for each in said["data"]["problems"]), said
