"""Every command with every option, as click declares them: each combination ends in a documented way, whatever is stored.

Read from the tree of commands, so that a new command or option is in it without a word here; one that needs values of a kind
that this file does not know fails until it is given some.
"""

import contextlib
import getpass
import io
import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import click
import msgspec
import pytest
from msgspec.structs import replace

from penstock.app import compose
from penstock.cli import root
from penstock.clock import SystemClock
from penstock.errors import ExitCode
from penstock.model.assets.asset_condition import AssetCondition, AssetSpec
from penstock.model.assets.event import NewAssetEvent
from penstock.model.changes import Changes
from penstock.model.connection import Connection
from penstock.model.dag import DagSpec, ParamSpec, TaskSpec
from penstock.model.run import Rendered, TaskInstance, Try, XCom
from penstock.model.schedule import Schedule, ScheduleKind
from penstock.model.source import ParsedFile
from penstock.model.state import Outcome, RunState, TaskState
from penstock.service import dags
from penstock.settings import load_settings
from penstock.store import LoaderCatalog, Pool
from penstock.tries.paths import log_path
from penstock_testkit.nightly import NIGHTLY

HOSTILE = "\x1b]0;OWNED\x07\x1b[2J\x9b31m\u202egnp.exe\ud800\r\ttext"
"""An OSC, a CSI in both forms, a mark that reverses the writing, a lone surrogate, a carriage return, a tab."""

STORED = HOSTILE.replace("\ud800", "")
"""What a database keeps of it as it is."""

CANARY = "canary-4711"
SECRETIVE = f"""
[executors.far]
type = "acme.executor"
broker = "redis://ann:{CANARY}@127.0.0.1:1/0;redis://:{CANARY}@127.0.0.1:2/0?password={CANARY}"
backend = {{ urls = ["https://ann:{CANARY}@h/"] }}

[services.hook]
type = "acme.service"
url = "https://ann:{CANARY}@h/?sig=1&api_key={CANARY}"

[metrics.graphs]
type = "acme.sink"
url = "https://ann:{CANARY}@h/"
"""
"""Settings with secrets in URLs, which no command shows; nothing of what they name is installed."""

DOCUMENTED = {code.value for code in ExitCode} - {ExitCode.BUG}

VALUES = {
    "dag_id": "sales", "dag_ids": "sales", "run_id": "r1", "named_run": "r1", "task_id": "a", "task_ids": "a", "state": "failed",
    "conn_id": "db", "text": "http://u:p@h/", "key": "k", "value": "v", "name": "narrow", "slots": "3", "provider_id": "none",
    "search": "sal", "tag": "daily", "conf": '{"x": 1}', "logical_date": "2026-01-01", "count": "2", "limit": "5", "before": "9",
    "index": "0", "dispatch": "1", "code": "same", "description": HOSTILE, "conn_type": "odd", "host": "h", "port": "5",
    "login": "l", "schema": "s", "extra": "k=v", "folder": "fresh", "number": "1", "after": "WyJydW5zIiwiIiwzXQ", "rate": "10/min",
    "timeout": "0.1", "why": HOSTILE, "max_active_runs": "2", "plan": "0123456789ab", "owner": "ada",
    "ended_before": "2026-01-01", "since": "2026-01-01", "asset": "s3://lake", "carried": '{"x": 1}',
    "until": "2026-01-02", "runs_days": "30", "logs_days": "30", "audit_days": "30",
    "output": "rows.jsonl", "of_dag": "sales", "of_task": "a", "drain_s": "0.1", "tries_per_worker": "2", "offset": "3", "lines": "1",
    "words": "text", "person": "ann", "executor": "far", "queues": "heavy", "concurrency": "2", "idle_exit_s": "1", "lost_s": "1",
    "to_url": "sqlite:///copied.db",
}  # fmt: skip
"""A value of each argument and option by its name."""

