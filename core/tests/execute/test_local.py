"""The local executor, over real processes: what a try may do to itself, and what nobody else must notice of it."""

import os
import select
import signal
import time
from pathlib import Path

import msgspec
import pytest

from penstock.model.attempt import Gathered, TryInputs
from penstock.model.dag import SensorPolicy
from penstock.model.state import Outcome
from penstock.spec.executor import LogBounds, SensorWait


def gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return True


def test_a_try_returns_its_value_as_xcom_with_its_length(bench):
    bench.write("@task\ndef t(): return [1, 2, 3]\nt()")
    finished = bench.run("t")
    assert finished.outcome is Outcome.SUCCESS
    xcom = finished.xcoms["return_value"]
    assert (msgspec.json.decode(xcom.json), xcom.length) == ([1, 2, 3], 3)


def test_inputs_reach_the_task_as_arguments(bench):
    bench.write("@task\ndef a(): ...\n@task\ndef b(x): return x['n'] + 1\nb(a())")
    assert bench.run("b", inputs=TryInputs({"a": {"return_value": b'{"n": 41}'}})).xcoms["return_value"].json == b"42"


def test_a_failure_names_the_error_and_shows_only_the_authors_frames(bench):
    bench.write("@task\ndef t(): return {}['missing']\nt()")
    finished = bench.run("t")
    assert finished.outcome is Outcome.FAILED
    assert finished.error.startswith("KeyError: 'missing'")
    assert 'File "/project/dags/d.py", line 5, in t' in finished.error
    assert 'File "/project/dags/d.py", line 5, in t' in bench.log()
    assert "penstock/execute" not in finished.error


def test_every_fork_has_a_process_of_its_own_and_reuse_does_not(bench):
    bench.write("@task\ndef t(): return os.getpid()\nt()")
    forked = {bench.run("t").xcoms["return_value"].json for _ in range(3)}
    reused = {bench.run("t", isolation="reuse").xcoms["return_value"].json for _ in range(3)}
    assert (len(forked), len(reused)) == (3, 1)


def children(pid: int) -> set[int]:
    return {
        int(each) for task in Path(f"/proc/{pid}/task").iterdir() for each in (task / "children").read_text().split()
    }


def test_a_try_takes_the_process_that_was_forked_ahead_and_needs_none(bench):
    bench.write("@task\ndef t(): return [os.getpid(), os.getppid()]\nt()")

    def run() -> list[int]:
        return msgspec.json.decode(bench.run("t").xcoms["return_value"].json)

    first, server = run()

    def preforked(*spent: int) -> int:
        bench.until(lambda: bool([pid for pid in children(server) - set(spent) if not gone(pid)]))
        [pid] = [pid for pid in children(server) - set(spent) if not gone(pid)]
        return pid

    ahead = preforked(first)
    assert run() == [ahead, server]
    killed = preforked(first, ahead)
    os.kill(killed, signal.SIGKILL)
    bench.until(lambda: gone(killed))
    assert run()[0] not in {first, ahead, killed}


def test_a_quick_try_is_told_as_begun_and_ended_together_so_that_both_are_one_commit(bench):
    bench.write("@task\ndef t(): return 1\nt()")
    for _ in range(200):  # on a busy machine few are that quick
        [request] = bench.submit("t")
        told = []
        while bench.finished(request) is None:
            select.select([bench.executor], [], [], 30)
            told = bench.executor.events()
            bench.events += told
        started, finished = bench.started(request), bench.finished(request)
        assert (started.epoch, bench.events.index(started) < bench.events.index(finished)) == (request.epoch, True)
        assert started.at <= finished.at
        if started in told:
            return
    pytest.fail("of 200 tries none was begun and ended in one batch of events")


def test_no_more_tries_run_at_once_than_there_are_slots(bench):
    bench.write("@task\ndef t():\n    print('in', flush=True); time.sleep(0.15); print('out', flush=True)\nt()")
    requests = bench.submit(*["t"] * 9)
    bench.wait(*requests)
    running = most = 0
    stamps = []
    for request in requests:
        path = bench.log_path(request)
        assert path.read_text() == "in\nout\n"
        stamps.append((path.stat().st_mtime, -1))
    for event in bench.events:
        running += 1 if type(event).__name__ == "TryStarted" else -1 if type(event).__name__ == "TryFinished" else 0
        most = max(most, running)
    # The word of an end and of the start that follows it may arrive in one breath, the start first.
    assert most <= 4
    assert bench.executor._used == 0


