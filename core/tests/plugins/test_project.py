"""A module of the project answers the specs in code, behind the fence that every provider has."""

import sys
import time
from pathlib import Path

import pytest

from penstock.errors import PluginError
from penstock.plugins.project_modules import read_modules
from penstock.plugins.sources import PluginSources

GOOD = '''"""Ours."""
from penstock import Operator
from penstock.spec.plugin import Capability, ConnectionType, Field, Parameter, hookimpl

class Clean(Operator):
    """Cleans a table."""
    def __init__(self, *, table, **kwargs):
        super().__init__(**kwargs)
        self.table = table

print("loud")

@hookimpl
def penstock_operators():
    table = Parameter("table", "str", "Which.", required=True)
    return [Capability("operators", "ours.clean", Clean, "Cleans a table.", parameters=(table,))]

@hookimpl
def penstock_connection_types():
    return [ConnectionType("box", "A box.", fields=(Field("pin", secret=True),))]

@hookimpl
def penstock_run_state_changed(change): ...
'''


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A function that makes a host of a project with one module, given as text."""
    monkeypatch.setattr(sys, "path", [*sys.path])
    sys.modules.pop("ours", None)  # of a project of another test

    def make(text, *, name="ours", **changes):
        (tmp_path / f"{name}.py").write_text(text)
        return PluginSources(modules=(name,), folder=str(tmp_path), **changes).host(())

    return make


def test_a_module_is_a_provider_like_any_other(project):
    host = project(GOOD)

    provider = host.provider("ours")

    assert (provider.problems, provider.distributions) == ((), ("module ours of this project",))
    assert provider.manifest.plugin == "ours"
    assert host.capability("ours.clean").parameters[0].required
    assert host.connection_type("box").fields[0].secret
    assert "ours" not in sys.modules, "who asks does not import it"
    assert host.resolve("ours.clean", "operators").__name__ == "Clean"


CAPABILITY = 'Capability("operators", "ours.x", "ours:x", "It.")'
ANSWER = "from penstock.spec.plugin import Capability, hookimpl\n@hookimpl\ndef penstock_operators():\n    return [{}]"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        pytest.param(
            "1/0",
            "of this project raised ZeroDivisionError: division by zero. Correct the module",
            id="raises on import",
        ),
        pytest.param("raise SystemExit", "raised SystemExit", id="exits on import"),
        pytest.param("import os; os._exit(3)", "its process ended before it answered", id="ends the process"),
        pytest.param("import os; os.abort()", "its process ended before it answered", id="crashes"),
        pytest.param("def f(:", "raised SyntaxError", id="no Python"),
        pytest.param("x = 1", "implements no spec", id="no impl"),
        pytest.param(ANSWER.format("1/0"), "penstock_operators of ours raised ZeroDivisionError", id="raises"),
        pytest.param(ANSWER.format("exit(1)"), "penstock_operators of ours raised SystemExit", id="exits"),
        pytest.param(ANSWER.format("7"), "must be a list of penstock.spec.plugin.Capability", id="no capability"),
        pytest.param(ANSWER.format(CAPABILITY.replace("operators", "hooks")), "of the kind 'operators'", id="kind"),
        pytest.param(ANSWER.format(CAPABILITY.replace("ours.x", "their.x")), "must begin with 'ours.'", id="prefix"),
        pytest.param(
            ANSWER.format(CAPABILITY.replace('"ours:x"', "lambda: 1")), "cannot be imported by name", id="lambda"
        ),
        pytest.param(ANSWER.format(CAPABILITY.replace('"It."', '""')), "doc is missing", id="no doc"),
        pytest.param(
            ANSWER.replace("penstock_operators", "penstock_oracles").format(7), "which is no spec", id="no such spec"
        ),
    ],
)
def test_a_broken_module_is_a_value_and_no_exception(project, text, says):
    provider = project(text).provider("ours")

    assert not provider.active
    assert any(says in problem for problem in provider.problems), provider.problems


def test_a_module_that_is_not_there_is_named():
    (provider,) = read_modules(["no_such_module"], "/", timeout_s=30, memory_mb=512)

    assert "'no_such_module' is not installed. Correct its name, put it beside penstock.toml" in provider.problems[0]


def test_a_module_that_hangs_is_ended_with_what_it_started(project):
    began = time.monotonic()

    host = project("import subprocess\nsubprocess.run(['sleep', '60'])", timeout_s=1.5)

    assert "takes more than 1.5 s" in host.provider("ours").problems[0]
    assert time.monotonic() - began < 50


LEAVES = """import os, time
if os.fork() == 0:
    os.setsid()
    {}
    pid = {!r}
    open(pid + "-half", "w").write(str(os.getpid()))
    os.replace(pid + "-half", pid)  # whoever sees it may read it
    time.sleep(120)
    os._exit(0)