LEFT_OUT = {
    ("up",): "runs until it is stopped; `core/tests/app` runs it",
    ("drain",): "tells processes to end; `docs/how-to/drain.md` runs it, and `core/tests/service/test_drain.py`",
    ("alerts", "test"): "sends to a service; `core/tests/app/test_alerts.py` has one",
    ("connections", "test"): "reaches a service; no hook is installed here, and `test_with_provider.py` has one",
}


def leaves(command, path=()):
    """Every command that does something, with its path."""
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            yield from leaves(command.get_command(context, name), (*path, name))
    else:
        yield path, command


COMMANDS = {" ".join(path): (path, command) for path, command in leaves(root.root) if path not in LEFT_OUT}


def words(command):
    """The command line's arguments, and each option with its value, as words."""
    arguments, options = [], []
    for each in command.params:
        if isinstance(each, click.Argument):
            if each.required or each.name in ("run_id", "folder"):
                arguments.append(_file(each) or VALUES[each.name])
        elif each.name == "as_json":
            continue
        elif each.is_flag:
            options += [[flag] for flag in (each.opts[0], *each.secondary_opts)]
        else:
            options.append([each.opts[0], _file(each) or VALUES[each.name]])
    return arguments, options


def _file(parameter):
    if isinstance(parameter.type, click.Path) and parameter.type.exists:
        return "one.py"
    return parameter.type.choices[0] if isinstance(parameter.type, click.Choice) else ""


def lines(command, *, pairs):
    """Command lines: without options and each option alone, every other one with JSON, too, at night all; if asked for, each pair."""
    arguments, options = words(command)
    has_json = any(each.name == "as_json" for each in command.params)
    for number, each in enumerate([[], *options]):
        yield [*arguments, *each]
        if has_json and (NIGHTLY or number % 2 == 0):
            yield [*arguments, *each, "--json"]
    both = ([*a, *b] for n, a in enumerate(options) for b in options[:n] if a[0] != b[0])
    for number, each in enumerate(both if pairs else ()):
        yield [*arguments, *each, *(["--json"] if has_json and number % 2 else [])]


@pytest.fixture
def prepared(template, tmp_path):
    """A project of one's own."""
    return shutil.copytree(template, tmp_path / "project")


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    """A project whose every text is hostile, beside names that are plain."""
    folder = tmp_path_factory.mktemp("matrix")
    (folder / "one.py").write_text("from penstock import DAG\nwith DAG('one'):\n    pass\n")
    assert _run(folder, ["init", "--no-example"])[0] == 0
    with (folder / "penstock.toml").open("a") as file:
        file.write(SECRETIVE)
    with compose.installation(load_settings({}, folder)) as found:
        _fill(found)
    return folder


