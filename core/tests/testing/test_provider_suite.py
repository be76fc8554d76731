"""The suite finds each fault that a provider can have, and none in a good one."""

import subprocess
import sys

import pytest

from penstock.testing import provider_checks as checks
from penstock.testing import provider_imports as imports
from penstock.testing.every_check import CHECKS, every_problem
from penstock.testing.provider_suite import ProviderSuite, main
from penstock.testing.suites.process_output import run_process
from penstock_testkit.nightly import thinned

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
fields = [{ name = "timeout", type = "float", doc = "Seconds.", default = 1.0 }]
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
[[sensors]]
id = "acme.arrived"
object = "penstock_acme.operators:Arrived"
doc = "Waits for a box."
parameters = [{ name = "box", type = "str", required = true, doc = "Which." }]
[[object_stores]]
id = "acme.shelf"
object = "penstock_acme.operators:Shelf"
doc = "Boxes by URL."
scheme = "acme"
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
from penstock import Operator, Sensor
from penstock.spec.object_store import ObjectInfo
from penstock_acme.hooks import AcmeHook

class Send(Operator):
    """Sends a box.

    Args:
        box: Which.
        fast: Whether by air.
    """

    def __init__(self, *, box: str, fast=False, **kwargs):
        super().__init__(**kwargs)
        self.box, self.fast = box, fast

    def execute(self, context):
        """Send it."""


class Arrived(Sensor):
    """Waits for a box.

    Args:
        box: Which.
    """

    template_fields = ("box",)

    def __init__(self, *, box: str, **kwargs):
        super().__init__(**kwargs)
        self.box = box

    def poke(self, context):
        """Look once."""
        return True


class Shelf:
    """Boxes by URL."""

    def stat(self, url):
        """Look at one."""
        return ObjectInfo(url, 0, "tag")

    def list(self, prefix):
        """Look at all."""
        yield ObjectInfo(url=prefix, size=0, etag="tag")

    def read(self, url):
        """Take one."""

    def open(self, url):
        """Open one."""

    def write(self, url, data, *, if_absent=False):
        """Put one there."""

    def upload(self, url, stream, *, origin=""):
        """Put a large one there."""

    def origin(self, url):
        """Say nothing."""

    def delete(self, url):
        """Throw one away."""