while not os.path.exists({!r}): pass
{}
"""


@pytest.mark.parametrize("ends", ["x = 1", "os.abort()", "time.sleep(60)"], ids=["answers", "crashes", "hangs"])
@pytest.mark.parametrize("detaches", ["pass", "os.fork() and os._exit(0)"], ids=["a session", "a double fork"])
def test_what_a_module_leaves_behind_is_ended_and_delays_no_answer(project, tmp_path, ends, detaches):
    pid = tmp_path / "pid"
    hangs = "sleep" in ends
    began = time.monotonic()

    host = project(LEAVES.format(detaches, str(pid), str(pid), ends), timeout_s=5 if hangs else 60)

    (problem,) = host.provider("ours").problems
    assert ("takes more than" in problem) == hangs, problem
    assert time.monotonic() - began < 60, "it was waited for"
    assert not is_alive(int(pid.read_text()))


def is_alive(pid):
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False


FORGED = [
    "[1, 2]",
    '{"manifest": 5}',
    '{"problem": {"a": 1}}',
    '{"manifest": {}, "file": 5}',
    "[" * 200_000,
    "null",
    "",
]


@pytest.mark.parametrize("answer", FORGED, ids=range(len(FORGED)))
def test_an_answer_that_is_no_manifest_makes_a_broken_provider(project, answer):
    forging = f"import os\nfor n in range(3, 20):\n  try: os.write(n, {answer.encode()!r})\n  except OSError: pass\nos._exit(0)"

    provider = project(forging).provider("ours")

    assert (provider.active, bool(provider.problems)) == (False, True)


HUNGRY = "data = bytearray(1 << 30)"
HUNGRY_IMPL = """from penstock.spec.plugin import hookimpl

@hookimpl
def penstock_operators():
    return [bytearray(1 << 30)]
"""


@pytest.mark.parametrize("text", [HUNGRY, HUNGRY_IMPL], ids=["when it is imported", "when it is asked"])
def test_a_module_that_takes_too_much_memory_is_refused(project, text):
    (problem,) = project(text, memory_mb=256).provider("ours").problems

    assert problem == "importing it and asking it takes more than 256 MB of memory; the bound is memory_mb in [loader]"


def test_a_disabled_module_is_not_even_described(project, tmp_path):
    host = project(f"open({str(tmp_path / 'mark')!r}, 'w')", disabled=("ours",))

    assert "it is disabled" in host.provider("ours").problems[0]
    assert not (tmp_path / "mark").exists()


def test_a_module_whose_id_a_provider_has_is_a_conflict_of_both(project, site):
    site.provider("ours", '[[operators]]\nid = "ours.x"\nobject = "penstock_ours:x"\ndoc = "It."')
    (site.folder / "ours.py").write_text(GOOD)
    host = PluginSources(modules=("ours",), folder=str(site.folder)).host()

    assert "penstock-providers-ours 1.2 and module ours of this project" in host.provider("ours").problems[0]
    with pytest.raises(PluginError, match="none is active"):
        host.resolve("ours.x")
