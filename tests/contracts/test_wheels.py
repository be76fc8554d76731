"""What users get: wheels that import alone, and a core within its budget (ADR 0009)."""

from zipfile import ZipFile

import pytest

import wheels
from penstock_testkit.wheels import write_wheel

PACKAGES = {
    "penstock-core": "penstock",
    "penstock-manifest": "penstock_manifest",
    "penstock-plugin-manager": "penstock_plugin_manager",
    "penstock-server": "penstock_server",
}

pytestmark = [pytest.mark.timeout(300), pytest.mark.xdist_group("wheels")]


@pytest.fixture(scope="module")
def core_python(workspace_wheels, tmp_path_factory):
    """The Python of an environment that has the core alone."""
    return wheels.make_environment(tmp_path_factory.mktemp("core") / "env", workspace_wheels, "penstock-core")


def _distributions(workspace):
    providers = [path.parent.name for path in sorted(workspace.glob("providers/*/pyproject.toml"))]
    return PACKAGES | {f"penstock-providers-{name}": f"penstock_{name.replace('-', '_')}" for name in providers}


def test_every_wheel_imports_whole_beside_nothing_but_what_it_requires(workspace, workspace_wheels, tmp_path):
    for distribution, package in _distributions(workspace).items():
        python = wheels.make_environment(tmp_path / "env", workspace_wheels, distribution)
        assert wheels.import_everything(python, package, tmp_path) > 0
        ours = {name for name in wheels.distributions(python) if name.startswith("penstock")}
        assert ours <= {distribution, "penstock-core", "penstock-manifest"}


@pytest.mark.parametrize("requirement", wheels.OF_EXTRAS)
def test_a_wheel_with_its_extra_imports_whole(requirement, workspace_wheels, tmp_path):
    package = PACKAGES[requirement.partition("[")[0]]
    python = wheels.make_environment(tmp_path / "env", workspace_wheels, requirement)
    alone = wheels.import_everything(python, package, tmp_path)
    whole = wheels.import_everything(python, package, tmp_path, extras=True)
    assert whole == alone + len(wheels.OF_EXTRAS[requirement])


def test_no_wheel_holds_tests_or_a_name_of_another(workspace_wheels):
    for wheel in workspace_wheels.glob("*.whl"):
        tops = {name.split("/")[0] for name in ZipFile(wheel).namelist()}
        assert len({top for top in tops if not top.endswith(".dist-info")}) == 1, f"{wheel.name} has {tops}"


def test_the_core_is_slim(core_python):
    assert len(wheels.distributions(core_python)) <= wheels.MOST_DISTRIBUTIONS
    assert wheels.megabytes(core_python) <= wheels.MOST_MEGABYTES
    assert wheels.loaded_by(core_python, "penstock") & set(wheels.ABSENT) == set()


@pytest.mark.parametrize(
    ("words", "most"),
    [
        pytest.param(["-c", "import penstock"], wheels.MOST_IMPORT_MS, id="import penstock"),
        pytest.param(["-m", "penstock", "--version"], wheels.MOST_VERSION_MS, id="penstock --version"),
    ],
)
def test_the_core_starts_at_once(core_python, words, most):
    # Processor time, as other tests run beside this one; `nox -s wheels` judges wall time.
    _, spent = wheels.milliseconds([core_python, "-I", *words], [core_python, "-I", "-c", "pass"])
    assert spent <= most


def test_the_measures_see_a_package_that_is_heavy_slow_and_not_whole(tmp_path):
    files = {
        "heavy/__init__.py": "import json\nfor _ in range(5_000_000): pass\n",
        "heavy/part.py": "import no_such_sibling\n",
        "heavy/data.bin": b"\0" * 2_000_000,
    }
    write_wheel(tmp_path / "wheels", "heavy", "1.0", files=files)
    python = wheels.make_environment(tmp_path / "env", tmp_path / "wheels", "heavy")
    assert wheels.distributions(python) == ["heavy"]
    assert wheels.megabytes(python) > 2
    assert "json" in wheels.loaded_by(python, "heavy")
    _, spent = wheels.milliseconds([python, "-I", "-c", "import heavy"], [python, "-I", "-c", "pass"], rounds=3)
    assert spent > wheels.MOST_IMPORT_MS
    with pytest.raises(RuntimeError, match="no_such_sibling"):
        wheels.import_everything(python, "heavy", tmp_path)