'''
CONNECTIONS = """
from dataclasses import dataclass

@dataclass(frozen=True)
class AcmeFields:
    timeout: float = 1.0
"""


@pytest.fixture
def provider(tmp_path, monkeypatch):
    """A function that installs a provider, good but for some changes, and returns what the suite looks at."""

    def install(*, more_files=(), **changes):
        package, info = tmp_path / "penstock_acme", tmp_path / "penstock_providers_acme-1.dist-info"
        package.mkdir()
        info.mkdir()
        texts = {
            "provider.toml": MANIFEST,
            "hooks.py": HOOKS,
            "operators.py": OPERATORS,
            "connections.py": CONNECTIONS,
            "__init__.py": "",
        }
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

    return install


def test_a_good_provider_has_no_problem(provider):
    subject = provider()

    assert subject.problems == ()
    assert [check(subject) for check in CHECKS.values()] == [[]] * len(CHECKS)


LENIENT = """
class Lenient(type(Operator)):
    def __call__(cls, **arguments):
        arguments.pop("no_such_argument_of_any_operator", None)
        return super().__call__(**arguments)

class Send(Operator, metaclass=Lenient)"""
KEEPS_ID = "super().__init__(task_id=kwargs['task_id'])\n        self.box, "
TAKES_NONE = "fast=False, task_id):\n        super().__init__(task_id=task_id)"
REACHES = "import socket\ntry: socket.create_connection(('127.0.0.1', 9))\nexcept OSError: pass\n"
THREAD = "time, threading; threading.Thread(target=time.sleep, args=(9,), daemon=True).start()"
SLOW = "import time\nend = time.process_time() + 0.4\nwhile time.process_time() < end: pass\n"
IN_JOBS = "from penstock.spec.external_job import ExternalJob\n\n"
PLAIN = "super().__init__(**kwargs)\n        self.box = box\n\n    def poke"
WAITS = "super().__init__(**{**kwargs, 'timeout': 5.0})\n        self.box = box\n\n    def poke"
IN_HOOKS, IN_OPERATORS = "from penstock", "from penstock "


def fault(name, check, file, before, after, says):
    """A row of the table: the check that must find a fault, made by putting one text in another's place."""
    return pytest.param(check, {file: (before, after)}, says, id=name)


@pytest.mark.parametrize(
    ("check", "change", "says"),
    thinned(
        [
            fault("object gone", "object", "manifest", ":Send", ":Sent", "raised AttributeError"),
            fault("no operator", "object", "operators", "(Operator)", "", "no subclass of penstock.Operator"),
            fault("renamed", "parameter", "operators", "fast=False", "slow=False", "takes no fast"),
            fault("one more", "parameter", "operators", "fast=False", "fast=False, x=1", "x is not in the"),
            fault(
                "required", "parameter", "operators", "box: str, fast", "box: str = 'a', fast", "required in one place"
            ),
            fault("default", "parameter", "operators", "fast=False", "fast=True", "is True in code, False"),
            fault("no doc", "parameter", "manifest", ', doc = "Which."', "", "box has no doc"),
            fault("sentence", "document", "operators", "Sends a box.", "Sends a box", "begin with a sentence"),
            fault("untold", "document", "operators", "fast: W", "slow: W", "says nothing of fast"),
            fault("no test", "hook", "hooks", "def test_", "def check_", "has no test_connection()"),
            fault("other type", "hook", "hooks", '= "acme"', '= "acne"', "it reads 'acne'"),
            fault(
                "no type", "hook", "manifest", 'type = "acme"\ndoc = "An', 'type = "x"\ndoc = "An', "no connection type"
            ),
            fault("reaches out", "hook", "hooks", '"""Nothing."""', "1 / 0", "reaches out or needs"),
            fault("broken", "import", "hooks", IN_HOOKS, "import no_such_sdk\nfrom penstock", "fails"),
            fault("heavy", "import", "hooks", IN_HOOKS, "import click\nfrom penstock", "imports click"),
            fault(
                "reaches",
                "import",
                "hooks",
                IN_HOOKS,
                f"{REACHES}from penstock",
                "importing penstock_acme.hooks reaches out",
            ),
            *(
                fault(name, "import", "hooks", IN_HOOKS, f"import {code}\nfrom penstock", says)
                for name, code, says in (
                    ("ends", "os; print('x'); os._exit(0)", "fails: it ended the interpreter with 0"),
                    (
                        "a thread",
                        "time, threading; threading.Thread(target=time.sleep, args=(9,), daemon=True).start()",
                        "changes the running threads",
                    ),
                    ("a variable", "os; os.environ['ACME'] = 'x'", "an import does not reach out"),
                    ("a file", "os; open('acme.cache', 'w')", "an import does not reach out"),
                    ("a handler", "signal; signal.signal(15, signal.SIG_IGN)", "changes signal handlers"),
                    ("a log", "logging; logging.basicConfig()", "changes the root logger"),
                )
            ),
            fault("slow", "cost", "operators", IN_OPERATORS, f"{SLOW}from penstock ", "ms above the core; 300 ms are"),
            fault(
                "undeclared",
                "dependency",
                "hooks",
                "        return Conn",
                "        import click\n        return Conn",
                "click",
            ),
            fault("up", "room", "hooks", IN_HOOKS, "import penstock_acme.operators\nfrom penstock", "not below"),
            fault("up, relative", "room", "hooks", IN_HOOKS, "from . import operators\nfrom penstock", "not below"),
            fault("core", "room", "operators", IN_OPERATORS, "import penstock.store\nfrom penstock ", "sees"),
            fault("sibling", "room", "operators", IN_OPERATORS, "import penstock_other\nfrom penstock ", "sibling"),
            fault("sdk", "room", "operators", "        super", "        import boto3\n        super", "in hooks"),
            fault("no work", "task", "operators", "def execute", "def do_it", "Send has no execute()"),
            fault("no poke", "task", "operators", "def poke", "def look", "Arrived has no poke()"),
            fault(
                "a job",
                "task",
                "operators",
                "class Send(Operator)",
                f"{IN_JOBS}class Send(ExternalJob)",
                "Send waits by pokes",
            ),
            fault("no timeout", "task", "operators", PLAIN, WAITS, "Arrived drops the timeout"),
            fault(
                "drops",
                "task",
                "operators",
                "super().__init__(**kwargs)\n        self.box, ",
                KEEPS_ID,
                "drops the arguments",
            ),
            fault(
                "takes none",
                "task",
                "operators",
                "fast=False, **kwargs):\n        super().__init__(**kwargs)",
                TAKES_NONE,
                "does not take",
            ),
            fault(
                "renders",
                "task",
                "operators",
                '("box",)',
                '("box", "colour")',
                "names 'colour', which Arrived does not have",
            ),
            fault(
                "breaks",
                "task",
                "operators",
                "self.box = box\n\n    def poke",
                "self.box = 1 / 0\n\n    def poke",
                "fails when a DAG file is imported",
            ),
            fault(
                "type",
                "type",
                "operators",
                "box: str, fast",
                "box: int, fast",
                "box is int in code, str in the manifest",
            ),
            fault("union", "type", "operators", "box: str, fast", "box: str | list, fast", "they differ for list"),
            fault("text", "type", "operators", "box: str, fast", "box: 'str | int', fast", "they differ for int"),
            fault(
                "other field",
                "field",
                "manifest",
                'name = "timeout"',
                'name = "timeout_s"',
                "timeout_s is none of the code",
            ),
            fault(
                "one field more",
                "field",
                "connections",
                "timeout:",
                "token: str = ''\n    timeout:",
                "token is not in the manifest",
            ),
            fault(
                "no etag", "protocol", "operators", 'url, 0, "tag"', "url, 0", "makes an ObjectInfo without its fields"
            ),
            fault("named etag", "protocol", "operators", ', etag="tag"', "", "makes an ObjectInfo without its fields"),
            fault(
                "other call",
                "protocol",
                "operators",
                "*, if_absent=False",
                "*, if_missing=False",
                "write() is not called as the spec",
            ),
            fault(
                "one argument",
                "protocol",
                "operators",
                "def read(self, url)",
                "def read(self)",
                "read() is not called as the spec",
            ),
            fault("no method", "object", "operators", "def delete", "def remove", "lacks the methods delete"),
            fault("lenient", "argument", "operators", "class Send(Operator)", LENIENT, "is taken in silence"),
            fault(
                "plugin", "object", "manifest", "[[conn", 'plugin = "penstock_acme.hooks"\n[[conn', "implements no spec"
            ),
            pytest.param("file", {"more_files": ["stray/acme.txt"]}, "it installs stray/acme.txt", id="stray file"),
        ],
        3,
    ),
)
def test_a_fault_is_found(provider, check, change, says):
    provider(**change)
    by_name = {each.__name__: each for each in CHECKS.values()}
    problems = by_name[f"{check}_problems"](checks.Subject("acme"))

    assert any(says in problem for problem in problems), problems


def test_what_an_import_prints_is_not_taken_for_what_the_check_says(provider):
    subject = provider(hooks=(IN_HOOKS, "import atexit; print('[]'); atexit.register(print, '1e9')\nfrom penstock"))

    assert imports.import_problems(subject) == imports.cost_problems(subject) == []


def test_a_program_is_told_the_same_as_the_suite(provider):
    provider(manifest=(":Send", ":Sent"))

    told = every_problem("acme")

    assert set(told) >= set(checks.object_problems(checks.Subject("acme")))


def test_an_unknown_key_is_a_problem_for_its_author(provider):
    subject = provider(manifest=('name = "Acme"', 'name = "Acme"\ncolour = "red"'))

    assert "colour" in subject.problems[0]
    assert subject.manifest is not None


def test_a_provider_that_is_not_installed_is_told_once(capsys):
    assert main(["nobody"]) == 2
    assert capsys.readouterr().err == (
        "error: no provider 'nobody' is installed in this environment. Install its folder first.\n"
    )


def test_a_manifest_that_cannot_be_read_is_the_one_fault_that_is_told(provider):
    subject = provider(manifest=('name = "Acme"', 'name = = "Acme"'))

    assert subject.manifest is None
    assert every_problem("acme") == list(subject.problems)


def test_the_suite_has_a_test_for_every_check():
    names = {
        name
        for test in vars(ProviderSuite).values()
        for name in getattr(getattr(test, "__code__", None), "co_names", ())
    }

    assert {check.__name__ for check in CHECKS.values()} <= names


@pytest.mark.parametrize(
    ("change", "code", "says"),
    [({}, 0, "15 passed"), ({"manifest": (":Send", ":Sent")}, 1, "1 failed, 14 passed")],
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


def test_of_what_a_process_of_a_suite_prints_the_end_is_kept():
    code = "import sys; data = sys.stdin.read(); [print('noise' * 1_000_000, data, file=f) for f in (sys.stdout, sys.stderr)]"

    done = run_process([sys.executable, "-c", code], 60, b"told")

    assert done.code == 0
    for kept in (done.output, done.errors):
        assert len(kept) <= 1_000_000
        assert kept.endswith("noise told\n")


def test_a_process_of_a_suite_that_comes_to_no_end_is_killed():
    with pytest.raises(subprocess.TimeoutExpired):
        run_process([sys.executable, "-c", "import time; time.sleep(600)"], 0.1)
