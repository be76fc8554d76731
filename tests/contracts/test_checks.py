"""Lint, types and import contracts, as every test run has them; and proof that each finds what it is there for."""

import shutil
from pathlib import Path

import pytest

import check


@pytest.mark.timeout(900)
@pytest.mark.parametrize("run", [check.lint, check.types, check.imports], ids=["lint", "types", "imports"])
def test_the_workspace_passes(workspace, run, capfd):
    code = run(workspace)
    told = capfd.readouterr()
    assert code == 0, told.out + told.err


FAULTS = {
    "manifest/src/penstock_manifest/keys_of.py": "import msgspec\n",
    "manifest/src/penstock_manifest/keys.py": "import penstock_manifest.format\n",
    "core/src/penstock/helpers.py": '"""A module that no layer has."""\n',
    "core/src/penstock/model/late.py": "def f():\n    from penstock.engine.graph import compiled\n    return compiled\n",
    "core/src/penstock/engine/hasty.py": "def f():\n    import time\n    return time.time()\n",
    "core/src/penstock/model/dicey.py": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import random\n",
    "core/src/penstock/author/scope.py": "def f():\n    import penstock.author.run.context\n",
    "core/src/penstock/store/partial.py": "import penstock_acme\n",
    "core/src/penstock/service/curious.py": "def f():\n    import penstock.store.sql.tables\n",
    "core/src/penstock/load/ring_a.py": "import penstock.load.ring_b\n",
    "core/src/penstock/load/ring_b.py": "import penstock.load.ring_a\n",
    "plugin-manager/src/penstock_plugin_manager/need/curious.py": "import penstock.errors\n",
    "plugin-manager/src/penstock_plugin_manager/model/upward.py": "import penstock_plugin_manager.plan.limits\n",
    "plugin-manager/src/penstock_plugin_manager/plan/impure.py": "import subprocess\n",
    "providers/acme/src/penstock_acme/hooks.py": "import penstock_acme.operators\n",
    "providers/acme/src/penstock_acme/operators.py": "import penstock_bravo\n",
    "providers/acme/src/penstock_acme/sensors.py": "def f():\n    import penstock.author.dag\n",
    "providers/acme/src/penstock_acme/helpers.py": '"""A room that no provider has."""\n',
    "examples/remote_workers/src/penstock_remote/curious.py": "import penstock.engine.engine\n",
    "core/src/penstock/cli/direct.py": "def f():\n    from penstock import store\n    return store\n",
    "server/src/penstock_server/__init__.py": '"""A server."""\n',
    "server/src/penstock_server/routes.py": "import penstock.service.dags\nimport penstock.scheduler.loop\n",
    "providers/acme/src/penstock_acme/__init__.py": '"""A provider."""\n',
    "providers/bravo/src/penstock_bravo/__init__.py": '"""A provider."""\n',
}
SENTENCES = [
    "penstock_manifest.keys -> penstock_manifest.format",
    "penstock_manifest.keys_of -> msgspec",
    "penstock.helpers",
    "penstock.model.late -> penstock.engine.graph.compiled",
    "penstock.engine.hasty -> time",
    "penstock.model.dicey -> random",
    "penstock.author.scope -> penstock.author.run.context",
    "penstock.store.partial -> penstock_acme",
    "penstock.service.curious -> penstock.store.sql.tables",
    "No cycles are allowed in penstock.load",
    "penstock_plugin_manager.need.curious -> penstock.errors",
    "penstock_plugin_manager.model.upward -> penstock_plugin_manager.plan.limits",
    "penstock_plugin_manager.plan.impure -> subprocess",
    "penstock_acme.hooks -> penstock_acme.operators",
    "penstock_acme.operators -> penstock_bravo",
    "penstock_acme.sensors -> penstock.author.dag",
    "penstock_acme.helpers",
    "penstock_remote.curious -> penstock.engine.engine",
    "penstock.cli.direct -> penstock.store",
    "penstock_server.routes -> penstock.scheduler",
]


@pytest.fixture(scope="module")
def faulty_workspace(workspace, tmp_path_factory) -> Path:
    """A copy of the sources with faults in it, two new providers among them."""
    root = tmp_path_factory.mktemp("faulty")
    shutil.copy(workspace / "pyproject.toml", root)
    for folder in check.source_folders(workspace):
        copy = root / folder.relative_to(workspace)
        shutil.copytree(folder, copy, ignore=shutil.ignore_patterns("__pycache__", "*.json", "*.so"))
        shutil.copy(folder.parent / "pyproject.toml", copy.parent)
    for name, text in FAULTS.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    for provider in ("acme", "bravo"):
        (root / "providers" / provider / "pyproject.toml").touch()
    (root / "server" / "pyproject.toml").touch()
    return root


@pytest.mark.timeout(900)
def test_the_import_contracts_see_every_seeded_fault(faulty_workspace, capfd):
    assert check.imports(faulty_workspace) == 1
    told = " ".join(capfd.readouterr().out.split())
    assert [sentence for sentence in SENTENCES if sentence not in told] == []
    assert told.count("Contracts: 0 kept") == 2, "every contract was given a fault, in both readings"


@pytest.fixture
def small_workspace(workspace, tmp_path) -> Path:
    """A workspace with the rules of this one and no package yet."""
    shutil.copy(workspace / "pyproject.toml", tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(
            '"""A module."""\n\n\ndef double(value):\n    """Twice."""\n    return 2 * value\n', id="no annotation"
        ),
        pytest.param('"""A module."""\n\nTOTAL: int = "none"\n', id="wrong type"),
    ],
)
def test_the_type_check_sees_a_wrong_type(small_workspace, text, capfd):
    package = small_workspace / "core" / "src" / "small"
    package.mkdir(parents=True)
    (small_workspace / "core" / "pyproject.toml").touch()
    (package / "__init__.py").write_text('"""A package."""\n')
    assert check.types(small_workspace) == 0, capfd.readouterr()
    (package / "wrong.py").write_text(text)
    assert check.types(small_workspace) == 1


@pytest.mark.parametrize(
    "text",
    [
        pytest.param('"""A module."""\n\nimport os\n', id="style"),
        pytest.param('"""A module."""\n\nTOTAL = {"a" : 1}\n', id="format"),
        pytest.param('"""A module."""\n\nprint("hello")\n', id="print"),
    ],
)
def test_the_linter_sees_bad_style(small_workspace, text, capfd):
    good = small_workspace / "pkg"
    good.mkdir()
    (good / "__init__.py").write_text('"""A package."""\n')
    assert check.lint(small_workspace) == 0, capfd.readouterr()
    (good / "wrong.py").write_text(text)
    assert check.lint(small_workspace) == 1
