"""How a try may end: whatever its code does, prints, returns, raises or leaves behind, the verdict is what its function did."""

import textwrap
from typing import NamedTuple

import pytest

from penstock.model.state import Outcome
from penstock.model.values.value import decode

HEAD = """
import asyncio, atexit, ctypes, logging, multiprocessing, os, signal, sys, threading, time, weakref
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from penstock import *
from penstock.errors import ProviderError

HERE = Path(__file__).parent

class Tee:
    def __init__(self, to): self.to = to
    def write(self, text): return self.to.write(text)

class Speechless(Exception):
    def __str__(self): raise RuntimeError("no words")

class Wild(BaseException):
    pass

class Touchy(Exception):
    @property
    def retry_after_s(self): raise RuntimeError("do not touch")

class Broken:
    def __repr__(self): raise RuntimeError("no picture")

class Spy:
    pass

def soon(text="soon"):
    error = ValueError("too early")
    error.retry_after_s = text
    return error

def write_late(name, after=0.3):
    time.sleep(after)
    (HERE / name).write_text("late")

def forked(child, parent):
    pid = os.fork()
    if pid == 0:
        return child()
    os.waitpid(pid, 0)
    return parent

with DAG("d"):
"""


class Ending(NamedTuple):
    """A task's body, and what is to become of it."""

    body: str
    outcome: Outcome = Outcome.SUCCESS
    error: str = ""
    log: str = ""
    value: object = None
    final: bool = False
    file: str = ""