def _fill(found):
    store, now = found.store, SystemClock().now()
    catalog = LoaderCatalog(store, store.config.variable_values, lambda: now)
    tasks = (TaskSpec("a", pool="narrow", doc=STORED, outlets=("s3://lake",)), TaskSpec("b", upstream=("a",)))
    dates = Schedule(ScheduleKind.DATES, dates=(datetime(2026, 1, 1, tzinfo=UTC),), assets=AssetCondition("s3://lake"))
    params, assets = (
        {"x": ParamSpec(STORED, STORED)},
        {"s3://lake": AssetSpec("s3://lake", STORED, STORED, {"k": STORED})},
    )
    dag = DagSpec("sales", "sales.py", tasks, schedule=dates, params=params, tags=(STORED,), doc=STORED, assets=assets)
    catalog.save(ParsedFile("sales.py", "s", {}, {}, None, now, 0.1, (dag,)))
    catalog.save(ParsedFile("bad\x1b[2J.py", "s", {}, {}, None, now, 0.1, (), (STORED,)))
    catalog.close()
    run = dags.trigger(found, "sales", run_id="r1", conf={"x": STORED}).run
    rows = [
        TaskInstance(run.run, "a", -1, TaskState.FAILED, 1, 1, HOSTILE, now, now, now),
        TaskInstance(run.run, "b", -1, TaskState.UPSTREAM_FAILED, reason=HOSTILE),
    ]
    tries = [Try(run.run, "a", -1, 1, 1, STORED, now, now, now, Outcome.FAILED, HOSTILE + "\n" + HOSTILE)]
    ended = replace(run, state=RunState.FAILED, reason=HOSTILE, started_at=now, ended_at=now)
    shown = Rendered(run.run, "a", -1, 1, {STORED: STORED + "\n" + STORED})
    left = [XCom(run.run, "a", -1, key, msgspec.json.encode(STORED)) for key in ("k", STORED)]
    store.apply(Changes(runs=[ended], tasks=rows, tries=tries, xcoms=left, rendered=[shown]), now)
    store.apply(Changes(asset_events=[NewAssetEvent("s3://lake", {"k": STORED}, STORED, "sales", "r1", 1, "a")]), now)
    store.config.put_connection(
        Connection("db", "odd", host=STORED, description=STORED, extra={"k\x1b[2J": STORED}), now
    )
    store.config.put_variable("k", STORED, now, STORED)
    store.config.put_pool(Pool("narrow", 1, STORED), now)
    log = log_path(found.settings.logs_folder, "sales", "r1", rows[0].key, 1)
    log.parent.mkdir(parents=True)
    log.write_bytes(HOSTILE.encode(errors="surrogatepass") + b"\x1b[31mred\x1b[0m\n")


class Console(io.TextIOWrapper):
    """A stream that is a terminal, or is none."""

    def __init__(self, *, terminal, encoding):
        super().__init__(io.BytesIO(), encoding=encoding, errors="strict", write_through=True)
        self.terminal = terminal

    def isatty(self):
        return self.terminal

    @property
    def text(self):
        return self.buffer.getvalue().decode(self.encoding, "surrogateescape")


def _run(folder, line, *, terminal=False, encoding="utf-8", columns="80", stdin=b""):
    """Exit code, standard output and standard error of a command in this process."""
    kept = sys.stdin, sys.stdout, sys.stderr, Path.cwd(), os.environ.get("COLUMNS")
    sys.stdin = io.TextIOWrapper(io.BytesIO(stdin))
    out = sys.stdout = Console(terminal=terminal, encoding=encoding)
    err = sys.stderr = Console(terminal=terminal, encoding=encoding)
    os.chdir(folder)
    os.environ["COLUMNS"] = columns
    try:
        code = root.run(line, {})
    finally:
        sys.stdin, sys.stdout, sys.stderr = kept[:3]
        os.chdir(kept[3])
        os.environ.pop("COLUMNS") if kept[4] is None else os.environ.update(COLUMNS=kept[4])
    return code, out.text, err.text


STYLE = re.compile(r"\x1b\[[0-9;]*m")


def steering(text):
    """What of a text a terminal would obey, or show otherwise than it is; our own colours excepted."""
    return [c for c in STYLE.sub("", text) if not c.isprintable() and c not in "\n\t"]


SURROUNDINGS = {
    "a terminal of 40 columns": {"terminal": True, "columns": "40"},
    "no terminal, ASCII alone": {"encoding": "ascii"},
}


@pytest.mark.parametrize("place", SURROUNDINGS)
@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_with_every_option_ends_as_documented(prepared, name, place):
    path, command = COMMANDS[name]
    surroundings = SURROUNDINGS[place]
    given_lines = list(lines(command, pairs=NIGHTLY and "terminal" in surroundings))
    for line in given_lines if NIGHTLY or "terminal" in surroundings else given_lines[:2]:
        given = [*path, *line]
        code, out, err = _run(prepared, given, stdin=b"from stdin", **surroundings)
        assert code in DOCUMENTED, f"{given}: {code}\n{out}{err}"
        assert "Traceback" not in err, given
        assert CANARY not in out + err, given
        if surroundings.get("terminal") or not name.startswith(("tasks logs", "variables get", "export")):
            assert steering(out) == [], f"{given}: {out!r}"
        assert steering(err) == [], f"{given}: {err!r}"
        if "--json" in line and out:
            json.loads(out), f"{given}: one JSON document"
            assert out.count("\n") == 1
        if code not in (0, 1):
            assert (out, err != "") == ("", True), f"{given}: {out!r} {err!r}"


