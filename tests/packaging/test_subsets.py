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

from penstock_plugin_manager.cli import main
from penstock_testkit.nightly import thinned

ROOT = Path(__file__).parents[2]
PROVIDERS = sorted(path.parents[2].name for path in (ROOT / "providers").glob("*/src/*/provider.toml"))


def sdks(provider: str) -> set[str]:
    """Return what a provider requires itself, besides the core."""
    return required(f"providers/{provider}") - required("core") - {"penstock-core"}


# Libraries that the SDKs of several vendors stand on: they come along with any of them, and are nobody's own.
SHARED = {"pyyaml", "requests", "urllib3"}


def required(package: str) -> set[str]:
    """Return the distributions that a package of the repository names as its own dependencies."""
    project = tomllib.loads((ROOT / package / "pyproject.toml").read_text())["project"]
    return {Requirement(text).name for text in project["dependencies"]}


# What a set brings is what its providers bring, so that a set of three shows nothing that its pairs and the whole do not.
SIZES = (1, 2, len(PROVIDERS))
SUBSETS = [names for size in SIZES for names in itertools.combinations(PROVIDERS, size)]


@pytest.fixture(scope="module")
def empty(tmp_path_factory):
    """An environment of nothing, in which nothing is put."""
    folder = tmp_path_factory.mktemp("empty") / ".venv"
    subprocess.run([sys.executable, "-m", "uv", "venv", "-q", str(folder)], check=True)
    return folder


@pytest.mark.timeout(200)  # the first one waits for the wheels
@pytest.mark.parametrize("names", thinned(reversed(SUBSETS), 5), ids="+".join)
def test_a_set_of_providers_holds_no_sdk_of_the_others(names, workspace_wheels, empty, tmp_path, capsys):
    where = ["--env", str(empty), "--project", str(tmp_path), "--find-links", str(workspace_wheels)]
    code = main(["resolve", *names, "--json", *where])
    said = capsys.readouterr()
    assert code == 0, said
    nodes = set(json.loads(said.out)["data"]["nodes"])
    inside = set().union(*(sdks(each) for each in names))
    outside = set().union(*(sdks(each) - SHARED for each in PROVIDERS if each not in names))
    assert inside <= nodes
    assert not (outside - inside) & nodes
