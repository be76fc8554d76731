"""Real children that import real files, the good and the worst of them."""

import signal
import time
from datetime import UTC, datetime

import msgspec
import pytest

from penstock.load.parse.messages import MessageKind, ParseConfig, ParseJob
from penstock.load.parse.parser import Parser
from penstock_manifest.format import Capability, Parameter
from penstock_testkit.processes import has_ended, wait_until

NOW = datetime(2026, 3, 1, tzinfo=UTC)
BAD = [
    pytest.param("import os\nos._exit(3)", "ended the process with exit code 3 before it was done, as os._exit()", id="exit"),
    pytest.param("import sys\nsys.exit(2)", "f.py:4: the file calls sys.exit(2)", id="sys.exit"),
    pytest.param("import ctypes\nctypes.string_at(0)", "f.py:4: its import was killed by SIGSEGV", id="segfault"),
    pytest.param("import os\nos.abort()", "f.py:4: its import was killed by SIGABRT", id="abort"),
    pytest.param("import os\nos.kill(os.getpid(), 9)", "was killed with SIGKILL", id="killed"),
    pytest.param("import time\ntime.sleep(60)", "f.py:4: its import took longer than 1 s and was ended", id="hang"),
    pytest.param("def f():\n    while True: pass\nf()", "f.py:4: its import took longer than 1 s", id="endless loop"),
    pytest.param(
        "import signal, time\nsignal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))\ntime.sleep(60)",
        "its import took longer than 1 s",
        id="hang that hears no signal",
    ),
    pytest.param(
        "import os\nfrom penstock.processes.frames import frame\nos.write(3, frame(6, 1, b'?'))\nos._exit(0)",
        "f.py:1: its import sent an unreadable result",
        id="forged result",
    ),
    pytest.param("data = [0] * 10**9", "needs more than 200 MB of memory", id="memory"),
    pytest.param("data = []\nwhile True: data.append(bytes(10**6))", "needs more than 200 MB of memory", id="slow memory"),
    pytest.param("raise MemoryError", "needs more than 200 MB of memory", id="memory error of its own"),
    pytest.param("def f(:", "f.py:3: the file is no Python", id="syntax"),
    pytest.param("class E(Exception):\n    def __str__(self): 1 / 0\nraise E", "E: (its text cannot be told", id="error without words"),
    pytest.param("raise ValueError('caf\\udce9')", "f.py:3: ValueError: caf�", id="half a character"),
    pytest.param("raise KeyboardInterrupt", "f.py:3: KeyboardInterrupt", id="KeyboardInterrupt"),
    pytest.param("import os, sys\nif os.fork() == 0: sys.exit(0)\nos.wait()\nraise ValueError('parent')", "parent", id="fork"),
    pytest.param("DAG('d', params={'x': 'caf\\udce9'})", "f.py", id="half a character in a parameter"),
    pytest.param("import sys\nsys.stdout = None\nraise ValueError('no stdout')", "no stdout", id="no stdout"),
    pytest.param("from .helpers import x", "f.py:3: attempted relative import", id="relative import"),
    pytest.param("import penstock_nope", "Install it with: plugin-manager install nope", id="missing provider"),
    pytest.param("Connection.get('x')", "f.py:3: the connection 'x' is not to be had while a DAG file is imported", id="connection"),
]  # fmt: skip


@pytest.fixture(scope="module")
def parser():
    parser = Parser(
        lambda: ParseConfig(timeout_s=1.0, memory_mb=200),
        lambda keys: {key: f"value of {key}" for key in keys},
        lambda: NOW,
    )
    yield parser
    parser.close()


def one(parser, path):
    (result,) = parser.parse(str(path.parent), [path.name])
    assert (result.file, result.snapshot, result.parsed_at) == (path.name, path.parent.name, NOW)
    return result


@pytest.mark.parametrize(("text", "said"), BAD)
def test_what_a_file_does_to_its_process_is_a_problem_of_that_file_alone(parser, folder, write, text, said):
    write("f.py", text)
    write("good.py", "DAG('good')")
    results = {each.file: each for each in parser.parse(str(folder), ["f.py", "good.py"])}
    assert said in "\n".join(results["f.py"].problems)
    assert results["f.py"].dags == ()
    assert [dag.dag_id for dag in results["good.py"].dags] == ["good"]


def test_a_flood_of_output_is_cut_and_harms_nothing(parser, write):
    result = one(parser, write("f.py", "print('a' * 5_000_000 + 'the end')\nDAG('d')"))
    assert [dag.dag_id for dag in result.dags] == ["d"]
    assert len(result.output) == 65536
    assert result.output.endswith("the end\n")
    assert [note.partition(". ")[0] for note in result.notes] == [
        "f.py:1: its import printed 5,000,008 bytes, and all but 65,536 are left out of logs"
    ]


@pytest.mark.parametrize("session", [False, True])
def test_what_a_file_started_ends_with_its_import(parser, write, tmp_path, session):
    path = write(
        "f.py",
        f"import subprocess\np = subprocess.Popen(['sleep', '60'], start_new_session={session})\n"
        f"open({str(tmp_path / 'pid')!r}, 'w').write(str(p.pid))",
    )
    assert one(parser, path).problems == ()
    pid = int((tmp_path / "pid").read_text())
    wait_until(lambda: has_ended(pid), otherwise=lambda: "it lives")