def test_an_execution_timeout_kills_the_whole_process_group(bench, tmp_path):
    mark = tmp_path / "grandchild"
    bench.write(
        "@task\ndef t():\n"
        f"    child = subprocess.Popen(['sh', '-c', 'trap \"\" TERM; echo $$ > {mark}; sleep 600'])\n"
        "    time.sleep(600)\nt()"
    )
    for seconds in (1.0, 10.0, 50.0):  # on a busy machine the shell does not come to write in the first of them
        finished = bench.run("t", timeout_s=seconds)
        assert finished.outcome is Outcome.TIMED_OUT
        assert f"execution_timeout, {seconds:g} s" in finished.error
        if mark.exists() and mark.read_text():
            break
    bench.until(lambda: gone(int(mark.read_text())))


def test_a_cancelled_try_may_clean_up_and_answers_that_it_was_cancelled(bench):
    bench.write(
        "class Job(Operator):\n"
        "    def execute(self, context):\n        print('working', flush=True); time.sleep(600)\n"
        "    def on_kill(self): print('remote job stopped', flush=True)\n"
        "Job(task_id='t')"
    )
    [request] = bench.submit("t")
    bench.until(lambda: "working" in bench.log(request))
    assert bench.cancel(request).outcome is Outcome.CANCELLED
    assert "remote job stopped" in bench.log(request)


def test_a_try_that_ignores_its_cancellation_is_killed(bench):
    bench.write(
        "import signal\n@task\ndef t():\n"
        "    signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(600)\nt()"
    )
    [request] = bench.submit("t")
    pid = bench.wait_started(request)
    bench.until(lambda: "deaf" in bench.log(request))
    assert bench.cancel(request).outcome is Outcome.CANCELLED
    assert gone(pid)


def test_a_try_that_waits_for_a_slot_can_be_cancelled(bench):
    bench.write("@task\ndef t(): time.sleep(1)\nt()")
    requests = bench.submit(*["t"] * 14)
    assert bench.cancel(requests[-1]).outcome is Outcome.CANCELLED
    assert bench.cancel(requests[4]).outcome is Outcome.CANCELLED
    assert not bench.log(requests[-1])
    assert {f.outcome for f in bench.wait(*requests[:4], *requests[5:-1])} == {Outcome.SUCCESS}
    assert bench.executor._used == 0


def test_a_log_can_be_read_while_the_try_runs(bench):
    bench.write("@task\ndef t():\n    print('first line'); time.sleep(600)\nt()")
    [request] = bench.submit("t")
    bench.until(lambda: bench.log(request) == "first line\n")
    bench.cancel(request)


@pytest.mark.parametrize("isolation", ["fork", "reuse"])
def test_the_log_of_a_failure_ends_with_its_traceback_behind_what_was_printed(bench, isolation):
    bench.write("@task\ndef t():\n    print('begun'); os.write(1, b'raw\\n')\n    return {}['missing']\nt()")
    [request] = bench.submit("t", isolation=isolation)
    bench.wait(request)
    lines = bench.log(request).splitlines()
    assert (lines[:3], lines[-1]) == (["begun", "raw", "Traceback (most recent call last):"], "KeyError: 'missing'")
    assert "in t" in lines[3]


def test_the_log_of_a_skipped_try_says_why(bench):
    bench.write("from penstock.errors import SkipTask\n@task\ndef t(): raise SkipTask('nothing new')\nt()")
    [request] = bench.submit("t")
    bench.wait(request)
    assert bench.log(request) == "skipped: nothing new\n"


@pytest.mark.parametrize(
    "how",
    ["print(s)", "os.write(1, s.encode() + b'\\n')", "subprocess.run(['echo', s])", "raise ValueError(s)"],
    ids=["print", "raw descriptor", "subprocess", "exception"],
)
@pytest.mark.parametrize("isolation", ["fork", "reuse"])
def test_secrets_are_masked_by_value_whoever_writes_them(bench, how, isolation):
    bench.write(f"@task\ndef t():\n    s = Variable.get('x'); {how}\nt()")
    finished = bench.run("t", isolation=isolation)
    assert bench.secret not in bench.log() + finished.error
    assert "***" in bench.log() + finished.error


