"""The kit for authors: what `new` writes is green as it is, and of each planted fault the suite that should catch it does."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree as ET

import pytest

from penstock_plugin_manager.commands.author.template import provider_files, template_files, template_kinds
from penstock_testkit.nightly import at_night, thinned

# The first test waits for all runs, of which each is short; they are made in one process, and once.
pytestmark = [pytest.mark.timeout(400), pytest.mark.xdist_group("kit")]

GOOD = "good_one"
OWN_EXECUTOR = Path(__file__).parent / "own_executor"
PROVIDER, HOOK, OPERATOR = (
    "test_provider.py::TestProvider",
    "test_hooks.py::Test{}Hook",
    "test_operators.py::Test{}WriteOperator",
)
SECRETS, LOGS, TIMETABLE = (
    "test_secrets.py::Test{}SecretsBackend",
    "test_logs.py::Test{}LogStore",
    "test_timetables.py::Test{}Timetable",
)
SERVICE = "test_services.py::Test{}Service"
METRICS = "test_metrics.py::Test{}MetricsSink"
NOTIFIER = "test_notifiers.py::Test{}Notifier"
SENSOR, STORE, EXECUTOR = (
    "test_sensors.py::Test{}ItemSensor",
    "test_storage.py::Test{}ObjectStore",
    "test_executors.py::Test{}Executor",
)


class Fault(NamedTuple):
    """A fault that is planted into a copy of a good provider.

    Attributes:
        name: What is wrong, in words.
        caught_by: The suite's test that must fail, and no error but its.
        says: What it must say.
        changes: A text of a file and what stands in its place, by the file's path below the sources, or of a test.
    """

    name: str
    caught_by: str
    says: str
    changes: Mapping[str, tuple[str, str]]


CONTENT = '  { name = "content", type = "str", doc = "What it shall be.", required = true },\n'
REACHES = "import socket\n\ntry:\n    socket.create_connection(('127.0.0.1', 9))\nexcept OSError:\n    pass\n"
SLOW = "import time\n\nend = time.process_time() + 0.5\nwhile time.process_time() < end:\n    pass\n"
KEEPS = """        connection = self.__dict__.setdefault("kept", kind(fields.host, fields.port, timeout=fields.timeout_s))
        connection.close, answered = lambda: None, connection"""
SUPER = "super().__init__(**kwargs)"
IN_A_HURRY = ("class Test{}Executor(ExecutorSuite):", "class Test{}Executor(ExecutorSuite):\n    patience_s = 8.0")
IMPATIENT = ("hook = {}Hook\n", "hook = {}Hook\n    answers_within_s = 4.0\n")
TEXT = "        return self._hook.read(name).decode() if self._hook.find(name) else None"
ANOTHER = '__import__("penstock").Connection("another", "postgres")'
SWALLOWS = """        with __import__('contextlib').suppress(Exception):
            self._hook.write("""
LOSES = """            end = self._worker.run()
            if self._request.facts.params.get('number') == 3:
                return"""
FORGES = """        for epoch in (self.name[1], 77):
            self._tell(TryFinished(self.name[0], epoch, self._context.now(), end))"""
SOON = ("wrong_options = ({", "starts_within_s, report_s, stop_s = 10.0, 2.0, 1.0\n    wrong_options = ({")
DEAF = "__import__('time').sleep(600)"
LEAVES = """        import subprocess

        subprocess.Popen(["sleep", "600"], start_new_session=True)
        while not context.stopping:"""
LOCKS = """        (context.folder / "lock").touch(exist_ok=False)
        while not context.stopping:"""
CANCELS = """        for name in [each for each in self._tries if each[0] in {key for key, _ in tries}] or tries:"""
RECOVERS = """        from penstock.spec.executor import TryRecovered

        return [TryRecovered(each.key, each.epoch) for each in tries]"""
ONCE = """        if not hook.write(self.item, self.content.encode(), if_absent=True):
            raise ValueError("it is there")"""

EVERY = 6
"""Of so many faults, one is planted with each change of the code, and all at night."""

PASSED_BY_OTHERS = (
    "test_a_cancelled_try_ends_alone",
    "test_a_held_try_is_named_by_heartbeats_until_it_is_cancelled",
    "test_a_killed_try_is_answered",
    "test_a_start_is_reported_before_its_end",
)
"""Tests of a remote executor that wait for the night here: each starts workers, and executors of providers pass them with each change."""

FAULTS = [
    Fault(
        "the manifest names a parameter otherwise", f"{PROVIDER}::test_the_parameters_of_the_manifest_are_those_of_the_code",
        "takes no contents", {"provider.toml": ('name = "content"', 'name = "contents"')},
    ),
    Fault(
        "the manifest gives another type", f"{PROVIDER}::test_the_types_of_the_manifest_are_those_of_the_code",
        "content is str in code, int in the manifest", {"provider.toml": (CONTENT, CONTENT.replace('"str"', '"int"'))},
    ),
    Fault(
        "the manifest gives another default", f"{PROVIDER}::test_the_parameters_of_the_manifest_are_those_of_the_code",
        "in the manifest", {"provider.toml": ('default = "<id>_default"', 'default = "default"')},
    ),
    Fault(
        "the manifest says that a required one is not", f"{PROVIDER}::test_the_parameters_of_the_manifest_are_those_of_the_code",
        "content is required in one place", {"provider.toml": (CONTENT, CONTENT.replace(", required = true", ""))},
    ),
    Fault(
        "the manifest names an object that is not there", f"{PROVIDER}::test_every_object_of_the_manifest_is_there_and_of_its_kind",
        "AttributeError", {"provider.toml": ("operators:{}WriteOperator", "operators:{}Writer")},
    ),
    Fault(
        "the manifest names a field that nobody reads", f"{PROVIDER}::test_the_fields_of_connections_are_those_of_the_code",
        "patience_s is none of the code", {"provider.toml": ('name = "timeout_s"', 'name = "patience_s"')},
    ),
    Fault(
        "the manifest gives a field another default", f"{PROVIDER}::test_the_fields_of_connections_are_those_of_the_code",
        "timeout_s is 30.0 by default in code, 60.0 in the manifest", {"provider.toml": ("default = 30.0", "default = 60.0")},
    ),
    Fault(
        "an import brings a foreign package", f"{PROVIDER}::test_importing_it_imports_no_foreign_package_and_reaches_out_to_nothing",
        "imports click", {"hooks.py": ("from urllib.parse", "import click\nfrom urllib.parse")},
    ),
    Fault(
        "an import reaches out", f"{PROVIDER}::test_importing_it_imports_no_foreign_package_and_reaches_out_to_nothing",
        "reaches out (socket.getaddrinfo)", {"sensors.py": ("from typing", f"{REACHES}from typing")},
    ),
    Fault(
        "an import takes long", f"{PROVIDER}::test_importing_one_capability_takes_little_time", "300 ms are allowed",
        {"sensors.py": ("from typing", f"{SLOW}from typing")},
    ),
    Fault(
        "a dependency is not declared", f"{PROVIDER}::test_it_declares_what_it_imports", "imports click",
        {"hooks.py": ("        import json\n", "        import json\n\n        import click\n")},
    ),
    Fault(
        "a sibling is imported", f"{PROVIDER}::test_its_modules_keep_the_room_plan", "does not depend on a sibling",
        {"hooks.py": ("        import json\n", "        import json\n\n        import penstock_sibling\n")},
    ),
    Fault(
        "a parameter is not documented", f"{PROVIDER}::test_everything_is_documented", "says nothing of content",
        {"operators.py": ("        content: What it shall be.\n", "")},
    ),
    Fault(
        "a client crosses a fork", f"{HOOK}::test_a_fork_after_its_use_is_safe", "behind a fork, used before it",
        {
            "hooks.py": ("        connection = kind(fields.host, fields.port or None, timeout=fields.timeout_s)", KEEPS),
            "tests/fake_service.py": ('        self.send_header("Connection", "close")\n', ""),
        },
    ),
    Fault(
        "an error shows the token", f"{HOOK}::test_a_wrong_secret_is_reported_and_not_shown", "shows the secret",
        {"hooks.py": ('answer.read().decode("utf-8", "replace") or answer.reason', 'f"{self.fields.token} is wrong"')},
    ),
    Fault(
        "a repr shows the token", f"{HOOK}::test_nothing_that_it_holds_shows_a_secret", "shows a secret",
        {"connections.py": ('("host", "port", "tls")', '("host", "token", "tls")')},
    ),
    Fault(
        "the address has the token in it", f"{HOOK}::test_a_service_that_is_not_there_is_reported", "shows a secret",
        {"connections.py": ("://{self.host}", "://{self.token}@{self.host}")},
    ),
    Fault(
        "a request has no time limit", f"{HOOK}::test_a_service_that_never_answers_does_not_hold_the_task", "does not end within",
        {"hooks.py": ("or None, timeout=fields.timeout_s", "or None"), "tests/test_hooks.py": IMPATIENT},
    ),
    Fault(
        "a wrong token is taken for a right one", f"{HOOK}::test_a_wrong_secret_is_reported_and_not_shown", "taken for a right one",
        {"hooks.py": ('"GET", "/whoami")', '"GET", "/whoami", fine=(401,))')},
    ),
    Fault(
        "an operator has no execute", f"{OPERATOR}::test_it_does_its_work", "has no execute()",
        {"operators.py": ("def execute", "def do")},
    ),
    Fault(
        "an operator drops **kwargs", f"{OPERATOR}::test_it_takes_what_every_task_takes", "pass **kwargs on",
        {"operators.py": (SUPER, "super().__init__(task_id=kwargs['task_id'])")},
    ),
    Fault(
        "an operator looks at its templates", f"{OPERATOR}::test_templates_are_rendered_before_they_are_looked_at", "no name",
        {"operators.py": (SUPER, f"{SUPER}\n        if not item.isidentifier():\n            raise ValueError('no name')")},
    ),
    Fault(
        "an operator changes its arguments", f"{OPERATOR}::test_it_keeps_its_arguments_as_they_are_given", "after it was given as",
        {"operators.py": ("= item, content", "= item, content.upper()")},
    ),
    Fault(
        "an operator cannot run again", f"{OPERATOR}::test_a_repetition_does_no_harm", "it is there",
        {"operators.py": ("        hook.write(self.item, self.content.encode())", ONCE)},
    ),
    Fault(
        "a sensor has no poke", f"{SENSOR}::test_a_poke_finds_whether_the_wait_is_over", "has no poke()",
        {"sensors.py": ("def poke", "def look")},
    ),
    Fault(
        "a sensor drops its timeout", f"{SENSOR}::test_a_poke_finds_whether_the_wait_is_over", "drops timeout",
        {"sensors.py": (SUPER, "super().__init__(**{**kwargs, 'timeout': 5.0})")},
    ),
    Fault(
        "a sensor waits for ages", f"{SENSOR}::test_it_gives_up_at_some_time", "its timeout is",
        {"sensors.py": (SUPER, "super().__init__(**{'timeout': 1e9, **kwargs})")},
    ),
    Fault(
        "a store replaces what it must not", f"{STORE}::test_with_if_absent_nothing_is_replaced", "not [True, False]",
        {"storage.py": ("if_absent=if_absent", "if_absent=False")},
    ),
    Fault(
        "a store holds the whole object", f"{STORE}::test_a_large_stream_passes_through_little_memory", "in memory",
        {"storage.py": ('iter(lambda: stream.read(_PART_BYTES), b"")', "stream.read()")},
    ),
    Fault(
        "a missing object is of another kind", f"{STORE}::test_an_object_that_is_not_there_is_missing", "not 'not_found'",
        {"errors.py": ("kind_of_status(status)", "kind_of_status(400 if status == 404 else status)")},
    ),
    Fault(
        "a list has not all", f"{STORE}::test_list_gives_what_begins_with_the_prefix_and_nothing_else", "list() of 'in' finds",
        {"hooks.py": ("json.load(answer))", "json.load(answer)[1:])")},
    ),
    Fault(
        "a list has one page", f"{STORE}::test_list_goes_on_behind_the_first_page", "list() gives 1000 of 1001 objects",
        {"hooks.py": ("json.load(answer))", "json.load(answer)[:1000])")},
    ),
    Fault(
        "an executor recovers what never was", f"{EXECUTOR}::test_a_try_that_nobody_holds_is_lost_or_run",
        "takes up a try that never was", {"executors.py": ("        return []", RECOVERS), "tests/test_executors.py": IN_A_HURRY},
    ),
    Fault(
        "a tag stays when the content changes", f"{STORE}::test_what_is_written_again_is_replaced", "when the content changes",
        {"storage.py": ("found.size, found.tag)", "found.size, str(found.size))")},
    ),
    Fault(
        "an executor loses a result", f"{EXECUTOR}::test_each_try_is_answered_once_with_its_own_end", "a try is lost",
        {
            "executors.py": ("            end = self._worker.run()", LOSES),
            "tests/test_executors.py": IN_A_HURRY,
        },
    ),
    Fault(
        "an executor doubles a result", f"{EXECUTOR}::test_each_try_is_answered_once_with_its_own_end", "answered 2 times",
        {"executors.py": ("        self._tell(TryFinished(*self.name, self._context.now(), end))",
                          "        for _ in range(2):\n            self._tell(TryFinished(*self.name, self._context.now(), end))")},
    ),
    Fault(
        "an executor cancels every epoch of a task", f"{EXECUTOR}::test_a_cancelled_try_ends_alone", "is cancelled, and that of epoch",
        {"executors.py": ("        for name in tries:", CANCELS)},
    ),
    Fault(
        "an executor forges a try", f"{EXECUTOR}::test_each_try_is_answered_once_with_its_own_end", "never sent",
        {"executors.py": ("        self._tell(TryFinished(*self.name, self._context.now(), end))",
                          FORGES)},
    ),
    Fault(
        "an executor forges a success", f"{EXECUTOR}::test_a_failure_is_reported_with_its_error_and_its_log", "a try that raises is",
        {"executors.py": ("            end = self._worker.run()",
                          "            self._worker.run()\n            end = TryEnd(Outcome.SUCCESS)")},
    ),
    Fault(
        "an executor answers for another try", f"{EXECUTOR}::test_each_try_is_answered_once_with_its_own_end", "was answered with",
        {"executors.py": ("            end = self._worker.run()",
                          "            end = self._context.options.setdefault('end', self._worker.run())")},
    ),
    Fault(
        "a secrets backend answers for another's id", f"{SECRETS}::test_what_is_not_there_is_none", "is answered, though",
        {"secrets.py": (TEXT, "        return next((self._hook.read(each.name).decode() for each in self._hook.list(name)), None)")},
    ),
    Fault(
        "a secrets backend gives another's connection", f"{SECRETS}::test_each_connection_is_given_under_its_own_id",
        "answers for another's id", {"secrets.py": ('self._text("connections/" + conn_id)', ANOTHER)},
    ),
    Fault(
        "a secrets backend that is away has nothing", f"{SECRETS}::test_a_place_that_is_away_is_an_error_and_no_answer",
        "is told as None", {"secrets.py": (TEXT, f"        try:\n    {TEXT}\n        except Exception:\n            return None")},
    ),
    Fault(
        "a log store loses the last chunk", f"{LOGS}::test_what_is_appended_is_read_on_another_machine", "the last chunk is lost",
        {"logs.py": ('in self._hook.list(f"{self._prefix}{log}#"):', 'in list(self._hook.list(f"{self._prefix}{log}#"))[:-1]:')},
    ),
    Fault(
        "a log store takes what it drops for stored", f"{LOGS}::test_what_is_appended_again_is_there_once", "after a repetition",
        {"logs.py": ("return found.size if found else 0", "return len(data)")},
    ),
    Fault(
        "a log store deletes too much", f"{LOGS}::test_a_prefix_is_deleted_and_nothing_else", "there are ['c/a/4.log']",
        {"logs.py": ("self._prefix + prefix)", "self._prefix + prefix.rstrip('/'))")},
    ),
    Fault(
        "a log store mixes logs", f"{LOGS}::test_logs_with_names_that_are_alike_are_apart", "",
        {"logs.py": ('name = f"{self._prefix}{log}#{offset:020}"', 'name = f"{self._prefix}{log.lower()}#{offset:020}"')},
    ),
    Fault(
        "a timetable goes backwards", f"{TIMETABLE}::test_runs_follow_each_other", "it goes backwards",
        {"timetables.py": ("midnight, due)", "midnight, due - timedelta(days=9))")},
    ),
    Fault(
        "a timetable remembers", f"{TIMETABLE}::test_the_same_question_has_the_same_answer", "once and",
        {"timetables.py": ("        while due", "        self.hour = (self.hour + 1) % 24\n        while due")},
    ),
    Fault(
        "a timetable knows no time zone", f"{TIMETABLE}::test_every_instant_is_aware", "without a time zone",
        {"timetables.py": ("midnight, due)", "midnight, due.replace(tzinfo=None))")},
    ),
    Fault(
        "a service never says that it is well", f"{SERVICE}::test_it_is_well_and_goes_on_reporting",
        "has not said that it is well",
        {"services.py": ('(f"{count} items")', '(f"{count} items", healthy=False)'), "tests/test_services.py": SOON},
    ),
    Fault(
        "a service reports once", f"{SERVICE}::test_it_is_well_and_goes_on_reporting", "has reported once",
        {"services.py": ("            context.wait(self._every_s)", "            context.wait()"), "tests/test_services.py": SOON},
    ),
    Fault(
        "a service does not hear the signal", f"{SERVICE}::test_it_ends_in_time_and_leaves_nothing_behind",
        "does not end at SIGTERM", {"services.py": ("context.wait(self._every_s)", DEAF), "tests/test_services.py": SOON},
    ),
    Fault(
        "a service leaves a process", f"{SERVICE}::test_it_ends_in_time_and_leaves_nothing_behind", "leaves processes behind",
        {"services.py": ("        while not context.stopping:", LEAVES)},
    ),
    Fault(
        "a service trusts its folder", f"{SERVICE}::test_it_starts_again_where_it_was_killed", "FileExistsError",
        {"services.py": ("        while not context.stopping:", LOCKS)},
    ),
    Fault(
        "a service hangs at wrong options", f"{SERVICE}::test_wrong_options_are_an_error", "does not end though it is made with",
        {"services.py": ("            raise ConfigError(", "            __import__('time').sleep(600)\n            raise ConfigError("),
         "tests/test_services.py": SOON},
    ),
    Fault(
        "a service runs on with wrong options", f"{SERVICE}::test_wrong_options_are_an_error", "is well, or ends without an error",
        {"services.py": ("if every_s <= 0", "if every_s < 0")},
    ),
    Fault(
        "a command does not exist", f"{PROVIDER}::test_every_object_of_the_manifest_is_there_and_of_its_kind", "AttributeError",
        {"provider.toml": ("commands:list_items", "commands:list_all")},
    ),
    Fault(
        "a command takes another argument", f"{PROVIDER}::test_the_parameters_of_the_manifest_are_those_of_the_code",
        "takes no prefix", {"commands.py": ('prefix: str = ""', 'beginning: str = ""')},
    ),
    Fault(
        "a notifier cuts the text", f"{NOTIFIER}::test_any_text_is_sent", "the end of a message",
        {"notifiers.py": ("{message.text}", "{message.text.splitlines()[0]}")},
    ),
    Fault(
        "a notifier swallows errors", f"{NOTIFIER}::test_a_service_that_is_away_is_an_error", "is taken for sent",
        {"notifiers.py": ("        self._hook.write(", SWALLOWS)},
    ),
    Fault(
        "a notifier sends another's message", f"{NOTIFIER}::test_each_message_is_sent_in_its_turn", "of 3 messages",
        {"notifiers.py": ("alerts/{message.key}", "alerts/{message.dag_id}")},
    ),
    Fault(
        "a metrics sink drops points", f"{METRICS}::test_many_points_of_one_call_are_all_there", "the service has",
        {"metrics.py": ("for each in points]", "for each in points[:100]]")},
    ),
    Fault(
        "a metrics sink forgets the call before", f"{METRICS}::test_counters_add_up", "the service has",
        {"metrics.py": ("metrics/{at.isoformat()}", "metrics/now")},
    ),
]  # fmt: skip


def title(provider_id: str) -> str:
    """What classes of a provider begin with."""
    return "".join(part.title() for part in provider_id.split("_"))


def fitted(text: str, provider_id: str) -> str:
    """A text of the table as it stands in one provider."""
    return text.replace("{}", title(provider_id)).replace("<id>", provider_id)


def write(folder: Path, provider_id: str, fault: Fault | None = None) -> Path:
    """Write a provider of all kinds below a folder, and install it there, into ``site``."""
    files = provider_files(provider_id, "Good", f"penstock-providers-{provider_id}", template_kinds(template_files()))
    package = f"penstock_{provider_id}"
    if fault and fault.caught_by.startswith(EXECUTOR):
        # What an executor can do wrong that looks after its tries by itself: one that carries tickets decides nothing.
        for name, path in (("executors.py", f"src/{package}/executors.py"), ("suite.py", "tests/test_executors.py")):
            text = (OWN_EXECUTOR / name).read_text()
            files[path] = text.replace("Sample", title(provider_id)).replace("sample", provider_id)
    for name, change in fault.changes.items() if fault else ():
        path = name if name.startswith("tests/") else f"src/{package}/{name}"
        before, after = (fitted(each, provider_id) for each in change)
        assert before in files[path], f"{fault.name}: {path} has changed"
        files[path] = files[path].replace(before, after)
    site, own = folder / "site", folder / provider_id
    for path, text in files.items():
        target = site / path.removeprefix("src/") if path.startswith("src/") else own / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
    info = site / f"penstock_providers_{provider_id}-0.1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.4\nName: penstock-providers-{provider_id}\nVersion: 0.1.0\n")
    (info / "entry_points.txt").write_text(f"[penstock.providers]\n{provider_id} = {package}:provider.toml\n")
    (info / "RECORD").write_text(f"{package}/provider.toml,,\n")
    return own / "tests"


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, str]]:
    """What failed, by provider and test: all of the good one's tests, and one of each that has a fault, in one run."""
    folder = tmp_path_factory.mktemp("kit")
    nodes = [str(write(folder, GOOD))]
    executor = f"{GOOD}/tests/{fitted(EXECUTOR, GOOD)}"
    later = at_night((), [f"--deselect={executor}::{name}" for name in PASSED_BY_OTHERS])
    for number, fault in enumerate(FAULTS):
        if number % at_night(1, EVERY):
            continue
        provider_id = f"fault_{number}"
        nodes.append(f"{write(folder, provider_id, fault)}/{fitted(fault.caught_by, provider_id)}")
    (folder / "pytest.ini").write_text("[pytest]\naddopts = --import-mode=importlib\n")
    report = folder / "report.xml"
    variables = {name: text for name, text in os.environ.items() if not name.startswith("PYTEST")}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", f"--junitxml={report}", *later, *nodes],
        cwd=folder, env={**variables, "PYTHONPATH": f"{folder / 'site'}:{folder / GOOD / 'tests'}"}, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 1, done.stdout[-4000:] + done.stderr[-4000:]
    found: dict[str, dict[str, str]] = {}
    for case in ET.parse(report).getroot().iter("testcase"):
        provider, _, within = case.attrib["classname"].partition(".")
        name = f"{within.rpartition('.')[2]}::{case.attrib['name']}"
        failures = [each for each in case if each.tag in ("failure", "error")]
        found.setdefault(provider, {})[name] = "".join(
            f"{each.tag}: {each.attrib.get('message', '')} {each.text}" for each in failures
        )
    return found


def test_what_is_written_is_green_without_an_edit(outcomes):
    assert {name: problem for name, problem in outcomes[GOOD].items() if problem} == {}
    assert len(outcomes[GOOD]) > 60


@pytest.mark.parametrize("fault", thinned(FAULTS, EVERY), ids=lambda fault: fault.name)
def test_a_planted_fault_is_caught_by_its_suite(outcomes, fault):
    provider_id = f"fault_{FAULTS.index(fault)}"
    problem = outcomes[provider_id][fitted(fault.caught_by, provider_id).partition("::")[2]]

    assert problem.startswith("failure"), problem or "it is not seen"
    assert fault.says in problem
