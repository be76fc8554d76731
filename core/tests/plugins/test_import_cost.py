"""What an import costs is measured beside everything, and whatever a stranger's module does harms nobody."""

import os
import sys

import pytest

from penstock.plugins import import_main
from penstock.plugins.import_cost import import_cost

MODULES = {
    "prints": ("print('{\"import_ms\": 1}')", ""),
    "sees": ("import os; assert 'PENSTOCK_SECRET_KEY' not in os.environ and 'PENSTOCK_CONN_A' not in os.environ", ""),
    "raises": ("raise KeyError('a')", "KeyError: 'a'"),
    "leaves": ("raise SystemExit(0)", "SystemExit: 0"),
    "ends": ("import os; os._exit(3)", "its import ended the process, which"),
    "hangs": ("import threading; threading.Event().wait()", "it was not imported within 0.5 s"),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("modules")
    for name, (text, _) in MODULES.items():
        (made / f"{name}.py").write_text(text + "\n")
    return made


@pytest.mark.parametrize("name", MODULES)
def test_a_module_that_is_imported_may_do_what_it_likes(name, folder, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(folder))
    monkeypatch.setenv("PENSTOCK_SECRET_KEY", "hunter2")
    monkeypatch.setenv("PENSTOCK_CONN_A", "http://u:hunter2@h")
    found = import_cost(sys.executable, "", [name], limit_s=0.5 if name == "hangs" else 60.0)
    expected = MODULES[name][1]
    assert found.problem.startswith(expected) if expected else found.problem == ""
    assert (found.import_ms is None) == bool(expected)


def test_an_interpreter_that_is_not_there_is_a_sentence(tmp_path):
    found = import_cost(str(tmp_path / "python"), "", [])
    assert found.problem == f"{tmp_path / 'python'} cannot be started: {os.strerror(2)}"


def test_what_comes_along_is_all_that_is_required_and_there_but_for_extras_and_the_core(site):
    for name, requires in (
        ("a-provider", ["penstock-core>=0.1", "B_lib (>=1)", "only-extra; extra == 'more'", "not-there"]),
        ("b-lib", ["c.lib[x]~=2.0; python_version > '3'", "a-provider"]),
        ("c.lib", []),
        ("only-extra", []),
    ):
        folder = site.folder / f"{name.replace('-', '_')}-1.0.dist-info"
        folder.mkdir()
        lines = [
            "Metadata-Version: 2.1",
            f"Name: {name}",
            "Version: 1.0",
            *(f"Requires-Dist: {each}" for each in requires),
        ]
        (folder / "METADATA").write_text("\n".join(lines) + "\n")
        (folder / "RECORD").write_text("x.py,,70\ny.py,,7\n")
    for name in ("x.py", "y.py"):
        (site.folder / name).touch()  # readers of metadata leave out what is not there any more
    found = import_main.main('["A_provider", []]')
    assert found["distributions"] == [["a-provider", "1.0", 77], ["b-lib", "1.0", 77], ["c.lib", "1.0", 77]]