@pytest.mark.parametrize("outcome", [Outcome.SUCCESS, Outcome.FAILED])
def test_what_templates_had_become_comes_with_the_end_without_secrets(bench, outcome):
    code = 0 if outcome is Outcome.SUCCESS else 1
    bench.write(f"BashOperator(task_id='t', bash_command='# {{{{ var.value.x }}}} {{{{ run_id }}}}\\nexit {code}')")
    finished = bench.run("t")
    assert (finished.outcome, finished.rendered) == (outcome, {"bash_command": f"# *** r\nexit {code}"})


def test_the_key_of_a_mapped_instance_comes_with_the_end_without_secrets(bench):
    bench.write(
        "@task(map_index_template='{{ var.value.x }} {{ who }}')\n"
        "def t(name): get_current_context()['who'] = name\n"
        "t.expand(name=['ann', 'bob'])"
    )
    assert bench.run("t", map_index=1).map_key == "*** bob"


def test_an_error_of_the_supervisor_reaches_the_task_as_its_own_class(bench):
    bench.write(
        "from penstock.errors import NotFoundError\n@task\ndef t():\n"
        "    try: Connection.get('nope')\n    except NotFoundError as error: return str(error)\nt()"
    )
    assert b"nothing answers connection" in bench.run("t").xcoms["return_value"].json


def test_what_a_mapped_task_left_is_asked_for_page_by_page(bench):
    bench.write(
        "@task\ndef m(x): return x\n@task\ndef t(values): return [len(values), sum(values), values[-1]]\nt(m.expand(x=[1]))"
    )
    bench.left["m"] = msgspec.json.encode(list(range(250))).decode()
    end = bench.run("t", inputs=TryInputs(gathered={"m": {"return_value": Gathered(250, dense=True)}}))
    assert msgspec.json.decode(end.xcoms["return_value"].json) == [250, 31125, 249]
    assert [ask.args[2] for ask in bench.asked] == [0, 100, 200]


def test_a_killed_file_server_loses_its_tries_and_leaves_none_running(bench):
    bench.write("@task\ndef t(): time.sleep(600)\nt()\n@task\ndef ok(): return 1\nok()")
    requests = bench.submit("t", "t")
    pids = [bench.wait_started(request) for request in requests]
    [server] = bench.executor._servers.values()
    os.kill(server.pid, signal.SIGKILL)
    assert {f.outcome for f in bench.wait(*requests)} == {Outcome.LOST}
    bench.until(lambda: all(gone(pid) for pid in pids))
    assert bench.run("ok").outcome is Outcome.SUCCESS


def test_a_killed_spawn_server_is_started_again(bench):
    bench.write("@task\ndef t(): return 1\nt()")
    assert bench.run("t").outcome is Outcome.SUCCESS
    os.kill(bench.environment._process.pid, signal.SIGKILL)
    bench.environment._process.wait()
    bench.until(lambda: not bench.executor._servers)
    assert bench.run("t").outcome is Outcome.SUCCESS


def test_a_file_that_cannot_be_imported_any_more_fails_its_tries_with_the_traceback(bench):
    bench.write("@task\ndef t(): return 1\nt()\nraise RuntimeError('moved away')")
    finished = bench.run("t")
    assert finished.outcome is Outcome.FAILED
    assert "cannot be imported any more" in finished.error
    assert "moved away" in finished.error


def test_a_file_that_kills_its_server_at_import_fails_its_tries(bench):
    bench.write("@task\ndef t(): return 1\nt()\nos._exit(3)")
    finished = bench.run("t")
    assert finished.outcome is Outcome.FAILED
    assert "imports d.py" in finished.error


def test_a_file_that_hangs_at_import_is_ended_after_its_time(hasty_bench):
    hasty_bench.write("@task\ndef t(): return 1\nt()\ntime.sleep(600)")
    assert hasty_bench.run("t").outcome is Outcome.FAILED


def test_a_file_that_is_opened_ahead_is_imported_once_and_before_its_tries_come(bench, tmp_path):
    mark = tmp_path / "imported"
    bench.write(f"open({str(mark)!r}, 'a').write('x')\n@task\ndef t(): return 1\nt()")
    bench.executor.open(bench.request("t").code)
    bench.until(mark.exists)
    assert bench.run("t").outcome is Outcome.SUCCESS
    assert mark.read_text() == "x"