def test_each_command_left_out_of_the_matrix_is_there():
    assert {path for path, _ in leaves(root.root)} >= set(LEFT_OUT)


def _rows(folder):
    """What the database holds, by table."""
    with contextlib.closing(sqlite3.connect(folder / ".penstock" / "penstock.db")) as connection:
        found = connection.execute("select name from sqlite_master where type = 'table'").fetchall()
        return {name: connection.execute(f'select * from "{name}" order by 1').fetchall() for (name,) in found}


def test_each_change_that_a_command_makes_is_in_the_audit_with_who_made_it(prepared):
    before, changing = _rows(prepared), set()
    for name, (path, command) in COMMANDS.items():
        more_words = [["--yes"]] if any("--yes" in each.opts for each in command.params) else []
        more_words += [[VALUES[each.name]] for each in command.params if each.name in ("value", "carried")]
        for more in [[], *more_words]:
            _run(prepared, [*path, *words(command)[0], *more])
            after = _rows(prepared)
            told = after["audit"][len(before["audit"]) :]
            if any(rows != before[table] for table, rows in after.items() if table != "audit"):
                changing.add(name)
                assert told, f"{name} {more} has changed something"
            assert all(getpass.getuser() in row for row in told), f"{name}: {told}"
            before = after
    assert changing >= {"connections delete", "dags pause", "dags trigger", "pools set", "variables set"}


IGNORES = {
    "tasks logs --follow --path": "goes with no --path",
    "tasks logs --follow --json": "goes with no --json",
    "connections set db http://h --stdin": "Give one of",
    "variables set k v --stdin": "Give exactly one of",
    "tasks clear sales a[0] --index 1": "Two instances are named",
    "tasks clear sales a --run r --from 2026-01-01 --until 2026-01-02": "Name a run, or give",
    "tasks clear sales a[0] --from 2026-01-01 --until 2026-01-02": "is cleared in one run",
    "runs list --state nonsense": "is not one of",
    "runs cancel sales ''": "it is empty",
    "dags trigger sales --run-id ''": "it is empty",
    "runs clear sales ''": "it is empty",
}


@pytest.mark.parametrize(("line", "sentence"), IGNORES.items(), ids=IGNORES)
def test_what_cannot_be_honoured_is_refused(prepared, line, sentence):
    given = ["" if word == "''" else word for word in line.split()]
    if given[:2] == ["tasks", "logs"]:
        given[2:2] = ["sales", "a"]
    code, out, err = _run(prepared, given)
    assert (code, out) == (2, "")
    assert sentence in err


def test_options_of_logs_hold_with_each_other(prepared):
    assert _run(prepared, ["tasks", "logs", "sales", "a", "--path", "--json"])[1].endswith('/a/1.log"]\n')
    assert json.loads(_run(prepared, ["tasks", "logs", "sales", "a", "--dispatch", "1", "--json"])[1])[0]["epoch"] == 1
    assert _run(prepared, ["tasks", "logs", "sales", "a", "--dispatch", "7", "--json"])[0] == 3
    (path,) = json.loads(_run(prepared, ["tasks", "logs", "sales", "a", "--path", "--json"])[1])
    kept = Path(path).rename(f"{path}.kept")
    assert _run(prepared, ["tasks", "logs", "sales", "a"]) == (
        0,
        "",
        "a, dispatch 1, has printed nothing, or its log was deleted.\n",
    )
    kept.rename(path)
    code, out, _ = _run(prepared, ["tasks", "logs", "sales", "a", "-f", "--dispatch", "1"], terminal=True)
    assert (code, "\x1b[31mred\x1b[0m" in out, "\x07" in out) == (1, True, False), "colours stay, all else is shown"


