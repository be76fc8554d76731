import select
import shutil
import signal
import subprocess
import sys
import textwrap
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import text

from penstock.errors import StoreError
from penstock.model.request import CancelRun
from penstock.store import Store

CHILD = """
import sys
from datetime import UTC, datetime
from penstock.store import Keyring, Store
store = Store.open({url!r}, Keyring([{key!r}], "test"))
now = datetime.now(UTC)
"""


@pytest.fixture
def key():
    return "A" * 43 + "="


@pytest.fixture
def child(url, key):
    """Start a process that has the store open and runs the given code; it says a line when it is ready."""
    running = []

    def start(code):
        text = CHILD.format(url=url, key=key) + textwrap.dedent(code)
        process = subprocess.Popen(
            [sys.executable, "-c", text], stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True
        )
        running.append(process)
        return process

    yield start
    for process in running:
        process.kill()
        process.communicate()


def woken(wakeup, within):
    return bool(select.select([wakeup], [], [], within)[0])


def end_sessions(store, name):
    with store.transaction() as tx:
        tx.execute(
            text(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE '{name}%'")
        )


def test_every_waiter_of_the_topic_is_woken_by_a_request_at_once_and_until_it_drains(store, now):
    first, second, other = store.wakeups.listen(), store.wakeups.listen(), store.wakeups.listen("variables")
    store.requests.submit(CancelRun(1), now)
    assert woken(first, 30)
    assert woken(second, 30)
    assert not woken(other, 0.05)
    first.drain()
    assert not woken(first, 0.05)
    assert woken(second, 0.05)
    store.wakeups.send()
    assert woken(first, 30)
    for wakeup in (first, second, other):
        wakeup.close()
    store.requests.submit(CancelRun(1), now)


def test_a_wakeup_crosses_processes(store, child):
    wakeup = store.wakeups.listen()
    process = child("store.wakeups.send(); print('sent', flush=True)")
    assert woken(wakeup, 30)
    assert process.wait(60) == 0
    wakeup.close()


def test_a_transaction_that_fails_wakes_nobody(store, now):
    def fail():
        with store.transaction() as tx:
            tx.submit([CancelRun(1)], now)
            raise RuntimeError("stop")

    wakeup = store.wakeups.listen()
    with pytest.raises(RuntimeError):
        fail()
    assert not woken(wakeup, 0.1)
    wakeup.close()


def test_wakeups_that_nobody_drains_block_nobody(store, now):
    wakeup = store.wakeups.listen()
    with store.transaction() as tx:
        for _ in range(3):
            tx.submit([CancelRun(1)], now)
    for _ in range(300):
        store.wakeups.send()
    assert woken(wakeup, 30)
    wakeup.drain()
    wakeup.close()


def test_a_dead_waiter_is_swept_away(tmp_path, keyring, now):
    url = f"sqlite:///{tmp_path}/p.db"
    with Store.open(url, keyring) as store:
        code = (
            CHILD.format(url=url, key="A" * 43 + "=")
            + "wakeup = store.wakeups.listen(); import os; os.kill(os.getpid(), 9)"
        )
        assert subprocess.run([sys.executable, "-c", code], check=False).returncode == -signal.SIGKILL
        assert len(list((tmp_path / "p.db.wakeups").iterdir())) == 1
        store.requests.submit(CancelRun(1), now)
        assert list((tmp_path / "p.db.wakeups").iterdir()) == []


def test_a_waiter_whose_pipe_was_deleted_knows_it_and_hears_again_once_it_has_drained(tmp_path, keyring):
    with Store.open(f"sqlite:///{tmp_path}/p.db", keyring) as store:
        wakeup = store.wakeups.listen()
        assert not wakeup.cut
        shutil.rmtree(tmp_path / "p.db.wakeups")
        store.wakeups.send()
        assert wakeup.cut
        wakeup.drain()
        assert not wakeup.cut
        store.wakeups.send()
        assert woken(wakeup, 30)
        wakeup.close()


def test_a_wakeup_works_under_a_path_longer_than_any_socket_allows(tmp_path, keyring):
    folder = tmp_path / ("long" * 50)
    with Store.open(f"sqlite:///{folder}/p.db", keyring) as store:
        wakeup = store.wakeups.listen()
        store.wakeups.send()
        assert woken(wakeup, 30)
        wakeup.close()


def test_a_wakeup_that_cannot_be_made_is_a_sentence(tmp_path, keyring):
    with Store.open(f"sqlite:///{tmp_path}/p.db", keyring) as store:
        (tmp_path / "p.db.wakeups").write_text("in the way")
        with pytest.raises(StoreError, match="the pipe for wakeups cannot be made"):
            store.wakeups.listen()


def test_a_wakeup_reconnects_when_the_server_ended_its_session(postgres_tables_url, keyring):
    with Store.open(postgres_tables_url, keyring) as store:
        wakeup = store.wakeups.listen()
        end_sessions(store, "penstock wakeup")
        assert woken(wakeup, 30)
        wakeup.drain()
        store.wakeups.send()
        assert woken(wakeup, 30)
        wakeup.close()


def test_what_was_acknowledged_before_a_kill_is_there(store, child, now):
    process = child(
        """
        from itertools import count
        from penstock.model.changes import Changes
        from penstock.model.run import NewRun, RunKind, TaskInstance
        from penstock.model.state import TaskState
        for i in count():
            (run,) = store.apply(Changes(new_runs=[NewRun("d", f"r{i}", RunKind.MANUAL, None, None, None)]), now)
            tasks = [TaskInstance(run.run, f"t{k}", -1, TaskState.QUEUED) for k in range(20)]
            store.apply(Changes(tasks=tasks), now)
            print(run.run, flush=True)
        """
    )
    acknowledged = [int(process.stdout.readline()) for _ in range(30)]
    process.send_signal(signal.SIGKILL)
    acknowledged += [int(line) for line in process.communicate()[0].splitlines(keepends=True) if line.endswith("\n")]
    found = {each.run.run: len(each.tasks) for each in store.runs.live()}
    assert all(found[run] == 20 for run in acknowledged)
    assert all(number in (0, 20) for number in found.values()), "a transaction is whole or not at all"
    assert store.check() == []


def test_processes_that_write_at_once_all_succeed(store, child, now):
    code = """
        from penstock.model.request import CancelRun
        for i in range(40):
            store.requests.submit(CancelRun({n} * 1000 + i), now)
        """
    processes = [child(code.format(n=n)) for n in (1, 2)]
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(lambda n: store.requests.submit(CancelRun(3000 + n), now), range(40)))
    assert [process.wait(60) for process in processes] == [0, 0]
    found = [request.run for _, request in store.requests.pending()]
    assert sorted(found) == [n * 1000 + i for n in (1, 2, 3) for i in range(40)]
    for n in (1, 2):
        own = [run for run in found if run // 1000 == n]
        assert own == sorted(own), "requests of one process keep their order"
