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
    store.hold("penstock up", now)
    with Store.open(url, keyring) as other:
        with pytest.raises(
            StoreHeldError,
            match=rf"penstock up already works on it \(process {os.getpid()} on .*, since 2026-03-01 12:30:15 UTC",
        ):
            other.hold("penstock up", now)
        assert other.holder().pid == os.getpid()


def test_the_role_is_free_after_close(store, url, keyring, now):
    with Store.open(url, keyring) as first:
        first.hold("first", now)
    assert store.holder() is None
    store.hold("second", now)


def test_the_role_is_free_after_a_kill(store, child, now):
    process = child("store.hold('child', now); print('held', flush=True); sys.stdin.read()")
    assert process.stdout.readline() == "held\n"
    with pytest.raises(StoreHeldError, match=f"child already works on it .process {process.pid}"):
        store.hold("second", now)
    process.send_signal(signal.SIGKILL)
    process.wait()
    take_until_free(store, now)


def take_until_free(store, now):
    """PostgreSQL learns of a killed client a moment later."""
    for _ in range(1000):
        try:
            store.hold("second", now)
        except StoreHeldError:
            continue
        return
    store.hold("second", now)


def test_a_holder_whose_session_was_cut_can_write_no_more_once_another_took_over(postgres_url, keyring, now):
    with Store.open(postgres_url, keyring) as first, Store.open(postgres_url, keyring) as second:
        first.hold("first", now)
        with second.transaction() as tx:
            tx.execute(
                text(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'penstock first%'"
                )
            )
        take_until_free(second, now)
        with pytest.raises(StoreHeldError, match="second already works on it"):
            first.apply(Changes(new_runs=[NewRun("d", "r", RunKind.MANUAL, None, None, None)]), now)
        assert second.live() == []


def rung(bell, within):
    return bool(select.select([bell], [], [], within)[0])


def test_every_listener_of_the_topic_hears_a_request_at_once_and_until_it_drains(store, now):
    first, second, other = store.listen(), store.listen(), store.listen("variables")
    store.submit(CancelRun(1), now)
    assert rung(first, 5)
    assert rung(second, 5)
    assert not rung(other, 0.05)
    first.drain()
    assert not rung(first, 0.05)
    assert rung(second, 0.05)
    store.ring()
    assert rung(first, 5)
    for bell in (first, second, other):
        bell.close()
    store.submit(CancelRun(1), now)


def test_a_ring_crosses_processes(store, child):
    with_bell = store.listen()
    process = child("store.ring(); print('rung', flush=True)")
    assert rung(with_bell, 10)
    assert process.wait(10) == 0
    with_bell.close()


def test_a_transaction_that_fails_rings_nothing(store, now):
    def fail():
        with store.transaction() as tx:
            tx.submit([CancelRun(1)], now)
            raise RuntimeError("stop")

    bell = store.listen()
    with pytest.raises(RuntimeError):
        fail()
    assert not rung(bell, 0.1)
    bell.close()


def test_ten_thousand_rings_that_nobody_drains_block_nobody(store, now):
    bell = store.listen()
    with store.transaction() as tx:
        for _ in range(3):
            tx.submit([CancelRun(1)], now)
    for _ in range(300):
        store.ring()
    assert rung(bell, 1)
    bell.drain()
    bell.close()


def test_a_dead_listener_is_swept_away(tmp_path, keyring, now):
    url = f"sqlite:///{tmp_path}/p.db"
    with Store.open(url, keyring) as store:
        code = CHILD.format(url=url, key="A" * 43 + "=") + "bell = store.listen(); import os; os.kill(os.getpid(), 9)"
        assert subprocess.run([sys.executable, "-c", code], check=False).returncode == -signal.SIGKILL
        assert len(list((tmp_path / "p.db.bells").iterdir())) == 1
        store.submit(CancelRun(1), now)
        assert list((tmp_path / "p.db.bells").iterdir()) == []


def test_the_bell_works_under_a_path_longer_than_any_socket_allows(tmp_path, keyring):
    folder = tmp_path / ("long" * 50)
    with Store.open(f"sqlite:///{folder}/p.db", keyring) as store:
        bell = store.listen()
        store.ring()
        assert rung(bell, 5)
        bell.close()


def test_a_bell_that_cannot_be_made_is_a_sentence(tmp_path, keyring):
    with Store.open(f"sqlite:///{tmp_path}/p.db", keyring) as store:
        (tmp_path / "p.db.bells").write_text("in the way")
        with pytest.raises(StoreError, match="the doorbell cannot be made"):
            store.listen()


def test_a_bell_reconnects_when_the_server_ended_its_session(postgres_url, keyring):
    with Store.open(postgres_url, keyring) as store:
        bell = store.listen()
        with store.transaction() as tx:
            tx.execute(
                text(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'penstock bell%'"
                )
            )
        assert rung(bell, 5)
        bell.drain()
        store.ring()
        assert rung(bell, 5)
        bell.close()


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
    found = {each.run.run: len(each.tasks) for each in store.live()}
    assert all(found[run] == 20 for run in acknowledged)
    assert all(number in (0, 20) for number in found.values()), "a transaction is whole or not at all"
    assert store.check() == []


def test_processes_that_write_at_once_all_succeed(store, child, now):
    code = """
        from penstock.model.request import CancelRun
        for i in range(40):
            store.submit(CancelRun({n} * 1000 + i), now)
        """
    processes = [child(code.format(n=n)) for n in (1, 2)]
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(lambda n: store.submit(CancelRun(3000 + n), now), range(40)))
    assert [process.wait(60) for process in processes] == [0, 0]
    found = [request.run for _, request in store.requests()]
    assert sorted(found) == [n * 1000 + i for n in (1, 2, 3) for i in range(40)]
    for n in (1, 2):
        own = [run for run in found if run // 1000 == n]
        assert own == sorted(own), "requests of one process keep their order"
