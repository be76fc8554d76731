"""What every file and every package of the repository has, and what none has."""

import re
import tomllib
from pathlib import Path

import pytest

from house.providers import named_outside
from house.texts import unwanted
from house.tree import files_of, package_folders

NO_TEXT = ("broken_not_utf8.toml", ".png", ".zip", ".ico", ".whl", ".gz", ".parquet")
MAY_NAME_REGISTRIES = {"uv.lock": "the lock says where each file came from"}
MAY_NAME_PROVIDERS = {
    "bench/": "workloads may cross packages",
    "docs/": "pages show real providers",
    "examples/": "pipelines use providers",
    "tests/e2e/": "crosses packages",
    "tests/chaos/": "crosses packages",
    "tests/packaging/": "crosses packages",
    "uv.lock": "the lock",
    "plugin-manager/src/penstock_plugin_manager/catalog/shipped.json": "written by the release from the wheels",
    "plugin-manager/tests/": "names in sample texts; nothing is read from a provider's folder",
    "testkit/src/penstock_testkit/redshift/": "the stand-in keeps its own tables in a schema of that name",
    "testkit/tests/test_dialect.py": "as above",
}

TEMPLATE = Path("plugin-manager/templates/provider")  # what `plugin-manager new` makes providers of


def _texts(workspace):
    for path in files_of(workspace):
        if not path.name.endswith(NO_TEXT):
            yield str(path), (workspace / path).read_text(encoding="utf-8")


def test_no_file_names_a_machine_a_registry_or_a_licence_header(workspace):
    licences = {f"{folder}/LICENSE" for folder in [*package_folders(workspace), TEMPLATE]}
    skipped = {*MAY_NAME_REGISTRIES, *licences, "LICENSE", "tools/house/texts.py", "tests/contracts/test_repository.py"}
    assert [each for name, text in _texts(workspace) if name not in skipped for each in unwanted(name, text)] == []


@pytest.mark.parametrize(
    "text",
    [
        "open('/" + "root/x')",
        "see /" + "home/ann/notes",
        "https://pypi" + ".org/simple",
        "# SPDX-License-" + "Identifier: MIT",
    ],
)
def test_the_contract_sees_an_unwanted_text(text):
    assert len(list(unwanted("a.txt", text))) == 1


def _provider_ids(workspace):
    return [path.parent.name.replace("-", "_") for path in sorted(workspace.glob("providers/*/pyproject.toml"))]


def test_no_file_outside_a_providers_folder_names_it(workspace):
    found = []
    for provider in _provider_ids(workspace):
        own = (f"providers/{provider.replace('_', '-')}/", *MAY_NAME_PROVIDERS)
        for name, text in _texts(workspace):
            if not name.startswith(own):
                found += named_outside(provider, name, text)
    assert found == []


@pytest.mark.parametrize(
    "text",
    ["from penstock_acme_box import x", 'requires = ["penstock-providers-acme-box>=1"]', "cd providers/acme-box"],
)
def test_the_contract_sees_a_provider_that_is_named(text):
    assert len(list(named_outside("acme_box", "noxfile.py", text))) == 1


def test_every_package_has_its_rooms(workspace):
    missing = []
    for folder in package_folders(workspace):
        names = [
            "README.md",
            "CHANGELOG.md",
            "tests",
            *(f"src/{each.name}/py.typed" for each in _packages(workspace / folder)),
        ]
        missing += [f"{folder}/{name}" for name in names if not (workspace / folder / name).exists()]
    assert missing == []


def _packages(folder):
    return [path.parent for path in folder.glob("src/*/__init__.py")]


def test_every_package_builds_alone_and_for_the_same_pythons(workspace):
    tested_on = set(
        re.findall(r'"(3\.\d+)"', re.findall(r"^PYTHONS = .*", (workspace / "noxfile.py").read_text(), re.MULTILINE)[0])
    )
    for folder in [*package_folders(workspace), TEMPLATE]:
        table = tomllib.loads((workspace / folder / "pyproject.toml").read_text())
        project = table["project"]
        assert table["build-system"]["build-backend"] == "hatchling.build", folder
        assert (project["requires-python"], project["license"]) == (">=3.11", "Apache-2.0"), folder
        if folder != Path("testkit"):
            assert (workspace / folder / "LICENSE").read_text() == (workspace / "LICENSE").read_text(), folder
            pythons = {each.rpartition(" ")[2] for each in project["classifiers"] if " :: Python :: 3." in each}
            assert pythons == tested_on, f"{folder} names other versions than those that its tests run on"
        capped = [
            each for each in project["dependencies"] if each.startswith("penstock-") and ("<" in each or "==" in each)
        ]
        assert capped == [], "a version of the core is never capped: the spec range of the manifest says what fits"


def test_tests_are_no_package_so_that_equal_names_never_clash(workspace):
    assert [
        str(path)
        for path in files_of(workspace, "__init__.py")
        if "tests" in path.parts and "simulator" not in path.parts
    ] == []
