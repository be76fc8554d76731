import os
import select
import signal
import subprocess
import sys
import textwrap
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import text

from penstock.errors import StoreError, StoreHeldError
from penstock.model.changes import Changes
from penstock.model.request import CancelRun
from penstock.model.run import NewRun, RunKind
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


def test_the_second_holder_is_refused_with_the_first_named(store, url, keyring, now):
    store.leader_lock.acquire("penstock up", now)
    with Store.open(url, keyring) as other:
        with pytest.raises(
            StoreHeldError,
            match=rf"penstock up already works on it \(scheduler process {os.getpid()} on .*, since 2026-03-01 12:30:15 UTC",
        ):
            other.leader_lock.acquire("penstock up", now)
        assert other.leader_lock.holder().pid == os.getpid()


def test_the_role_is_free_after_close(store, url, keyring, now):
    with Store.open(url, keyring) as first:
        first.leader_lock.acquire("first", now)
    assert store.leader_lock.holder() is None
    store.leader_lock.acquire("second", now)


def test_the_role_is_free_after_a_kill(store, child, now):
    process = child("store.leader_lock.acquire('child', now); print('held', flush=True); sys.stdin.read()")
    assert process.stdout.readline() == "held\n"
    with pytest.raises(StoreHeldError, match=f"child already works on it .scheduler process {process.pid}"):
        store.leader_lock.acquire("second", now)
    process.send_signal(signal.SIGKILL)
    process.wait()
    take_until_free(store, now)


def take_until_free(store, now):
    """PostgreSQL learns of a killed client a moment later."""
    for _ in range(1000):
        try:
            store.leader_lock.acquire("second", now)
        except StoreHeldError:
            continue
        return
    store.leader_lock.acquire("second", now)


def test_a_holder_whose_session_was_cut_can_write_no_more_once_another_took_over(postgres_url, keyring, now):
    with Store.open(postgres_url, keyring) as first, Store.open(postgres_url, keyring) as second:
        first.leader_lock.acquire("first", now)
        end_sessions(second, "penstock first")
        take_until_free(second, now)
        with pytest.raises(StoreHeldError, match="second already works on it"):
            first.apply(Changes(new_runs=[NewRun("d", "r", RunKind.MANUAL, None, None, None)]), now)
        assert second.runs.live() == []


def test_the_server_notices_within_a_minute_that_the_machine_of_a_holder_is_gone(postgres_url, keyring, now):
    with Store.open(postgres_url, keyring) as store:
        store.leader_lock.acquire("first", now)
        session = store.leader_lock._lock._session
        told = [session.execute(f"SHOW tcp_keepalives_{name}").fetchone() for name in ("idle", "interval", "count")]
        assert told == [("30",), ("10",), ("3",)]


def end_sessions(store, name):
    with store.transaction() as tx:
        tx.execute(
            text(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE '{name}%'")
        )


def test_a_holder_whose_session_was_cut_sees_it_at_once_and_has_the_role_again(postgres_url, keyring, now):
    with Store.open(postgres_url, keyring) as first, Store.open(postgres_url, keyring) as second:
        first.leader_lock.acquire("first", now)
        assert not woken(first.leader_lock, 0.05)
        end_sessions(second, "penstock first")
        assert woken(first.leader_lock, 30)
        first.leader_lock.keep()
        assert not woken(first.leader_lock, 0.05)
        assert second.leader_lock.holder().holder == "first"
        with pytest.raises(StoreHeldError, match="first already works on it"):
            second.leader_lock.acquire("second", now)
        first.requests.submit(CancelRun(1), now)


@pytest.mark.parametrize("gone", [False, True], ids=["who still has it", "who has gone again"])
def test_a_holder_whose_session_was_cut_does_not_take_the_role_back_from_another(postgres_url, keyring, now, gone):
    with Store.open(postgres_url, keyring) as first, Store.open(postgres_url, keyring) as second:
        first.leader_lock.acquire("first", now)
        end_sessions(second, "penstock first")
        take_until_free(second, now)
        if gone:
            second.leader_lock.release()
        with pytest.raises(StoreHeldError, match="second already works on it"):
            first.leader_lock.keep()


def test_a_holder_whose_lock_file_was_deleted_makes_it_again_at_its_next_write(tmp_path, keyring, now):
    url = f"sqlite:///{tmp_path}/p.db"
    with Store.open(url, keyring) as first, Store.open(url, keyring) as second:
        first.leader_lock.acquire("first", now)
        (tmp_path / "p.db.lock").unlink()
        first.requests.submit(CancelRun(1), now)
        with pytest.raises(StoreHeldError, match="first already works on it"):
            second.leader_lock.acquire("second", now)


def test_a_holder_whose_lock_file_was_deleted_writes_nothing_once_another_took_over(tmp_path, keyring, now):
    url = f"sqlite:///{tmp_path}/p.db"
    with Store.open(url, keyring) as first, Store.open(url, keyring) as second:
        first.leader_lock.acquire("first", now)
        (tmp_path / "p.db.lock").unlink()
        second.leader_lock.acquire("second", now)
        with pytest.raises(StoreHeldError, match="second already works on it"):
            first.requests.submit(CancelRun(1), now)
        assert second.requests.pending() == []


def woken(wakeup, within):
    return bool(select.select([wakeup], [], [], within)[0])


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


def test_a_wakeup_reconnects_when_the_server_ended_its_session(postgres_url, keyring):
    with Store.open(postgres_url, keyring) as store:
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
