"""Who may read the clock and the environment, roll dice, sleep, or fork (ADR 0001, ADR 0020)."""

import pytest

from house.calls import Rule, allowance, banned
from house.tree import sources_of

pytestmark = pytest.mark.xdist_group("sources")  # each file is parsed once, and kept

CORE = "core/src/penstock"
RULES = {
    "wall clock": Rule(
        (
            "datetime.datetime.now",
            "datetime.datetime.utcnow",
            "datetime.datetime.today",
            "datetime.date.today",
            "time.time",
        ),
        "the instant is an argument, and clock.py gives it",
        {
            f"{CORE}/author/timetable/dates.py": "DAG files and tasks that ask for the present",
            f"{CORE}/clock.py": "the clock",
            f"{CORE}/spec/hooks/service_hook.py": "a connection test tells how far this clock is off the service's",
            "examples/remote_workers/": "a worker says when its tries began and ended",
            "plugin-manager/": "a tool of one call; its times are for people",
            "testkit/src/penstock_testkit/kinesis/kinesis_server.py": "records carry the time, which a test may replace",
            "testkit/src/penstock_testkit/kubernetes/": "objects and logs of a cluster carry the time",
            "providers/": "services tell instants, and take deadlines as instants",
        },
    ),
    "other clocks": Rule(
        ("time.monotonic", "time.monotonic_ns", "time.perf_counter", "time.process_time", "time.time_ns", "time.sleep"),
        "only rooms with I/O wait, and they wait on events where there are any",
        {
            f"{CORE}/app/notifier.py": "hands deliveries the clock of their time limits",
            f"{CORE}/app/scheduler.py": "waits for the end of a scheduler that was killed a moment ago",
            f"{CORE}/app/services.py": "hands the keeper the clock of its time limits",
            f"{CORE}/app/parts/vault.py": "hands lines to secrets backends the clock of their time limits",
            f"{CORE}/author/operators/email.py": "measures the answer of a mail server",
            f"{CORE}/cli/": "what a person waits for in a terminal",
            f"{CORE}/client/http_remote.py": "pauses before it asks again what was not answered",
            f"{CORE}/clock.py": "the clock",
            f"{CORE}/execute/": "time limits of tries and waits for processes",
            f"{CORE}/load/": "time limits of imports",
            f"{CORE}/plugins/import_main.py": "measures an import, in a process of its own",
            f"{CORE}/processes/": "pauses between restarts, and waits for processes that were killed",
            f"{CORE}/spec/hooks/": "pauses between calls, and how long a connection test took",
            f"{CORE}/spec/worker.py": "time limits of the try that a worker supervises",
            f"{CORE}/testing/suites/executor.py": "waits for what an executor tells, for some time",
            f"{CORE}/testing/suites/remote/remote_executor.py": "waits for a server to listen, for some time",
            f"{CORE}/testing/suites/service.py": "waits for what a service reports, for some time",
            "examples/remote_workers/": "heartbeats and pauses between connections",
            "manifest/src/penstock_manifest/cache.py": "keeps no answer about what changed a moment ago",
            f"{CORE}/service/local/run_locally.py": "a run in this process waits for its retries and sensors",
            "plugin-manager/": "waits for the lock of another manager",
            "providers/": "time limits and retries of clients",
            "testkit/": "waits for servers",
        },
    ),
    "environment": Rule(
        ("os.environ", "os.environb", "os.getenv", "os.putenv"),
        "settings are read once, by the main module of a process, and handed down",
        {
            f"{CORE}/app/service_main.py": "main of the loader's and the notifier's process",
            f"{CORE}/app/parts/service_end.py": "the end of such a process shows its traceback to whoever asks for it there",
            f"{CORE}/testing/suites/remote/remote_executor.py": "a server and a worker inherit the environment of their test",
            f"{CORE}/app/scheduler.py": "main module",
            f"{CORE}/app/parts/engine_secrets.py": "takes out what lets in at the engines of remote executors, which tries would inherit",
            f"{CORE}/app/alert_channel.py": "main module",
            f"{CORE}/cli/root.py": "main module",
            f"{CORE}/author/operators/bash.py": "a command inherits the environment of its task",
            f"{CORE}/author/operators/environments/": "a Python of its own inherits the environment of its task",
            f"{CORE}/execute/environment.py": "a spawn server inherits the environment of its parent, without secrets",
            f"{CORE}/plugins/import_cost.py": "an import is measured in its parent's environment, without secrets",
            f"{CORE}/plugins/project_modules.py": "a module of the project is described with its parent's environment, without secrets",
            f"{CORE}/load/parse/parser.py": "a parse server inherits the environment of its parent, without secrets",
            "examples/command_executor/src/penstock_command/executors.py": "a command inherits the environment of the scheduler",
            f"{CORE}/spec/worker.py": "a try's process inherits the environment of its worker, without secrets",
            f"{CORE}/processes/failpoint.py": "a test arms any process, whatever it was started with",
            f"{CORE}/processes/line_process.py": "a provider's process inherits the environment of its parent, without secrets",
            "server/src/penstock_server/opened.py": "the main of the server's process",
            "plugin-manager/": "its settings are the environment and one file, read where a command needs them",
            "providers/": "a service's own variables say where it is and who we are, as its SDK would read them",
            "testkit/": "children inherit the environment",
        },
    ),
    "chance": Rule(
        ("random.*", "secrets.*", "uuid.uuid1", "uuid.uuid4", "os.urandom"),
        "what is decided must be decided again the same way; jitter takes a seed",
        {
            f"{CORE}/load/snapshot.py": "names of files that are renamed when they are whole",
            f"{CORE}/plugins/project_modules.py": "a mark that tells what a module left behind from all else",
            f"{CORE}/client/http_remote.py": "a key for each change, which no other request has",
            f"{CORE}/spec/external_job.py": "a token that no other installation can have; it is stored before it is used",
            f"{CORE}/app/workers/remote_worker.py": "a name that no other worker has",
            f"{CORE}/service/execution/log_folder.py": "a mark that no other logs folder has",
            f"{CORE}/worker/claims.py": "a text that no other claim has; the server stores it with the try",
            f"{CORE}/tries/remote/remote_try_executor.py": "a name that no other scheduler's process has",
            f"{CORE}/spec/hooks/call_retry.py": "spreads callers that failed together",
            f"{CORE}/processes/draft.py": "names of folders that are renamed when they are whole",
            f"{CORE}/service/access/": "secrets of tokens, sessions and links, which nobody may guess",
            f"{CORE}/service/starts/starts.py": "passwords and tokens of a new project, which nobody may guess",
            f"{CORE}/store/logs/log_index.py": "a name of its own for each database",
            f"{CORE}/testing/simulation/": "a seed decides all that happens",
            f"{CORE}/store/sql/wakeup.py": "a name of its own for each waiter",
            f"{CORE}/store/schedulers/lease.py": "a token that tells two holders apart",
            "providers/": "spreads reconnections",
            "server/src/penstock_server/http/authenticator.py": "a token that nobody guesses",
            "server/src/penstock_server/oidc/oidc_login.py": "what a browser is sent away with, which nobody guesses",
            "testkit/": "names of databases, buckets and sessions",
        },
    ),
    "forks": Rule(
        ("os.fork", "os.forkpty", "os.wait", "os.waitpid", "os.waitid", "os.killpg", "os.setsid", "os.setpgid"),
        "what forks, groups and reaps is written once (ADR 20)",
        {
            f"{CORE}/author/operators/child_process.py": "ends the program of a task, from below the floor of processes",
            f"{CORE}/processes/": "the floor of all that start processes",
            "plugin-manager/src/penstock_plugin_manager/conformance/fenced.py": "ends a provider's tests with all that they started",
            "testkit/src/penstock_testkit/commands/fork_server.py": "commands of tests, which are forked instead of started",
            "testkit/src/penstock_testkit/kubernetes/running/containers.py": "a container is a group of processes",
        },
    ),
}


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_only_named_files_make_such_calls_and_each_exception_is_needed(workspace, rule):
    found, used = [], set()
    for path in sources_of(workspace):
        told = list(banned(str(path), (workspace / path).read_text(), rule))
        allowed = allowance(str(path), rule)
        if told and allowed:
            used.add(allowed)
        elif told:
            found += told
    assert found == []
    assert set(rule.allowed) == used, "an exception that nobody needs is taken off the list"