FAILED, SKIPPED = Outcome.FAILED, Outcome.SKIPPED
ENDINGS = {
    "a stdout without flush": Ending("sys.stdout = Tee(sys.stdout); print('said'); return 1", log="said", value=1),
    "no stdout": Ending("sys.stdout = sys.stderr = None; return 1", value=1),
    "a closed stdout": Ending("sys.stdout.close(); return 1", value=1),
    "a stdout whose flush exits": Ending("sys.stdout = type('S', (), {'flush': lambda self: sys.exit(3)})(); return 1", value=1),
    "closed descriptors 1 and 2": Ending("os.close(1); os.close(2); return 1", value=1),
    "half a character printed": Ending("print('caf\\udce9'); return 1", log="caf\\udce9", value=1),
    "half a character raised": Ending("raise ValueError('file caf\\udce9')", FAILED, "ValueError: file caf\ufffd", "file caf"),
    "half a character in a skip": Ending("raise SkipTask('caf\\ud800')", SKIPPED, "caf\ufffd"),
    "half a character returned": Ending("return ['caf\\udce9']", FAILED, "'caf\\udce9', which is no Unicode, at [0]", final=True),
    "half a character as key": Ending("get_current_context()['ti'].xcom_push('k\\udce9', 1)", FAILED, "XCom key 'k\\udce9'"),
    "NUL as key": Ending("get_current_context()['ti'].xcom_push('k\\0', 1)", FAILED, "XCom key 'k\\x00'"),
    "no text as key": Ending("get_current_context()['ti'].xcom_push(7, 1)", FAILED, "the XCom key 7 is no text, but of type int"),
    "a question of half a character": Ending("Variable.get('caf\\udce9')", FAILED, "variable('caf\\udce9') cannot be asked"),
    "a question of what has no JSON": Ending("get_current_context()['ti'].xcom_pull(object())", FAILED, "cannot be asked: TypeError"),
    "a question of a large number": Ending("get_current_context()['ti'].xcom_pull('x', map_indexes=10**30)", FAILED, "cannot be asked"),
    "a question by what is no key": Ending("get_current_context()['ti'].xcom_pull('x', {1: 2})", FAILED, "is no text, but of type dict"),
    "what holds itself": Ending("x = []; x.append(x); return x", FAILED, "what holds itself", final=True),
    "a value that cannot be compared": Ending(
        "return type('N', (int,), {'__eq__': lambda self, other: 1 / 0})(1)", FAILED, "has no JSON form", final=True
    ),
    "an error without words": Ending("raise Speechless()", FAILED, "__str__ raised RuntimeError", "in "),
    "an error that hates to be looked at": Ending("raise Touchy('me')", FAILED, "Touchy: me"),
    "an error with a strange delay": Ending("raise soon()", FAILED, "ValueError: too early"),
    "an error with an endless delay": Ending("raise soon(float('inf'))", FAILED, "ValueError: too early"),
    "KeyboardInterrupt": Ending("raise KeyboardInterrupt", FAILED, "KeyboardInterrupt", "KeyboardInterrupt"),
    "GeneratorExit": Ending("raise GeneratorExit", FAILED, "GeneratorExit", "GeneratorExit"),
    "StopIteration": Ending("next(iter([]))", FAILED, "StopIteration"),
    "CancelledError": Ending("raise asyncio.CancelledError", FAILED, "CancelledError"),
    "a BaseException of its own": Ending("raise Wild('x')", FAILED, "Wild: x"),
    "a group of errors": Ending("raise ExceptionGroup('two', [ValueError('a'), Wild and TypeError('b')])", FAILED, "two"),
    "endless recursion": Ending("f = lambda: f()\nf()", FAILED, "RecursionError"),
    "sys.exit()": Ending("sys.exit()", FAILED, "sys.exit(None)"),
    "sys.exit(0)": Ending("sys.exit(0)", FAILED, "sys.exit(0)"),
    "sys.exit with a text": Ending("sys.exit('stop')", FAILED, "sys.exit('stop')"),
    "sys.exit with what has no picture": Ending("sys.exit(Broken())", FAILED, "SystemExit"),
    "quit()": Ending("raise SystemExit(3)", FAILED, "sys.exit(3)"),
    "os._exit": Ending("os._exit(7)", FAILED, "exited with status 7"),
    "another program": Ending("os.execv('/bin/false', ['false'])", FAILED, "exited with status 1"),
    "exit of C": Ending("ctypes.CDLL(None).exit(5)", FAILED, "exited with status 5"),
    "SIGKILL": Ending("os.kill(os.getpid(), 9)", FAILED, "SIGKILL"),
    "SIGALRM": Ending("signal.setitimer(signal.ITIMER_REAL, 0.01); time.sleep(9)", FAILED, "SIGALRM"),
    "abort": Ending("os.abort()", FAILED, "SIGABRT"),
    "every descriptor closed": Ending("os.closerange(3, 4096); return 1", FAILED, "closed descriptors that are not its own"),
    "another file under the line's number": Ending(
        "os.closerange(3, 4096); f = open(HERE / 'taken', 'w'); return 1", FAILED, "closed descriptors", file="taken"
    ),
    "a message without an end": Ending(
        "os.write(3, bytes([255] * 4 + [4, 0, 0, 0, 1])); time.sleep(9)", FAILED, "a message of 4,294,967,295 bytes"
    ),
    "a thread": Ending(
        "threading.Thread(target=write_late, args=('thread',)).start(); return 1", value=1, file="thread"
    ),
    "a thread that raises": Ending("threading.Thread(target=lambda: 1 / 0).start(); return 1", log="ZeroDivisionError", value=1),
    "a daemon thread": Ending("threading.Thread(target=time.sleep, args=(99,), daemon=True).start(); return 1", value=1),
    "a pool that nobody shut down": Ending(
        "global POOL; POOL = ThreadPoolExecutor(2); POOL.submit(write_late, 'pool'); return 1", value=1, file="pool"
    ),
    "a process that nobody joined": Ending(
        "multiprocessing.Process(target=write_late, args=('process',)).start(); return 1", value=1, file="process"
    ),
    "an exit function": Ending("atexit.register(write_late, 'exit', 0); return 1", value=1, file="exit"),
    "an exit function that raises": Ending("atexit.register(lambda: 1 / 0); return 1", log="ZeroDivisionError", value=1),
    "an exit function that exits": Ending("atexit.register(os.sys.exit, 3); return 1", value=1),
    "a finalizer": Ending("weakref.finalize(Spy, write_late, 'finalizer', 0); return 1", value=1, file="finalizer"),
    "a file beside its own": Ending(
        "(HERE / 'out').mkdir(exist_ok=True); (HERE / 'out' / 'r.txt').write_text('r'); return 1", log="/out: a place in a copy", value=1
    ),
    "a file beside its own by a program of Python": Ending(
        "multiprocessing.get_context('fork').Process(target=write_late, args=('forked', 0)).start(); return 1",
        log="/forked: a place", value=1,
    ),
    "a fork that returns": Ending("return forked(lambda: 'child', 'parent')", value="parent"),
    "a fork that exits": Ending("return forked(lambda: sys.exit(0), 'parent')", value="parent"),
    "a fork that raises": Ending("return forked(lambda: 1 / 0, 'parent')", log="ZeroDivisionError", value="parent"),
    "a fork that asks": Ending(
        "Variable.get('v'); return forked(lambda: Variable.get('v'), Variable.get('v'))", log="hand it over", value="hunter2-hunter2"
    ),
    "a fork that skips": Ending("return forked(lambda: (_ for _ in ()).throw(SkipTask('x')), 'parent')", value="parent"),
    "a fork that outlives it": Ending("forked_pid = os.fork()\nif not forked_pid: time.sleep(99)\nreturn 1", value=1),
}  # fmt: skip

