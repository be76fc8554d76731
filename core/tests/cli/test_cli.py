import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from click.shell_completion import ShellComplete
from msgspec.structs import replace

from penstock.cli import root
from penstock.cli.installation import person
from penstock.clock import SystemClock
from penstock.model.changes import Changes
from penstock.model.dag import DagSpec, ParamSpec, TaskSpec
from penstock.model.source import ParsedFile
from penstock.model.state import RunState
from penstock.settings import load_settings
from penstock.store import Keyring, LoaderCatalog, Store


class Shell:
    """A project folder and a way to run commands in it."""

    def __init__(self, folder, capfd):
        self.folder, self.capfd, self.environ = folder, capfd, {}

    def __call__(self, *arguments, code=0):
        """What the command said on stdout; the test fails if its exit code differs."""
        found = root.run(arguments, self.environ)
        self.out, self.err = self.capfd.readouterr()
        assert "Traceback" not in self.err
        assert found == code, f"exit code {found}: {self.out}{self.err}"
        return self.out

    def json(self, *arguments, code=0):
        return json.loads(self(*arguments, "--json", code=code))


@pytest.fixture
def shell(tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    return Shell(tmp_path, capfd)


@pytest.fixture
def project(shell):
    """A project with one DAG, as the loader would have stored it."""
    shell("init", "--no-example")
    settings = load_settings({}, shell.folder)
    with Store.open(settings.database_url, Keyring.of_file(settings.key_file)) as store:
        clock = SystemClock()
        catalog = LoaderCatalog(store, store.config.variable_values, clock.now)
        dag = DagSpec("sales", "sales.py", (TaskSpec("a"), TaskSpec("b", upstream=("a",))), params={"x": ParamSpec(1)})
        catalog.save(ParsedFile("sales.py", "s", {}, {}, None, clock.now(), 0.1, (dag,)))
        catalog.save(
            ParsedFile("bad.py", "s", {}, {}, None, clock.now(), 0.1, (), ("bad.py:1: a cycle",), ("bad.py:2: naive",))
        )
        catalog.close()
    return shell


def python(code):
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60)


def test_the_version_imports_nothing_that_takes_time():
    done = python(
        "import sys; sys.argv = ['penstock', '--version']; from penstock.cli import main; code = main();"
        "print(sorted({'click', 'sqlalchemy', 'rich', 'msgspec'} & set(sys.modules)), code)"
    )
    assert done.stdout.splitlines()[0].startswith("penstock 0.")
    assert done.stdout.splitlines()[1] == "[] 0"


def test_a_command_looks_for_no_garbage_while_it_starts_and_when_it_ends():
    done = python(
        "import gc, sys; sys.argv = ['penstock', '--help']; from penstock.cli import main; seen = [];"
        "gc.callbacks.append(lambda phase, _: seen.append(phase)); gc.collect(); main();"
        "print(seen, gc.get_freeze_count() > 0)"
    )
    assert done.stdout.splitlines()[-1] == "['start', 'stop'] True"


def test_a_command_and_the_scheduler_import_no_other_database_and_nothing_that_runs_tasks():
    done = python(
        "import sys, penstock.cli.runs, penstock.app.compose; read = set(sys.modules); import penstock.app.scheduler, sqlalchemy; sqlalchemy.create_engine('sqlite://');"
        "print(sorted({'sqlalchemy.dialects.postgresql', 'penstock.author.dag', 'penstock.execute.runner'} & set(sys.modules)));"
        "print(sorted({'penstock.engine.engine', 'penstock.scheduler', 'penstock.execute', 'penstock.plugins', 'penstock.tries'} & read))"
    )
    assert (done.stdout, done.stderr) == ("[]\n[]\n", "")


def test_help_and_the_process_that_supervises_all_others_import_no_database():
    done = python(
        "import sys; from penstock.cli.root import run; run(['--help']);"
        "import penstock.cli.start.project, penstock.app.up; print('sqlalchemy' in sys.modules)"
    )
    assert "connections" in done.stdout
    assert done.stdout.splitlines()[-1] == "False"


def test_a_worker_imports_no_database_as_one_starts_for_each_ticket():
    done = python(
        "import sys; from penstock.cli.root import run; run(['worker', '--ticket']);"
        "print(sorted({'sqlalchemy', 'alembic', 'penstock.store', 'asyncio', 'jinja2', 'rich'} & set(sys.modules)))"
    )
    assert "PENSTOCK_SERVER is not set" in done.stderr
    assert done.stdout == "[]\n"


