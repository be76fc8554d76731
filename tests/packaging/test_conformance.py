"""A provider is tested with each core in an environment of its own, the verdict goes into a catalog, and the resolver obeys."""

from __future__ import annotations

import json

import pytest

from penstock_testkit.wheels import small_manifest, write_provider, write_wheel

# A core whose suite has one test that reads what stands beside it, and a provider that fails with some cores.
REPORT = """def report(passed, problems):
    import os, shlex
    from xml.etree import ElementTree as ET
    (path,) = [each.partition("=")[2] for each in shlex.split(os.environ["PYTEST_ADDOPTS"]) if each.startswith("--junitxml=")]
    suite = ET.Element("testsuite")
    for number in range(passed):
        ET.SubElement(suite, "testcase", classname="test_provider", name=f"test_{number}")
    for each in problems:
        ET.SubElement(ET.SubElement(suite, "testcase", classname="test_provider", name="test_it"), "failure", message=each)
    ET.ElementTree(suite).write(path)
"""
SUITE = (
    REPORT
    + """
import importlib, importlib.metadata as m, sys
beside = sorted(each.name for each in m.distributions())
package = importlib.import_module("penstock_" + sys.argv[1])
problems = ["it has " + each for each in beside if each not in package.MAY_SEE]
if m.version("penstock-core") in package.FAILS_WITH:
    problems.append("it fails here")
report(2 if problems else 3, problems)
sys.exit(bool(problems))
"""
)
# What stands in for pytest: it proves that the tests are there, and the source is not.
PYTEST = (
    REPORT
    + """
import pathlib, sys, lib_of_tests
here = pathlib.Path()
assert pathlib.Path(sys.argv[-1], "test_it.py").is_file() and (here / "README.md").is_file(), list(here.iterdir())
assert not (here / "src").exists() and "PENSTOCK_HOME" not in __import__("os").environ
report(1, [])
"""
)
BACKEND = """
import shutil, pathlib
def build_wheel(folder, config_settings=None, metadata_directory=None):
    (wheel,) = pathlib.Path("built").glob("*.whl")
    return pathlib.Path(shutil.copy(wheel, folder)).name
"""
PROJECT = """
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]
[project]
name = "penstock-providers-vd"
version = "1.0"
[dependency-groups]
deep = ["lib-of-tests"]
tests = [{ include-group = "deep" }]
"""
CODE = """
MAY_SEE = {"penstock-core", "penstock-providers-vd", "lib-vd", "pytest"}
FAILS_WITH = %r
"""


@pytest.fixture
def shop(tmp_path):
    """A folder of wheels: two cores, a stand-in for pytest, and two versions of a provider."""
    folder = tmp_path / "shop"
    for version in ("0.1.0", "0.2.0"):
        files = {
            "penstock/__init__.py": "", "penstock/spec/__init__.py": "SPEC_VERSION = 1\n",
            "penstock/testing/__init__.py": "", "penstock/testing/provider_suite.py": SUITE,
        }  # fmt: skip
        write_wheel(folder, "penstock-core", version, files=files)
    write_wheel(folder, "pytest", "9.0", files={"pytest/__init__.py": "", "pytest/__main__.py": PYTEST})
    for name in ("lib-vd", "lib-of-tests"):
        write_wheel(folder, name, "1.0", files={f"{name.replace('-', '_')}.py": ""})
    needs = ["penstock-core>=0.1", "lib-vd"]
    for version, fails_with in {"1.0": (), "2.0": ("0.1.0",)}.items():
        write_provider(
            folder, "vd", version, requires=needs, code=CODE % (fails_with,),
            manifest=small_manifest("vd").replace("penstock_vd.operators", "penstock_vd"),
        )  # fmt: skip
    return folder


def _folder(shop, tmp_path):
    source = tmp_path / "source"
    for name, text in {
        "pyproject.toml": PROJECT,
        "backend.py": BACKEND,
        "README.md": "",
        "tests/test_it.py": "",
    }.items():
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_text(text)
    (source / "src").mkdir()
    (source / "built").mkdir()
    (shop / "penstock_providers_vd-1.0-py3-none-any.whl").rename(
        source / "built" / "penstock_providers_vd-1.0-py3-none-any.whl"
    )
    return source