def test_a_file_whose_import_leaves_threads_behind_is_imported_in_each_try(bench):
    bench.write(
        "threading.Thread(target=time.sleep, args=(600,), daemon=True).start()\n"
        "@task\ndef t(): return threading.active_count()\nt()"
    )
    assert bench.run("t").xcoms["return_value"].json == b"2"
    assert bench.run("t").outcome is Outcome.SUCCESS


def test_a_task_that_floods_its_log_hurts_nobody(bench):
    bench.write("@task\ndef t():\n    for _ in range(2000): print('x' * 1000)\nt()\n@task\ndef ok(): return 1\nok()")
    flood, ok = bench.submit("t", "ok")
    assert {f.outcome for f in bench.wait(flood, ok)} == {Outcome.SUCCESS}
    assert len(bench.log(flood)) == 2000 * 1001


@pytest.mark.parametrize(
    ("task_id", "isolation"), [("t", "fork"), ("t", "reuse"), ("dies", "fork"), ("dies", "reuse"), ("waits", "fork")]
)
def test_of_a_log_beyond_its_bound_head_and_end_are_kept_however_a_try_runs(bench, task_id, isolation):
    bench.write(
        "def flood():\n"
        "    for number in range(2000): print('line', number)\n"
        "@task\ndef t(): flood(); raise KeyError('the end')\n"
        "@task\ndef dies(): flood(); os._exit(3)\n"
        "class Waits(Sensor):\n"
        "    def poke(self, context): flood(); raise KeyError('the end')\n"
        "t(); dies(); Waits(task_id='waits')"
    )
    wait = SensorWait(SensorPolicy(poke_interval_s=0.05, timeout_s=60.0)) if task_id == "waits" else None
    (request,) = bench.submit(task_id, isolation=isolation, wait=wait, map_index=2, log_bounds=LogBounds(4000))
    (end,) = bench.wait(request)
    log = bench.log(request)
    assert end.outcome is Outcome.FAILED
    assert log.startswith("line 0\nline 1\n")
    assert "[penstock: this log has come to its bound of 4,000 bytes" in log
    assert ("status 3" if task_id == "dies" else "KeyError: 'the end'") in log[-300:]
    assert len(log) < 4300


def test_a_file_that_floods_the_log_of_its_server_is_cut_there_and_hurts_nobody(bench):
    flood = "from penstock import *\nprint('begin ' + 'x' * 3_000_000 + ' end')\nwith DAG('d', schedule=None):\n"
    bench.write("@task\ndef t(): return 1\nt()", flood)
    (request,) = bench.submit("t")
    assert [f.outcome for f in bench.wait(request)] == [Outcome.SUCCESS]
    assert "[penstock: d.py prints more than 32,768 bytes at its import." in bench.servers_log()
    bench.executor.stop(5)
    log = bench.servers_log()
    assert len(log) < 70_000
    assert log.startswith("begin ")
    assert log.endswith(" end\n")
    assert "[penstock: d.py has printed 3,000,011 bytes, of which 2,934,475 are left out here.]" in log


def test_an_answer_that_cannot_be_read_is_a_failed_try(bench):
    bench.write(
        "@task\ndef t():\n"
        "    os.write(3, (5).to_bytes(4) + bytes([11]) + SERIAL.to_bytes(4) + b'\\xc1zzzz'); os._exit(0)\nt()",
        head="SERIAL = 1\nfrom penstock import *\nimport os\nwith DAG('d', schedule=None):\n",
    )
    assert "unreadable answer" in bench.run("t").error


def test_stopping_ends_every_process(bench):
    bench.write("@task\ndef t(): time.sleep(600)\nt()")
    [request] = bench.submit("t")
    pid = bench.wait_started(request)
    spawn = bench.environment._process.pid
    bench.executor.stop(5)
    end = time.monotonic() + 60
    while not (gone(pid) and gone(spawn)):
        assert time.monotonic() < end
        os.sched_yield()


def test_inputs_of_many_megabytes_reach_a_try_though_nothing_else_happens(bench):
    bench.write("@task\ndef t(x=1): print('ran')\nt()")
    bench.run("t")
    [request] = bench.submit("t", inputs=TryInputs({"u": {"return_value": b'"' + b"x" * 20_000_000 + b'"'}}))
    while bench.finished(request) is None:
        # As the scheduler waits: it calls again once the descriptor is readable, and else only for a lease.
        assert select.select([bench.executor], [], [], 60)[0], "nothing is sent any more"
        bench.events += bench.executor.events()
    assert bench.finished(request).end.outcome is Outcome.SUCCESS