@pytest.mark.parametrize(
    ("rule", "text"),
    [
        pytest.param("wall clock", "from datetime import datetime, UTC\nnow = datetime.now(UTC)", id="from import"),
        pytest.param("wall clock", "import datetime as dt\nnow = dt.datetime.now(dt.UTC)", id="alias"),
        pytest.param("wall clock", "def f():\n    import time\n    return time.time()", id="inside a function"),
        pytest.param("other clocks", "from time import sleep as rest\nrest(1)", id="renamed"),
        pytest.param("environment", "import os\nhome = os.environ['HOME']", id="subscript"),
        pytest.param("environment", "from os import environ\nprint(environ)", id="bare name"),
        pytest.param("chance", "import random\nrandom.shuffle([])", id="any function of a module"),
        pytest.param("chance", "import uuid\nuuid.uuid4()", id="uuid4"),
        pytest.param("forks", "import os\npid = os.fork()", id="fork"),
    ],
)
def test_the_contract_sees_a_call(rule, text):
    assert len(list(banned("a.py", text, RULES[rule]))) == 1


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("import os\nos.path.join('a', 'b')", id="another name of the module"),
        pytest.param("def f(clock):\n    return clock.time.time()", id="somebody else's attribute"),
        pytest.param("from uuid import UUID\nUUID(int=1)", id="a value"),
    ],
)
def test_the_contract_lets_other_names_be(text):
    assert [each for rule in RULES.values() for each in banned("a.py", text, rule)] == []