# What reaches beyond one try where many share a process.
OF_A_FORK = {
    "a thread", "a pool that nobody shut down", "a process that nobody joined", "an exit function", "an exit function that raises",
    "a file beside its own by a program of Python",
    "an exit function that exits", "a finalizer", "a closed stdout", "closed descriptors 1 and 2", "a daemon thread",
    "a thread that raises",
}  # fmt: skip


def task_id(name):
    return "t_" + "".join(each if each.isalnum() else "_" for each in name)


@pytest.fixture(scope="module")
def ended(tmp_path_factory, make_bench):
    """Every ending in one DAG file and one executor: by isolation, the end and the log of each."""
    folder = tmp_path_factory.mktemp("endings")
    bench = make_bench(folder, slots=6, import_timeout_s=60)
    text = HEAD
    for name, ending in ENDINGS.items():
        body = textwrap.indent(ending.body.replace("; return", "\nreturn"), " " * 8)
        text += f"    @task\n    def {task_id(name)}():\n{body}\n    {task_id(name)}()\n"
    (folder / "d.py").write_text(text)
    chosen = {"fork": list(ENDINGS), "reuse": [name for name in ENDINGS if name not in OF_A_FORK]}
    requests = {
        (how, name): bench.submit(task_id(name), isolation=how)[0] for how, names in chosen.items() for name in names
    }
    bench.wait(*requests.values(), seconds=110)
    yield {key: (*bench.wait(request), bench.log(request), folder) for key, request in requests.items()}
    bench.close()


@pytest.mark.parametrize("isolation", ["fork", "reuse"])
@pytest.mark.parametrize("name", ENDINGS)
def test_the_verdict_is_what_the_function_did(ended, name, isolation):
    if (isolation, name) not in ended:
        assert name in OF_A_FORK
        return
    expected = ENDINGS[name]
    end, log, folder = ended[isolation, name]
    assert (end.outcome, end.error.partition("\n")[0] if expected.outcome is Outcome.SUCCESS else "") == (
        expected.outcome,
        "",
    )
    assert expected.error in end.error
    assert expected.log in log
    assert not (expected.final and end.retryable)
    assert end.retry_after_s is None
    if expected.outcome is Outcome.SUCCESS:
        assert decode(end.xcoms["return_value"].json) == expected.value
    if expected.file:
        assert (folder / expected.file).read_text() == ("" if expected.outcome is FAILED else "late")


def test_a_time_out_reaches_code_that_goes_on_after_any_exception(bench):
    bench.write(
        "@task\ndef t():\n    try:\n        print('begun')\n        for _ in range(1000):\n            try: time.sleep(0.05)\n"
        "            except Exception: pass\n    finally: print('cleaned up')\nt()"
    )
    for seconds in (0.2, 5.0, 50.0):  # on a busy machine it has not begun in the first of them
        [request] = bench.submit("t", timeout_s=seconds)
        [end] = bench.wait(request)
        if "begun" in bench.log(request):
            break
    assert (end.outcome, "cleaned up" in bench.log(request)) == (Outcome.TIMED_OUT, True)
    assert "time.sleep(0.05)" in bench.log(request)
    assert "TaskCancelled" in bench.log(request)


def test_a_try_that_hears_nothing_shows_where_it_stands_before_it_is_killed(bench):
    bench.write(
        "@task\ndef stubborn():\n    signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "    print('deaf', flush=True)\n    time.sleep(99)\nstubborn()",
        head="import signal, time\nfrom penstock import *\nwith DAG('d'):\n",
    )
    for seconds in (0.2, 5.0, 50.0):  # on a busy machine it is not deaf yet in the first of them
        [request] = bench.submit("stubborn", timeout_s=seconds, grace_s=0.1)
        [end] = bench.wait(request)
        if "deaf" in bench.log(request):
            break
    assert end.outcome is Outcome.TIMED_OUT
    assert "in stubborn" in bench.log(request)