def test_variables_are_answered_and_noted(parser, write):
    result = one(parser, write("f.py", "DAG('d_' + Variable.get('a')[-1])\nVariable.get('a')\nVariable.get('b')"))
    assert [dag.dag_id for dag in result.dags] == ["d_a"]
    assert result.variables == {"a": "value of a", "b": "value of b"}


def test_files_and_folders_that_the_import_read_are_noted(parser, folder, write):
    (folder / "conf").mkdir()
    (folder / "conf" / "a.yaml").write_text("a")
    write("helper.py", "X = 1", header="")
    text = (
        "import json, helper\nfrom pathlib import Path\n[p.read_text() for p in Path(__file__).parent.glob('conf/*')]"
    )
    result = one(parser, write("f.py", text))
    assert result.problems == ()
    # Python 3.12 lists the DAGs folder, too, to find a folder whose name it has in full.
    assert [path for path in result.sources if path != "./"] == ["conf/", "conf/a.yaml", "f.py", "helper.py"]


def test_a_listing_of_the_whole_folder_is_noted(parser, write):
    result = one(parser, write("f.py", "import os\nos.listdir(os.path.dirname(__file__))"))
    assert [*result.sources] == ["./", "f.py"]


def test_one_import_leaves_nothing_to_the_next(parser, folder, write):
    write("a.py", "import sys, penstock\nsys.modules['mark'] = sys\npenstock.DAG = None")
    write("b.py", "import sys\nassert 'mark' not in sys.modules\nDAG('b')")
    results = {each.file: each for each in parser.parse(str(folder), ["a.py", "b.py"])}
    assert [dag.dag_id for dag in results["b.py"].dags] == ["b"]


def test_arguments_of_a_capability_are_checked_against_what_is_installed(folder, write):
    copy = Capability("operators", "aws.copy", "m:C", "", parameters=(Parameter("source", "str", required=True),))
    parser = Parser(lambda: ParseConfig(providers=("aws",), capabilities=(copy,)), lambda keys: {}, lambda: NOW)
    path = write(
        "f.py",
        "with DAG('d'):\n    operator('aws.copy', task_id='a', sorce='x')\n    operator('gcp.copy', task_id='b')",
    )
    try:
        problems = one(parser, path).problems
    finally:
        parser.close()
    assert any("aws.copy takes no argument 'sorce'; did you mean 'source'?" in problem for problem in problems)
    assert any("aws.copy needs the argument 'source'" in problem for problem in problems)
    assert any(problem.startswith("f.py:5:") and "plugin-manager install gcp" in problem for problem in problems)


def test_a_server_that_was_killed_is_started_again(folder, write):
    parser = Parser(ParseConfig, lambda keys: {}, lambda: NOW)
    path = write("f.py", "DAG('d')")
    try:
        one(parser, path)
        parser._server.send_signal(signal.SIGKILL)
        parser._server.wait()
        assert [dag.dag_id for dag in one(parser, path).dags] == ["d"]
    finally:
        parser.close()


def test_the_server_and_its_children_end_with_the_loader(folder, write, tmp_path):
    write("f.py", f"import os, time\nopen({str(tmp_path / 'pid')!r}, 'w').write(str(os.getpid()))\ntime.sleep(60)")
    parser = Parser(ParseConfig, lambda keys: {}, lambda: NOW)
    line = parser._connected()
    line.send(MessageKind.PARSE, 1, msgspec.msgpack.encode(ParseJob(str(folder), "f.py", NOW)))
    written = tmp_path / "pid"
    wait_until(lambda: written.exists() and written.read_text() != "", otherwise=lambda: "it was not imported")
    started = time.monotonic()
    parser.close()
    assert time.monotonic() - started < 30, "what it imports takes twice as long"
    assert has_ended(int((tmp_path / "pid").read_text()))


SIBLINGS = "import os\nchildren = open(f'/proc/{os.getppid()}/task/{os.getppid()}/children').read().split()\n"


def test_children_are_forked_in_a_row_ahead_of_their_files(folder, write):
    names = [write(f"{name}.py", SIBLINGS + f"print(len(children))\nDAG({name!r})").name for name in "abc"]
    parser = Parser(lambda: ParseConfig(processes=1), lambda keys: {}, lambda: NOW)
    try:
        assert [each.output for each in parser.parse(str(folder), names)] == ["3\n", "2\n", "1\n"]
    finally:
        parser.close()


def test_children_that_are_killed_while_they_wait_for_a_file_are_replaced(folder, write):
    kill = SIBLINGS + "for each in map(int, children):\n    if each != os.getpid(): os.kill(each, 9)\nDAG('a')"
    names = [write(name, text).name for name, text in (("a.py", kill), ("b.py", "DAG('b')"), ("c.py", "DAG('c')"))]
    parser = Parser(lambda: ParseConfig(processes=1), lambda keys: {}, lambda: NOW)
    try:
        found = [(each.problems, [dag.dag_id for dag in each.dags]) for each in parser.parse(str(folder), names)]
    finally:
        parser.close()
    assert found == [((), ["a"]), ((), ["b"]), ((), ["c"])]
