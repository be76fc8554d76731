"""No unused clouds: for every set of the repository's providers, nothing comes along that belongs to another one only.

The real distributions are resolved, so this asks PyPI.
"""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]
PROVIDERS = sorted(path.parents[2].name for path in (ROOT / "providers").glob("*/src/*/provider.toml"))


def sdks(provider: str) -> set[str]:
    """Return what a provider requires itself, besides the core."""
    return required(f"providers/{provider}") - required("core") - {"penstock-core"}


def required(package: str) -> set[str]:
    """Return the distributions that a package of the repository names as its own dependencies."""
    project = tomllib.loads((ROOT / package / "pyproject.toml").read_text())["project"]
    return {Requirement(text).name for text in project["dependencies"]}


@pytest.fixture(scope="module")
def wheels(tmp_path_factory):
    """The repository's own wheels."""
    folder = tmp_path_factory.mktemp("wheels")
    for place in ("manifest", "core", *(f"providers/{each}" for each in PROVIDERS)):
        command = [sys.executable, "-m", "uv", "build", "-q", "--wheel", "-o", str(folder), str(ROOT / place)]
        subprocess.run(command, check=True)
    return folder


# What a set brings is what its providers bring, so that a set of three shows nothing that its pairs and the whole do not.
SIZES = (1, 2, len(PROVIDERS))
SUBSETS = [names for size in SIZES for names in itertools.combinations(PROVIDERS, size)]


@pytest.mark.parametrize("names", SUBSETS, ids=["+".join(names) for names in SUBSETS])
def test_a_set_of_providers_holds_no_sdk_of_the_others(names, wheels, tmp_path):
    subprocess.run([sys.executable, "-m", "uv", "venv", "-q", str(tmp_path / ".venv")], check=True)
    command = [sys.executable, "-m", "penstock_plugin_manager", "resolve", *names, "--json"]
    command += ["--env", str(tmp_path / ".venv"), "--project", str(tmp_path), "--find-links", str(wheels)]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    nodes = set(json.loads(done.stdout)["data"]["nodes"])
    inside = set().union(*(sdks(each) for each in names))
    outside = set().union(*(sdks(each) for each in PROVIDERS if each not in names))
    assert inside <= nodes
    assert not (outside - inside) & nodes
