"""The suite finds each fault that a provider can have, and none in a good one."""

import subprocess
import sys

import pytest

from penstock.errors import PluginError
from penstock.testing import provider_checks as checks
from penstock.testing.provider_suite import ProviderSuite

MANIFEST = """
schema = 1
id = "acme"
name = "Acme"
doc = "Sends boxes."
spec = ">=1,<2"
imports = ["penstock_acme"]
[[connections]]
type = "acme"
doc = "An account."
[[hooks]]
id = "acme.api"
object = "penstock_acme.hooks:AcmeHook"
connection_type = "acme"
doc = "A client."
[[operators]]
id = "acme.send"
object = "penstock_acme.operators:Send"
doc = "Sends a box."
parameters = [
  { name = "box", type = "str", required = true, doc = "Which." },
  { name = "fast", type = "bool", default = false, doc = "Whether it is sent by air." },
]
"""
HOOKS = '''
from penstock import ConnectionReport, Hook

class AcmeHook(Hook):
    """A client of Acme."""

    connection_type = "acme"

    def __init__(self):
        """Nothing."""

    def test_connection(self):
        """Always fine."""
        return ConnectionReport(True, "", "", 0.0, "")
'''
OPERATORS = '''
from penstock import Operator
from penstock_acme.hooks import AcmeHook

class Send(Operator):
    """Sends a box.

    Args:
        box: Which.
        fast: Whether by air.
    """

    def __init__(self, *, box, fast=False, **kwargs):
        super().__init__(**kwargs)
        self.box, self.fast = box, fast
'''


@pytest.fixture
def provider(tmp_path, monkeypatch):
    """A function that installs a provider, good but for some changes, and returns what the suite looks at."""

    def install(*, more_files=(), **changes):
        package, info = tmp_path / "penstock_acme", tmp_path / "penstock_providers_acme-1.dist-info"
        package.mkdir()
        info.mkdir()
        texts = {"provider.toml": MANIFEST, "hooks.py": HOOKS, "operators.py": OPERATORS, "__init__.py": ""}
        for name, (before, after) in changes.items():
            file = {"manifest": "provider.toml"}.get(name, f"{name}.py")
            assert before in texts[file]
            texts[file] = texts[file].replace(before, after)
        for name, text in texts.items():
            (package / name).write_text(text)
        (info / "METADATA").write_text("Metadata-Version: 2.4\nName: penstock-providers-acme\nVersion: 1\n")
        (info / "entry_points.txt").write_text("[penstock.providers]\nacme = penstock_acme:provider.toml\n")
        for name in more_files:
            tmp_path.joinpath(name).parent.mkdir()
            tmp_path.joinpath(name).touch()
        files = [f"penstock_acme/{name}" for name in texts] + [f"{info.name}/METADATA", *more_files]
        (info / "RECORD").write_text("".join(f"{file},,\n" for file in files))
        monkeypatch.setenv("PYTHONPATH", str(tmp_path))
        monkeypatch.syspath_prepend(str(tmp_path))
        return checks.Subject("acme")

    yield install
    for name in [each for each in sys.modules if each.startswith("penstock_acme")]:
        del sys.modules[name]


CHECKS = (
    checks.object_problems, checks.parameter_problems, checks.document_problems, checks.hook_problems,
    checks.argument_problems, checks.import_problems, checks.file_problems, checks.room_problems,
)  # fmt: skip


def test_a_good_provider_has_no_problem(provider):
    subject = provider()

    assert subject.problems == ()
    assert [check(subject) for check in CHECKS] == [[]] * len(CHECKS)


LENIENT = """
class Lenient(type(Operator)):
    def __call__(cls, **arguments):
        arguments.pop("no_such_argument_of_any_operator", None)
        return super().__call__(**arguments)

class Send(Operator, metaclass=Lenient)"""
IN_HOOKS, IN_OPERATORS = "from penstock", "from penstock "


def fault(name, check, file, before, after, says):
    """A row of the table: the check that must find a fault, made by putting one text in another's place."""
    return pytest.param(check, {file: (before, after)}, says, id=name)


