"""Who schedules: one process with a file, and with PostgreSQL the first of those whose leases have not ended."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time

import pytest
from msgspec.structs import replace
from sqlalchemy import text

from penstock.errors import StoreError, StoreFencedError, StoreHeldError, StoreUnavailableError
from penstock.model.changes import Changes
from penstock.model.dag import DagSpec, TaskSpec
from penstock.model.request import CancelRun, DagChanged, PoolsChanged
from penstock.model.run import NewRun, RunKind
from penstock.model.source import ParsedFile
from penstock.store import LoaderCatalog, Share, Store

RUN = Changes(new_runs=[NewRun("d", "r", RunKind.MANUAL, None, None, None)])
HOLD = """
import sys
from datetime import UTC, datetime
from penstock.store import Keyring, Store
store = Store.open({url!r}, Keyring([{key!r}], "test"))
store.role.acquire("child", datetime.now(UTC), {place!r}, lease_s={lease_s})
with store.transaction() as tx:
    print("held", flush=True)
    {within}
print("done", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def child(url):
    """Start a process that acquires the role, and does something within a transaction; it has begun that when this returns."""
    running = []

    def start(place="", within="pass", lease_s=5.0):
        code = HOLD.format(url=url, key="A" * 43 + "=", place=place, within=within, lease_s=lease_s)
        process = subprocess.Popen(
            [sys.executable, "-c", code], stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True
        )
        running.append(process)
        assert process.stdout.readline() == "held\n"
        return process

    yield start
    for process in running:
        process.kill()
        process.communicate()


@pytest.fixture
def member(url, keyring, now):
    """A function that opens the database as a scheduler of a place."""
    opened = []

    def join(place="", name="penstock up"):
        store = Store.open(url, keyring)
        opened.append(store)
        store.role.acquire(name, now, place)
        return store

    yield join
    for store in opened:
        store.close()


def expire(store, *, count=1):
    """Have the leases of the first ones end, as if they had not been heard for so long."""
    with store.database.write() as connection:
        first = "SELECT number FROM scheduler WHERE fenced_at IS NULL ORDER BY number LIMIT :count"
        query = f"UPDATE scheduler SET expires_at = clock_timestamp() - interval '1 ms' WHERE number IN ({first})"
        connection.execute(text(query), {"count": count})


def test_the_second_in_one_place_is_refused_with_the_first_named(member):
    first = member()
    with pytest.raises(
        StoreHeldError,
        match=rf"penstock up already works on it \(scheduler process {os.getpid()} on .*, since 2026-03-01 12:30:15 UTC",
    ):
        member()
    assert [holder.pid for holder in first.role.holders()] == [os.getpid()]


def test_the_role_is_free_after_close(store, member):
    member().close()
    assert store.role.holders() == []
    assert member(name="second").role.holders()[0].holder == "second"


def test_the_role_is_free_after_a_kill_and_the_next_need_not_wait_for_a_lease(child, member):
    process = child()
    with pytest.raises(StoreHeldError, match=f"child already works on it .scheduler process {process.pid}"):
        member()
    process.kill()
    process.wait()
    assert [holder.holder for holder in member().role.holders()] == ["penstock up"]


def test_a_holder_whose_lock_file_was_deleted_makes_it_again_at_its_next_write(tmp_path, keyring, now):
    url = f"sqlite:///{tmp_path}/p.db"
    with Store.open(url, keyring) as first, Store.open(url, keyring) as second:
        first.role.acquire("first", now)
        (tmp_path / "p.db.lock").unlink()
        first.requests.submit(CancelRun(1), now)
        with pytest.raises(StoreHeldError, match="first already works on it"):
            second.role.acquire("second", now)


def test_a_holder_whose_lock_file_was_deleted_writes_nothing_once_another_took_over(tmp_path, keyring, now):
    url = f"sqlite:///{tmp_path}/p.db"
    with Store.open(url, keyring) as first, Store.open(url, keyring) as second:
        first.role.acquire("first", now)
        (tmp_path / "p.db.lock").unlink()
        second.role.acquire("second", now)
        with pytest.raises(StoreHeldError, match="second already works on it"):
            first.requests.submit(CancelRun(1), now)
        assert second.requests.pending() == []


@pytest.fixture
def dags(store, now):
    """Some DAGs that nobody owns."""
    names = ["a", "b", "c", "d"]
    catalog = LoaderCatalog(store, store.config.variable_values, lambda: now)
    for name in names:
        dag = DagSpec(name, f"{name}.py", (TaskSpec("count"),))
        catalog.save(ParsedFile(f"{name}.py", "snapshot", {}, {}, None, now, 0.1, (dag,)))
    catalog.close()
    return names


@pytest.mark.parametrize("url", ["postgres"], indirect=True)
def test_a_dag_has_one_owner_whoever_asks_for_it_at_once(member, dags):
    members = [member(place) for place in "vwxyz"]
    found, barrier = [], threading.Barrier(len(members))

    def race(each):
        barrier.wait()
        found.extend(each.role.dags.claim(dags))

    racing = [threading.Thread(target=race, args=(each,)) for each in members]
    for each in racing:
        each.start()
    for each in racing:
        each.join()
    assert sorted(found) == dags
    assert sorted(dag_id for each in members for dag_id in each.role.dags.ids()) == dags
    assert members[0].role.dags.membership().unowned == ()


@pytest.mark.parametrize("url", ["postgres"], indirect=True)
def test_who_leaves_or_is_lost_leaves_its_dags_to_others(member, dags):
    first, second, third = member("x"), member("y"), member("z")
    first.role.dags.claim(["a", "b"])
    second.role.dags.claim(["c", "d"])
    second.role.dags.free(["d"])
    assert third.role.dags.membership().unowned == ("d",)
    first.close()
    assert third.role.dags.membership().unowned == ("a", "b", "d")
    expire(third)
    assert third.role.take_over()
    assert third.role.dags.ids() == {"c"}, "of one that is lost, whoever fences it has all"
    assert [(holder.place, owned) for holder, owned in third.role.owners()] == [("z", 1)]


@pytest.mark.parametrize("url", ["postgres"], indirect=True)
def test_requests_are_read_by_the_owner_of_their_dag(member, dags, store, now):
    first, second = member("x"), member("y")
    (run,) = store.apply(Changes(new_runs=[NewRun("a", "r", RunKind.MANUAL, None, None, None)]), now)
    first.role.dags.claim(["a"])
    second.role.dags.claim(["b"])
    for _, request in store.requests.pending():
        assert isinstance(request, DagChanged)
    after = max(number for number, _ in store.requests.pending())
    store.requests.submit_all(
        [CancelRun(run.run), DagChanged("b"), PoolsChanged(), DagChanged("c"), DagChanged("gone")], now
    )
    read = lambda each: [dag_id for _, dag_id, _ in each.requests.pending_for(each.role.dags.owner, after)]  # noqa: E731
    assert read(first) == ["a", "", "c", ""]
    assert read(second) == ["b", "", "c", ""]
    assert [request for _, request in store.requests.pending_about(["a"])][-1] == CancelRun(run.run)


def take(limit, needed):
    """What works out the own share of a limit, as if nobody else were there."""

    def portions(found, at):
        free = limit - sum(each.amount for each in found.get("pool:p", ()))
        return [Share("pool:p", 0, min(free, needed), needed, 1, at)], False

    return portions


@pytest.mark.parametrize("url", ["postgres"], indirect=True)
def test_shares_are_worked_out_one_after_the_other_and_inherited_with_the_dags(member):
    members = [member(place) for place in "vwxyz"]
    barrier = threading.Barrier(len(members))

    def ask(each):
        barrier.wait()

        def portions(found, at):
            (own,), tell = take(12, 3)(found, at)
            return [replace(own, scheduler=each.role.dags.owner)], tell

        each.role.shares.exchange(portions)

    asking = [threading.Thread(target=ask, args=(each,)) for each in members]
    for each in asking:
        each.start()
    for each in asking:
        each.join()

    def amounts():
        seen = []

        def look(found, _):
            seen.extend(found["pool:p"])
            return [each for each in seen if each.scheduler == members[-1].role.dags.owner], False

        members[-1].role.shares.exchange(look)
        return sorted(each.amount for each in seen)

    assert amounts() == [0, 3, 3, 3, 3]
    expire(members[-1], count=4)
    assert members[-1].role.take_over()
    assert amounts() == [12]


def told(act):
    """Do something as a scheduler does it, which goes on once its session was cut: whoever takes over ends those of the one before."""
    with contextlib.suppress(StoreUnavailableError):
        return act()
    return act()


@pytest.mark.parametrize("url", ["postgres"], indirect=True)
def test_who_has_lost_its_lease_can_neither_write_nor_renew_once_another_took_over(member, now):
    first, second = member("a"), member("b")
    expire(first)
    first.apply(RUN, now)
    first.role.renew()
    assert not second.role.take_over(), "a lease that nobody has used may be renewed late"
    expire(first)
    assert second.role.take_over()
    for act in (lambda: first.apply(RUN, now), first.role.renew, first.role.forget_others):
        with pytest.raises(StoreFencedError, match="another scheduler has taken over from scheduler 1"):
            told(act)
    second.apply(Changes(), now)
    assert len(second.runs.live()) == 1


@pytest.mark.parametrize("url", ["postgres"], indirect=True)
def test_a_number_that_a_server_gives_again_after_losing_commits_is_no_token(member, now):
    first = member("a")
    with first.database.write() as connection:
        connection.execute(text("UPDATE scheduler SET incarnation = 'another process'"))
    with pytest.raises(StoreFencedError):
        first.apply(RUN, now)


@pytest.mark.parametrize("url", ["postgres"], indirect=True)
def test_of_those_that_want_to_take_over_at_once_one_does(member):
    first, rivals = member("a"), [member(place) for place in "bcdef"]
    expire(first)
    found, barrier = [], threading.Barrier(len(rivals))

    def race(rival):
        barrier.wait()
        found.append((rival.role.take_over(), rival))

    racing = [threading.Thread(target=race, args=(rival,)) for rival in rivals]
    for each in racing:
        each.start()
    for each in racing:
        each.join()
    assert sum(took for took, _ in found) == 1


@pytest.mark.parametrize("url", ["postgres"], indirect=True)
def test_one_that_is_stopped_within_a_transaction_holds_up_nobody_and_its_transaction_is_void(child, member, now):
    text_of = "from sqlalchemy import text; tx.execute(text(\"INSERT INTO meta VALUES ('stopped', 'yes')\")); "
    process = child("a", text_of + "print('inside', flush=True); sys.stdin.readline()", lease_s=0.05)
    assert process.stdout.readline() == "inside\n"
    process.send_signal(signal.SIGSTOP)
    second = member("b")
    while not second.role.take_over(time.monotonic()):
        pass  # its lease ends by the server's clock, within a moment
    second.apply(RUN, now)
    process.send_signal(signal.SIGCONT)
    process.stdin.write("go on\n")
    process.stdin.flush()
    assert process.wait(60) == 1, "its commit fails"
    with second.database.read() as connection:
        assert connection.execute(text("SELECT count(*) FROM meta WHERE key = 'stopped'")).scalar() == 0


@pytest.mark.parametrize("url", ["postgres"], indirect=True)
def test_tries_of_another_place_are_waited_for_until_they_have_ended(member):
    member("a")
    member("b")
    third = member("c")
    assert third.role.others_s() == 0
    expire(third, count=2)
    assert third.role.take_over()
    third.role.renew()
    assert 124 < third.role.others_s() <= 125
    third.role.forget_others()
    assert third.role.others_s() > 124, "they may live"
    with third.database.write() as connection:
        connection.execute(text("UPDATE scheduler SET fenced_at = fenced_at - interval '126 s' WHERE place = 'a'"))
    assert third.role.others_s() > 124
    again = member("b")
    assert again.role.others_s() <= 0, "its own place tells by a lock what lives"
    again.role.forget_others()
    assert third.role.others_s() == 0


@pytest.mark.parametrize("url", ["postgres"], indirect=True)
def test_who_leaves_while_tries_of_a_lost_machine_may_run_leaves_what_they_hold_with_their_dags(member, dags):
    lost, leaving, heir = member("a"), member("b"), member("c")

    owner = lost.role.dags.owner
    lost.role.dags.claim(["a"])
    lost.role.shares.exchange(lambda _, at: ([Share("pool:p", owner, 2, 2, 1, at)], False))
    expire(lost)
    assert leaving.role.take_over()
    leaving.close()
    assert heir.role.dags.membership().unowned == ("b", "c", "d"), "what may run elsewhere is not free"
    assert heir.role.take_over()
    assert heir.role.dags.ids() == {"a"}
    found = {}
    heir.role.shares.exchange(lambda shares, _: (found.update(shares) or [], False))
    assert [(each.scheduler, each.amount) for each in found["pool:p"]] == [(heir.role.dags.owner, 2)]
    assert 120 < heir.role.others_s() <= 125, "who has left adds nothing to the time in which tries may run on"


@pytest.mark.parametrize("url", ["postgres"], indirect=True)
def test_who_follows_the_scheduler_works_where_it_works_and_writes_nothing_elsewhere(member, store, now):
    assert store.role.follow("b"), "nobody works elsewhere"
    first, second = member("a"), member("b")
    assert not store.role.follow("b")
    with pytest.raises(StoreFencedError, match="a scheduler on another machine has taken over"):
        store.apply(RUN, now)
    first.close()
    assert store.role.follow("b")
    store.apply(RUN, now)
    assert len(second.runs.live()) == 1


def test_with_a_file_the_scheduler_is_never_elsewhere(tmp_path, keyring):
    with Store.open(f"sqlite:///{tmp_path}/p.db", keyring) as store:
        assert store.role.follow("anywhere")


@pytest.mark.parametrize("url", ["postgres"], indirect=True)
def test_a_session_that_cannot_be_had_leaves_the_lease_to_end_by_itself(member, monkeypatch):
    first, second = member("a"), member("b")
    monkeypatch.setattr(first.database, "write", _unreachable)
    first.close()
    assert not second.role.take_over()
    expire(second)
    assert second.role.take_over()


def _unreachable():
    raise StoreError("the server cannot be reached.")