def test_verdicts_are_found_in_clean_environments_and_carried_to_the_resolver(uv_world, shop, tmp_path):
    sources = ["--no-index", "--find-links", str(shop)]
    source = _folder(shop, tmp_path)
    newer = str(shop / "penstock_providers_vd-2.0-py3-none-any.whl")
    uv_world.intent.write_text('[plugin-manager]\ncatalogs = ["catalog.json"]\ncore = "==0.1.0"\n')
    (uv_world.folder / "catalog.json").write_text('{"schema": 1, "providers": []}')

    good = uv_world.pm(
        "test", str(source), "--core", "0.1.0", "-o", "v.json", "--json", *sources, PENSTOCK_HOME="x"
    ).data
    bad = uv_world.pm("test", newer, "--core", "0.1.0", "0.2.0", "-o", "v.json", *sources, expect=5)

    (verdict,) = good["verdicts"]
    assert {name: verdict[name] for name in ("provider", "version", "core", "verdict")} == {
        "provider": "vd", "version": "1.0", "core": "0.1.0", "verdict": "pass",
    }  # fmt: skip
    assert [(each["name"], each["passed"], each["problems"]) for each in verdict["suites"]] == [
        ("provider suite", 3, []), ("own tests", 1, []),
    ]  # fmt: skip
    assert "fail (provider suite: 2 passed, 1 failed)\n  test_it: it fails here" in bad.out
    kept = json.loads((uv_world.folder / "v.json").read_text())["verdicts"]
    assert [(each["version"], each["core"], each["verdict"]) for each in kept] == [
        ("1.0", "0.1.0", "pass"), ("2.0", "0.1.0", "fail"), ("2.0", "0.2.0", "pass"),
    ]  # fmt: skip

    (source / "built" / "penstock_providers_vd-1.0-py3-none-any.whl").rename(
        shop / "penstock_providers_vd-1.0-py3-none-any.whl"
    )
    uv_world.pm("catalog", "build", str(shop), "-o", "catalog.json", "--verdicts", "v.json")
    warnings = uv_world.pm("install", "vd", "--json", *sources).data["warnings"]
    assert warnings == ["vd 2.0 is known to fail with core 0.1.0; 1.0 passes"]
    assert uv_world.standing()["penstock-providers-vd"] == "1.0"

    table = uv_world.pm("compat", "vd", "--core", "0.1..0.2", "--json", *sources).data
    assert table["cores"] == {"0.1.0": [1], "0.2.0": [1]}
    assert {each["version"]: {core: pair["word"] for core, pair in each["cores"].items()} for each in table["pairs"]} == {
        "1.0": {"0.1.0": "pass", "0.2.0": "untested"}, "2.0": {"0.1.0": "fail", "0.2.0": "pass"},
    }  # fmt: skip
    assert "0.3" in uv_world.pm("compat", "vd", "--core", "0.3..", *sources, expect=3).err

    said = uv_world.pm("install", "vd==2.0", "--json", *sources).data
    assert said["warnings"] == ["vd 2.0 is known to fail with core 0.1.0"]
    broken = uv_world.json("list", "--broken", expect=5)["providers"]
    assert [each["problems"] for each in broken] == [["a catalog has seen it fail with core 0.1.0"]]


def test_what_cannot_be_tested_is_no_verdict(uv_world, shop, tmp_path):
    sources = ["--no-index", "--find-links", str(shop), "--core", "0.1.0"]
    write_provider(tmp_path, "late", requires=["penstock-core>=0.2"])
    said = uv_world.pm(
        "test", str(tmp_path / "penstock_providers_late-1.0-py3-none-any.whl"), "-o", "v.json", *sources, expect=5
    )
    assert said.out.startswith("not tested with core 0.1.0:")
    assert not (uv_world.folder / "v.json").exists()
    write_wheel(tmp_path, "nothing", "1.0")
    assert (
        "announces no provider"
        in uv_world.pm("test", str(tmp_path / "nothing-1.0-py3-none-any.whl"), *sources, expect=5).err
    )
    assert "There is no file" in uv_world.pm("test", "nowhere.whl", *sources, expect=3).err
    (tmp_path / "bad.tar.gz").write_bytes(b"none")
    assert "is no source distribution" in uv_world.pm("test", str(tmp_path / "bad.tar.gz"), *sources, expect=1).err