def test_ids_are_never_cut_and_free_text_is(prepared):
    long = "scheduled__2026-10-05T00:00:00+00:00"
    assert _run(prepared, ["dags", "trigger", "sales", "--run-id", long])[0] == 0
    for columns in ("20", "40", "80", "200"):
        out = _run(prepared, ["runs", "list"], terminal=True, columns=columns)[1]
        assert long in STYLE.sub("", out)
        assert all(len(line) <= 200 for line in STYLE.sub("", out).splitlines())
    assert all(len(line) < 400 for line in _run(prepared, ["tasks", "list", "sales", "r1"])[1].splitlines())


EDGES = {
    "closed stdout": ("penstock pools set fresh 1 >&-", 5, "standard output is closed"),
    "full": ("penstock dags list >/dev/full", 5, "standard output cannot be written: No space left on device"),
    "full, the version": (
        "penstock --version >/dev/full",
        5,
        "standard output cannot be written: No space left on device",
    ),
    "full, help": ("penstock dags --help >/dev/full", 5, "standard output cannot be written: No space left on device"),
    "closed, the version": ("penstock --version >&-", 5, "standard output is closed"),
    "full, a log": ("penstock tasks logs sales a >/dev/full", 5, "No space left on device"),
    "both full": ("penstock dags show nope >/dev/full 2>/dev/full", 5, ""),
    "closed stdin": ("penstock variables set x --stdin <&-", 4, "standard input is closed"),
    "closed stderr": ("penstock dags show nope 2>&-", 3, ""),
    "an ASCII locale": ("LC_ALL=C PYTHONUTF8=0 PYTHONCOERCECLOCALE=0 penstock tasks why sales a --json", 0, ""),
}


def test_streams_at_the_edge_end_in_a_sentence(prepared):
    env = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    env.pop(
        "PYTHONUNBUFFERED", None
    )  # what a stream has kept is written at the interpreter's end, where nobody catches anything
    started = {
        name: subprocess.Popen(
            ["bash", "-c", line], cwd=prepared, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=env
        )
        for name, (line, _, _) in EDGES.items()
    }
    for name, process in started.items():
        _, code, sentence = EDGES[name]
        out, err = (stream.decode(errors="replace") for stream in process.communicate())
        assert (process.returncode, sentence in err) == (code, True), f"{name}: {process.returncode} {err}"
        assert not re.search("bug|Traceback|Exception ignored", err), f"{name}: {err}"
        if name == "an ASCII locale":
            assert json.loads(out)[0]["task"]["task_id"] == "a"
    assert "fresh" not in _run(prepared, ["pools", "list"])[1], "where nothing can be said, nothing is done"


ARGUMENTS = {
    "a name that is no UTF-8": (["dags", "show", "caf\udce9"], 2, "is no UTF-8 text"),
    "the end of time": (["dags", "trigger", "sales", "--date", "9999-12-31T23:00:00-05:00"], 4, "is no ISO 8601 date"),
    "a deep conf": (
        ["dags", "trigger", "sales", "--conf", '{"x":' + "[" * 5000 + "]" * 5000 + "}"],
        4,
        "conf has more than 100 levels",
    ),
    "beyond the bound": (
        ["dags", "trigger", "sales", "--conf", '{"x":' + "[" * 200 + "]" * 200 + "}"],
        4,
        "100 levels",
    ),
    "an empty conf": (["dags", "trigger", "sales", "--conf", ""], 4, "must be a JSON object"),
    "one of two DAGs": (["dags", "pause", "sales", "nope"], 3, "no DAG is named 'nope'"),
}


@pytest.mark.parametrize(("given", "code", "sentence"), ARGUMENTS.values(), ids=ARGUMENTS)
def test_arguments_at_the_edge_end_in_a_sentence(prepared, given, code, sentence):
    found, out, err = _run(prepared, given)
    assert (found, out, sentence in err) == (code, "", True), err