@pytest.mark.parametrize("command", list(root._COMMANDS))
def test_every_command_explains_itself(shell, command):
    assert "Usage: penstock" in shell(command, "--help")


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["dags", "lst"], 2, "Did you mean 'list'"),
        (["nope"], 2, "No such command 'nope'"),
        (["dags", "list-runs", "-d", "x"], 2, "That is a command of Airflow's. Here it is: penstock runs list DAG"),
        (["scheduler"], 2, "That is a command of Airflow's. Here it is: penstock up"),
        (["dgas"], 2, "Did you mean 'dags'"),
        (
            ["dags", "test", "penstock.toml"],
            1,
            "penstock.toml:1: penstock.toml is no Python file. DAG files end in .py",
        ),
        (["runs", "list", "--limit", "x"], 2, "is not a valid integer"),
        (["dags", "show", "salse"], 3, "no DAG is named 'salse'. Did you mean 'sales'?"),
        (["runs", "show", "sales", "zzz"], 3, "no run of DAG 'sales' is named 'zzz'"),
        (["variables", "get", "zzz"], 3, "no variable is named 'zzz'"),
        (["connections", "delete", "zzz"], 3, "no connection is named 'zzz'"),
        (["pools", "delete", "default_pool"], 4, "it stays"),
        (["dags", "trigger", "sales", "--conf", "[1]"], 4, "--conf must be a JSON object"),
        (["dags", "trigger", "sales", "--conf", '{"y": 1}'], 3, "no param of DAG 'sales' is named 'y'"),
        (["dags", "trigger", "sales", "--date", "yesterday"], 4, "is no ISO 8601 date"),
        (["connections", "set", "c", "nonsense"], 4, "neither a URI nor JSON"),
        (["connections", "set", "c"], 2, "Give a URI or JSON"),
        (["variables", "set", "k"], 2, "Give exactly one of"),
        (["providers", "show", "nope"], 3, "plugin-manager install nope"),
        (["connections", "set", "c", "odd://h", "--extra", "broken"], 4, "write KEY=VALUE"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_goes_wrong_is_a_sentence_and_an_exit_code(project, arguments, code, said):
    project(*arguments, code=code)
    assert said in project.err
    assert project.out == ""


def test_ids_are_completed_from_what_is_stored(project):
    project("dags", "trigger", "sales", "--run-id", "r1")
    typed = {
        "": ("dags", "show"),
        "sales": ("runs", "show"),
        "a": ("tasks", "why", "sales"),
        "default_pool": ("pools", "set"),
    }
    offered = {
        name: [
            item.value
            for item in ShellComplete(root.root, {"obj": {}}, "penstock", "_X").get_completions(list(line), "")
        ]
        for name, line in typed.items()
    }
    assert offered == {"": ["sales"], "sales": ["sales"], "a": ["a", "b"], "default_pool": ["default_pool"]}


def test_errors_have_a_json_shape_too(project):
    project("dags", "show", "salse", "--json", code=3)
    told = json.loads(project.err)["error"]
    assert (told["kind"], told["exit_code"], told["near"]) == ("NotFoundError", 3, ["sales"])


def test_outside_of_a_project_nothing_is_made(shell):
    shell("dags", "list", code=5)
    assert "penstock init" in shell.err
    assert list(shell.folder.iterdir()) == []


def test_a_wrong_setting_is_said_with_its_line(project):
    Path("penstock.toml").write_text("[core]\ndag_folder = 'x'\n")
    project("dags", "list", code=5)
    assert "penstock.toml:2: unknown key 'dag_folder' in [core]. Did you mean 'dags_folder'?" in project.err


def test_a_corrupt_database_is_a_sentence(project):
    Path(".penstock/penstock.db").write_bytes(b"nonsense" * 1000)
    project("dags", "list", code=5)
    assert "no SQLite database, or a damaged one" in project.err


def test_a_bug_is_told_as_one_and_its_place_only_on_request(project):
    project.environ = {"PENSTOCK_CONN_X": None}  # no environment has this
    project("dags", "list", code=70)
    assert "a bug in Penstock: AttributeError" in project.err
    assert "issue tracker" in project.err
    code = root.run(["dags", "list"], {**project.environ, "PENSTOCK_TRACEBACK": "1"})
    assert code == 70
    assert "Traceback" in project.capfd.readouterr().err


def test_init_keeps_what_is_there(shell):
    shell("init")
    Path("penstock.toml").write_text("[core]\ndags_folder = 'mine'\n")
    told = shell.json("init")
    assert told["dags_folder"] == str(shell.folder / "mine")
    assert Path("penstock.toml").read_text() == "[core]\ndags_folder = 'mine'\n"
    assert (Path(".penstock/secret.key").stat().st_mode & 0o777) == 0o600


def test_dags_are_listed_shown_paused_and_triggered(project):
    (dag,) = project.json("dags", "list")
    assert (dag["dag_id"], dag["paused"], dag["tasks"]) == ("sales", False, 2)
    assert "sales" in project("dags", "list")
    assert "1 DAG file cannot be imported" in project.err
    assert project.json("dags", "errors", code=1) == [
        {"file": "bad.py", "problems": ["bad.py:1: a cycle"], "notes": ["bad.py:2: naive"]}
    ]
    told = project("dags", "errors", code=1)
    assert "  bad.py:1: a cycle\n  note: bad.py:2: naive\n" in told
    assert "b  " in project("dags", "show", "sales")
    assert project.json("dags", "pause", "sales") == [{"dag_id": "sales", "paused": True, "changed": True}]
    done = project.json("dags", "trigger", "sales", "--run-id", "r1", "--date", "2026-01-01")
    assert (done["created"], done["run"]["logical_date"]) == (True, "2026-01-01T00:00:00Z")
    assert "no scheduler is running" in project.err
    assert "the DAG is paused" in project.err
    assert "exists already" in project("dags", "trigger", "sales", "--run-id", "r1")
    assert "is unpaused" in project("dags", "unpause", "sales")
    assert project.json("dags", "next", "sales") == []
    (version,) = project.json("dags", "versions", "sales")["items"]
    assert (version["version"][:12] in project("dags", "versions", "sales"), version["present"]) == (True, True)
    project("dags", "diff", "sales", code=4)
    assert "has only one version" in project.err


@pytest.mark.parametrize(("state", "code"), [(RunState.SUCCESS, 0), (RunState.FAILED, 1), (RunState.CANCELLED, 1)])
def test_who_waits_for_a_run_learns_how_it_ended(project, state, code):
    project("dags", "trigger", "sales", "--run-id", "r1", "--timeout", "0.05", code=1)
    assert "run r1 of sales has not ended in 0.05 s; it goes on" in project.err
    assert "run r1 of sales is queued" in project("dags", "trigger", "sales", "--run-id", "r1", "--wait", code=1)
    settings = load_settings({}, project.folder)
    with Store.open(settings.database_url, Keyring.of_file(settings.key_file)) as store:
        run = store.runs.find("sales", "r1")
        store.apply(Changes(runs=[replace(run, state=state, reason="why")]), SystemClock().now())
    told = project("dags", "trigger", "sales", "--run-id", "r1", "--timeout", "5", code=code)
    assert told.splitlines()[-1] == f"run r1 of sales is {state.value}: why"
    assert (
        project.json("dags", "trigger", "sales", "--run-id", "r1", "--timeout", "5", code=code)["run"]["state"] == state
    )


def test_what_was_asked_for_is_shown_and_history_is_deleted(project):
    project("dags", "trigger", "sales", "--run-id", "r1", "--reason", "the first")
    assert [entry["why"] for entry in project.json("audit", "sales", "--run", "r1")["items"]] == ["the first"]
    assert "the first" in project("audit", "--action", "trigger", "--since", "2026-01-01")
    assert "nobody has asked for anything" in project("audit", "--by", "mallory", "--until", "2126-01-01")
    assert "nobody has asked for anything" in project("audit", "--run", "r2")
    dates = ("--from", "2026-01-01", "--until", "2126-01-01")
    assert project("runs", "clear", "sales", *dates) == "nothing of these runs is to be cleared\n"
    assert project("tasks", "clear", "sales", "a", "--upstream", *dates) == "nothing of these runs is to be cleared\n"
    for given in ((), ("r1", *dates), dates[:2]):
        project("runs", "clear", "sales", *given, code=2)
    project("runs", "delete", "sales", "r1", code=4)
    assert "is queued. Cancel it first" in project.err
    project("runs", "delete", "sales", code=2)
    assert (
        project("runs", "delete", "sales", "--ended-before", "2026-01-01", "--dry-run")
        == "0 runs of sales would be deleted\n"
    )
    assert project("db", "prune", "--runs-days", "1") == "0 runs deleted\n"
    project("db", "prune", code=4)


def test_runs_and_tasks_are_listed_and_asked_for(project):
    project("dags", "trigger", "sales", "--run-id", "r1", "--conf", '{"x": 2}')
    page = project.json("runs", "list", "sales")
    assert ([run["run_id"] for run in page["items"]], page["next"]) == (["r1"], "")
    assert project.json("runs", "show", "sales")["run"]["conf"] == {"x": 2}
    assert "r1" in project("runs", "list", "--state", "queued")
    assert "no run found" in project("runs", "list", "--state", "failed")
    assert project.json("tasks", "list", "sales")["tasks"] == []
    assert project.json("tasks", "list", "sales", "--run", "r1") == project.json("tasks", "list", "sales", "r1")
    project("tasks", "list", "sales", "r1", "--run", "r2", code=2)
    assert "Two runs are named: 'r1' and --run 'r2'" in project.err
    assert "has not started: the scheduler has not taken it up" in project("tasks", "why", "sales", "a")
    assert project.json("runs", "cancel", "sales", "r1")["requested"]
    assert not project.json("runs", "clear", "sales", "r1")["requested"], "it has not begun"
    assert "nothing of run r1 of sales is to be cleared" in project("tasks", "clear", "sales", "b")
    project("tasks", "mark", "sales", "a", "nonsense", code=2)
    project("runs", "mark", "sales", "r1", "success", "--dry-run", code=4)
    project("tasks", "mark", "sales", "a", "success", code=4)


def test_connections_are_set_shown_without_secrets_and_deleted(project, monkeypatch):
    project("connections", "set", "c", "aws://key:hunter2@/?region_name=eu&session_token=hunter3")
    shown = (
        project("connections", "show", "c") + project("connections", "list") + project("connections", "list", "--json")
    )
    assert "hunter" not in shown
    assert "region_name = eu" in shown
    project("connections", "set", "d", "--type", "odd", "--port", "5", "--extra", "n=[1]")
    found = project.json("connections", "show", "d")
    assert (found["conn_type"], found["port"], found["extra"]) == ("odd", 5, {"n": [1]})
    project("connections", "test", "d", code=1)
    project("connections", "set", "mail", "smtp://h")
    project("connections", "test", "mail", code=4)
    assert "the core itself reads smtp connections" in project.err
    project.environ = {"PENSTOCK_CONN_C": "http://elsewhere"}
    assert project.json("connections", "show", "c")["conn_type"] == "http"
    assert project.json("connections", "delete", "c") == {"deleted": "c"}


def test_secrets_are_read_from_stdin(project):
    done = subprocess.run(
        [sys.executable, "-m", "penstock", "connections", "set", "c", "--type", "odd", "--password-stdin"],
        input="from-stdin\n", text=True, capture_output=True, check=False, timeout=60,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    settings = load_settings({}, project.folder)
    with Store.open(settings.database_url, Keyring.of_file(settings.key_file)) as store:
        assert store.config.connection("c").password == "from-stdin"


def test_variables_and_pools(project):
    project("variables", "set", "k", "v" * 100)
    assert "..." in project("variables", "list")
    assert project("variables", "get", "k").strip() == "v" * 100
    Path("value").write_text("from a file")
    project("variables", "set", "k", "--file", "value")
    assert project.json("variables", "get", "k") == {"key": "k", "value": "from a file"}
    assert project.json("variables", "delete", "k") == {"deleted": "k"}
    project("pools", "set", "p", "3")
    assert project.json("pools", "list")[1]["slots"] == 3
    project("pools", "delete", "p")


def test_the_database_is_checked_and_upgraded(project):
    assert project.json("db", "check")["problems"] == []
    assert project.json("db", "upgrade")["changed"] is False
    assert project.json("db", "rotate-keys") == {"encrypted": 0}


def test_the_database_is_copied_and_the_copy_worked_on(project):
    project("dags", "trigger", "sales", "--run-id", "r1")
    out = project("db", "copy", "--to", "sqlite:///other.db")
    assert re.search(r"copied \d+ rows of \d+ tables from .*/penstock.db to .*/other.db, and compared them", out)
    assert "copying dag: 1 of 1 row\n" in project.err
    project.environ = {"PENSTOCK_DATABASE__URL": "sqlite:///other.db"}
    assert "sales" in project("dags", "list")
    assert project.json("audit")["items"][0]["subject"] == "database copied"
    found = project.json("db", "copy", "--to", "sqlite:///third.db")
    assert (found["to"], found["rows"]) == (
        str(project.folder / "third.db"),
        sum(each["rows"] for each in found["tables"]),
    )
    assert project.err == ""
    project("db", "copy", "--to", "sqlite:///third.db", "--json", code=5)
    assert "holds rows already: audit" in json.loads(project.err)["error"]["message"]


def test_what_a_lost_key_sealed_is_named_and_then_deleted(project):
    project("variables", "set", "region", "north")
    project("connections", "set", "web", "http://h/")
    Path(".penstock/secret.key").unlink()
    project("variables", "set", "region", "south", code=5)
    assert "penstock db forget-secrets" in project.err
    project("connections", "list", code=5)
    assert project.out == "no connection is known, while a source fails\n"
    project("db", "forget-secrets")
    assert "would be deleted: Variable region" in project.out
    assert project.json("db", "forget-secrets", "--yes")["variables"] == ["region"]
    project("db", "forget-secrets")
    assert "every secret can be read" in project.out
    project("variables", "set", "region", "south")


def test_the_settings_are_shown_without_the_password(project):
    project.environ = {"PENSTOCK_DATABASE__URL": "postgresql://me:geheim@h/db", "PENSTOCK_CONN_X": "http://h"}
    facts = project.json("config", "show")
    assert "geheim" not in json.dumps(facts) + project("config", "show")
    assert facts["connections"] == ["x"]


def test_doctor_finds_what_is_wrong(project):
    found = {finding["subject"]: finding["severity"] for finding in project.json("doctor", code=1)}
    assert (found["database"], found["scheduler"], found["DAG files"]) == ("ok", "note", "bad")
    Path(".penstock/secret.key").chmod(0o644)
    project("doctor", code=1)
    assert "chmod 600" in project.out


def test_doctor_names_a_pool_that_is_closed(project):
    project("pools", "set", "default_pool", "0")
    project("doctor", code=1)
    assert "pool default_pool: it is closed, with 0 slots; nothing waits for it now" in project.out


def test_an_interrupt_is_130_and_says_no_more(project):
    process = subprocess.Popen(
        [sys.executable, "-m", "penstock", "connections", "set", "c", "--stdin"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, "PYTHONUNBUFFERED": "1"},
        # A shell starts what runs in its background with SIGINT ignored, and children inherit that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509 - this process has one thread
    )  # fmt: skip
    process.stdin.write("x" * 100_000)  # more than a pipe holds: when it is through, the command reads
    process.stdin.flush()
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in err


def test_a_reader_that_has_enough_is_no_error(project):
    done = subprocess.run(
        f"{sys.executable} -m penstock config show | head -1",
        shell=True,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.stderr == ""


def test_a_reader_that_has_gone_is_141(project):
    process = subprocess.Popen(
        [sys.executable, "-m", "penstock", "config", "show"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    process.stdout.close()
    assert (process.wait(timeout=60), process.stderr.read()) == (141, "")
    process.stderr.close()


DAG_FILE = """
from penstock import DAG, task
from penstock.author.runtime import current

with DAG("one"):

    @task(retries=0)
    def add(a: int) -> int:
        return a + 1

    @task(retries=0)
    def last(a: int) -> None:
        world = current.get()
        world.set_variable("seen", "x")
        print("last", a, world.connection("c").host, world.variable("v"), world.variable("seen"))
        if world.variable("v") == "fail":
            raise ValueError("as asked")

    last(add(1))

with DAG("two"):
    pass
"""


def test_a_dag_file_runs_without_a_database(shell):
    Path("file.py").write_text(DAG_FILE)
    shell.environ = {"PENSTOCK_CONN_C": "http://host-of-c", "PENSTOCK_VAR_V": "value"}
    told = shell("dags", "test", "file.py", "one")
    assert "last 2 host-of-c value x" in told
    assert "the run of DAG one is success" in told
    assert not (shell.folder / ".penstock").exists()
    ended = json.loads(shell("dags", "test", "file.py", "one", "--json").splitlines()[-1])
    assert (ended["run"]["state"], [task["state"] for task in ended["tasks"]]) == ("success", ["success", "success"])


def test_a_dag_that_is_tried_out_prints_no_secret_of_its_connections(shell):
    Path("file.py").write_text("""
import logging, sys
from penstock import DAG, Connection, task

with DAG("one"):

    @task(retries=0)
    def leak() -> None:
        password = Connection.get("c").password
        print("printed", password, len(password))
        logging.getLogger("own").warning("logged %s", password)
        raise ValueError(f"raised {password}")

    leak()
""")
    found = root.run(["dags", "test", "file.py"], {"PENSTOCK_CONN_C": "http://me:kept-from-all@host"})
    out, err = shell.capfd.readouterr()
    assert (found, "printed *** 13" in out, "raised ***" in err) == (1, True, True)
    assert "kept-from-all" not in out + err


def test_what_a_dag_that_is_tried_out_logs_is_printed_from_info_on(shell):
    Path("file.py").write_text("""
import logging
from penstock import DAG, task

with DAG("one"):

    @task
    def tell() -> None:
        logging.getLogger("own").info("three %s", "rows")
        logging.getLogger("own").debug("too much")

    tell()
""")
    told = shell("dags", "test", "file.py")
    assert "INFO own: three rows" in told
    assert "too much" not in told + shell.err


def test_a_dag_that_is_tried_out_says_once_what_it_waits_for(shell):
    Path("file.py").write_text("""
from penstock import DAG, PythonSensor, task

answers = iter([False, False, True])
with DAG("one"):
    PythonSensor(task_id="look", python_callable=lambda: next(answers), poke_interval=0.01)

    @task(retries=1, retry_delay=0.01)
    def again(ti) -> None:
        if ti.try_number == 1:
            raise ValueError("not yet")

    again()
""")
    assert root.run(["dags", "test", "file.py"], shell.environ) == 0
    _, err = shell.capfd.readouterr()
    assert (err.count("look: waits for its condition"), err.count("again: is tried again at 20")) == (1, 1)


@pytest.mark.parametrize(
    ("text", "more", "code", "said"),
    [
        (DAG_FILE, ["one"], 1, "as asked"),
        (DAG_FILE, [], 4, "defines 2 DAGs: one, two"),
        (DAG_FILE, ["oen"], 3, "Did you mean 'one'"),
        (DAG_FILE, ["zzz"], 3, "It has: one, two."),
        ("from penstock import dag\n@dag\ndef one(): pass", [], 4, "call the function below @dag"),
        ("1 / 0", [], 1, "file.py:1: ZeroDivisionError"),
        ("def (", [], 1, "file.py:1"),
        ("raise SystemExit(3)", [], 1, "file.py:1"),
    ],
    ids=["task fails", "which", "misspelt", "unknown", "none", "raises", "syntax", "exits"],
)
def test_a_dag_file_that_does_not_work_is_told_with_its_line(shell, text, more, code, said):
    Path("file.py").write_text(text)
    shell.environ = {"PENSTOCK_CONN_C": "http://host-of-c", "PENSTOCK_VAR_V": "fail"}
    found = root.run(["dags", "test", "file.py", *more], shell.environ)
    _, err = shell.capfd.readouterr()
    assert (found, said in err) == (code, True), err


def test_an_export_goes_to_standard_output_or_into_a_file_as_a_whole(project):
    project("dags", "trigger", "sales", "--run-id", "r1", "--reason", "the first")
    [run] = map(json.loads, project("export", "runs").splitlines())
    assert (run["dag_id"], run["run_id"], run["state"], run["ended_at"]) == ("sales", "r1", "queued", None)
    file, link = project.folder / "audit.csv", project.folder / "newest.csv"
    file.write_text("the old one")
    link.symlink_to(file.name)
    assert project("export", "audit", "--dag", "sales", "--format", "csv", "--output", "newest.csv") == ""
    assert f"wrote {file.stat().st_size:,} bytes to newest.csv" in project.err
    assert file.read_text().splitlines()[1].split(",")[2:8] == ["trigger", "sales", "r1", "", person(), "the first"]
    assert (link.is_symlink(), file.stat().st_mode & 0o777) == (True, 0o600)


@pytest.mark.parametrize(
    ("output", "code", "sentence"),
    [
        ("none/rows", 5, "none/rows cannot be written: No such file"),
        ("/dev/null", 5, "is no regular file"),
        (".", 2, "is a directory"),
    ],
)
def test_an_export_that_cannot_be_written_is_refused_and_leaves_nothing(project, output, code, sentence):
    before = sorted(project.folder.rglob("*"))
    project("export", "runs", "--output", output, code=code)
    assert sentence in project.err
    assert sorted(project.folder.rglob("*")) == before
