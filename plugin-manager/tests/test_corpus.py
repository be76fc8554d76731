"""The manager's doors give the verdicts that stand at the head of each manifest of the corpus, as the core's doors do."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from penstock_manifest.environments import environment_path
from penstock_manifest.kinds import ARRAYS
from penstock_testkit.wheels import write_wheel

from penstock_plugin_manager.cli import main
from penstock_plugin_manager.index.wheel import read_wheel
from penstock_plugin_manager.installed.site import providers

CORPUS = sorted((Path(__file__).parents[2] / "manifest" / "tests" / "corpus").glob("*.toml"))
# Their range is sound, and no core is known to the one who looks at a wheel alone.
NEED_A_CORE = {"broken_spec_not_served"}


def _head(file: Path, mark: str) -> list[str]:
    text = file.read_bytes().decode("utf-8-sig", errors="replace")
    lines = text.replace("{kinds}", ", ".join(ARRAYS)).splitlines()
    return [line.removeprefix(f"# {mark}: ") for line in lines if line.startswith(f"# {mark}: ")]


def _are(told: list[str], wanted: list[str]) -> bool:
    """Whether sentences are those that are wanted, in any order; a wanted one that ends with an ellipsis is a beginning."""
    cut = [next((want for want in wanted if want.endswith("…") and text.startswith(want[:-1])), text) for text in told]
    return sorted(cut) == sorted(wanted)


MODULES = [
    f"penstock_acme/{name}.py"
    for name in ("__init__", "hooks", "operators", "sensors", "storage", "executors", "plugin", "more")
] + ["acme_tools.py"]
EXTRAS = ["iam"]


def _wheel(folder: Path, file: Path) -> Path:
    return write_wheel(
        folder,
        "penstock-providers-acme",
        "1.0",
        files={"penstock_acme/provider.toml": file.read_bytes(), **dict.fromkeys(MODULES, "")},
        extras=EXTRAS,
        requires=["penstock-core>=0.1"],
        entry_points={"penstock.providers": {"acme": "penstock_acme:provider.toml"}},
    )


@pytest.mark.parametrize("file", CORPUS, ids=lambda file: file.stem)
def test_an_installed_provider_is_judged_as_the_head_of_its_manifest_says(tmp_path, file):
    root = tmp_path / "env"
    site = root / "lib" / f"python{sys.version_info[0]}.{sys.version_info[1]}" / "site-packages"
    package, spec = site / "penstock_acme", site / "penstock" / "spec"
    info, core = site / "penstock_providers_acme-1.0.dist-info", site / "penstock_core-0.1.dist-info"
    for folder in (package, spec, info, core):
        folder.mkdir(parents=True)
    (root / "pyvenv.cfg").write_text(f"version = {sys.version.split()[0]}\n")
    (package / "provider.toml").write_bytes(file.read_bytes())
    (spec / "plugin.py").write_text("SPEC_VERSION = 1\n")
    (core / "METADATA").write_text("Metadata-Version: 2.1\nName: penstock-core\nVersion: 0.1\n")
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: penstock-providers-acme\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[penstock.providers]\nacme = penstock_acme:provider.toml\n")

    (found,) = providers(environment_path(str(root), {}))

    assert _are(list(found.problems), _head(file, "problem")), found.problems
    assert list(found.notes) == _head(file, "note")


@pytest.mark.parametrize("file", CORPUS, ids=lambda file: file.stem)
def test_a_wheel_is_judged_alike_before_it_is_installed_and_by_validate(tmp_path, capsys, file):
    wheel = _wheel(tmp_path, file)
    problems = [] if file.stem in NEED_A_CORE else _head(file, "problem")
    (provider,) = read_wheel(wheel).providers
    assert _are(list(provider.problems), problems), provider.problems

    code = main(["validate", str(wheel), "--json"])

    told = json.loads(capsys.readouterr().out)["data"]["problems"]
    assert _are(told, [*problems, *_head(file, "strict")]), told
    assert code == (5 if told else 0)


@pytest.mark.parametrize("file", CORPUS, ids=lambda file: file.stem)
def test_a_folder_is_judged_by_validate_as_its_wheel_is(tmp_path, capsys, file):
    (tmp_path / "pyproject.toml").write_text(
        '[project]\nname = "penstock-providers-acme"\ndependencies = ["penstock-core>=0.1"]\n'
        'optional-dependencies = { iam = [] }\nentry-points."penstock.providers".acme = "penstock_acme:provider.toml"\n'
    )
    for name in ("penstock_acme/provider.toml", *MODULES):
        (tmp_path / "src" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "src" / name).write_bytes(file.read_bytes() if name.endswith("toml") else b"")

    told = {}
    for path in (_wheel(tmp_path, file), tmp_path):
        main(["validate", str(path), "--json"])
        told[path.suffix] = json.loads(capsys.readouterr().out)["data"]["problems"]

    assert told[""] == told[".whl"]


def test_the_corpus_is_there():
    assert len(CORPUS) >= 60