@pytest.mark.parametrize(
    ("check", "change", "says"),
    [
        fault("object gone", "object", "manifest", ":Send", ":Sent", "raised AttributeError"),
        fault("no operator", "object", "operators", "(Operator)", "", "no subclass of penstock.Operator"),
        fault("renamed", "parameter", "operators", "fast=False", "slow=False", "takes no fast"),
        fault("one more", "parameter", "operators", "fast=False", "fast=False, x=1", "x is not in the"),
        fault("required", "parameter", "operators", "box, fast", "box='a', fast", "required in one place"),
        fault("default", "parameter", "operators", "fast=False", "fast=True", "is True in code, False"),
        fault("no doc", "parameter", "manifest", ', doc = "Which."', "", "box has no doc"),
        fault("sentence", "document", "operators", "Sends a box.", "Sends a box", "begin with a sentence"),
        fault("untold", "document", "operators", "fast: W", "slow: W", "says nothing of fast"),
        fault("no test", "hook", "hooks", "def test_", "def check_", "has no test_connection()"),
        fault("other type", "hook", "hooks", '= "acme"', '= "acne"', "it reads 'acne'"),
        fault("no type", "hook", "manifest", 'type = "acme"\ndoc = "An', 'type = "x"\ndoc = "An', "no connection type"),
        fault("reaches out", "hook", "hooks", '"""Nothing."""', "1 / 0", "reaches out or needs"),
        fault("broken", "import", "hooks", IN_HOOKS, "import no_such_sdk\nfrom penstock", "fails"),
        fault("heavy", "import", "hooks", IN_HOOKS, "import click\nfrom penstock", "imports click"),
        fault("up", "room", "hooks", IN_HOOKS, "import penstock_acme.operators\nfrom penstock", "not below"),
        fault("up, relative", "room", "hooks", IN_HOOKS, "from . import operators\nfrom penstock", "not below"),
        fault("core", "room", "operators", IN_OPERATORS, "import penstock.store\nfrom penstock ", "sees"),
        fault("sibling", "room", "operators", IN_OPERATORS, "import penstock_other\nfrom penstock ", "sibling"),
        fault("sdk", "room", "operators", "        super", "        import boto3\n        super", "in hooks"),
        fault("lenient", "argument", "operators", "class Send(Operator)", LENIENT, "is taken in silence"),
        fault("plugin", "object", "manifest", "[[conn", 'plugin = "penstock_acme.hooks"\n[[conn', "implements no spec"),
        pytest.param("file", {"more_files": ["stray/acme.txt"]}, "it installs stray/acme.txt", id="stray file"),
    ],
)
def test_a_fault_is_found(provider, check, change, says):
    problems = getattr(checks, f"{check}_problems")(provider(**change))

    assert any(says in problem for problem in problems), problems


def test_an_unknown_key_is_a_problem_for_its_author(provider):
    subject = provider(manifest=('name = "Acme"', 'name = "Acme"\ncolour = "red"'))

    assert "colour" in subject.problems[0]
    assert subject.manifest is not None


def test_a_provider_that_is_not_installed_is_told():
    with pytest.raises(PluginError, match="'nobody' is installed 0 times"):
        checks.Subject("nobody")


def test_the_suite_has_a_test_for_every_check():
    names = {
        name
        for test in vars(ProviderSuite).values()
        for name in getattr(getattr(test, "__code__", None), "co_names", ())
    }

    assert {check.__name__ for check in CHECKS} <= names


@pytest.mark.parametrize(
    ("change", "code", "says"),
    [({}, 0, "9 passed"), ({"manifest": (":Send", ":Sent")}, 1, "1 failed, 8 passed")],
    ids=["good", "broken"],
)
def test_one_command_runs_the_suite(provider, change, code, says):
    provider(**change)

    done = subprocess.run(
        [sys.executable, "-m", "penstock.testing.provider_suite", "acme"], capture_output=True, text=True, check=False
    )

    assert done.returncode == code, done.stdout + done.stderr
    assert says in done.stdout


def test_a_wrong_call_shows_how():
    done = subprocess.run(
        [sys.executable, "-m", "penstock.testing.provider_suite"], capture_output=True, text=True, check=False
    )

    assert done.returncode == 2
    assert "usage: python -m penstock.testing.provider_suite PROVIDER" in done.stderr
