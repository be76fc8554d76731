"""Lines are found in the logs of all runs, and only of those that may be seen."""

import os

import msgspec
import pytest

from penstock.app.log_indexer import log_indexer
from penstock.errors import ForbiddenError, RequestError
from penstock.model.access.permission import Role
from penstock.model.access.principal import Grant, Principal
from penstock.model.changes import Changes
from penstock.model.run import TaskKey, Try
from penstock.model.state import Outcome, RunState
from penstock.service import dags
from penstock.service.log_view import log_search
from penstock.service.log_view.log_search import search_logs
from penstock.store import LogSearch
from penstock.tries.paths import log_path

T = "2026-03-01T12:00:0{}.000Z"
RUN = "one é/→" + "x" * 240
"""A run id whose folder has another name."""
TEXT = f"""DeadlockDetected at once
{T.format(1)} INFO shop.orders: load_orders_3 begins
{T.format(2)} ERROR shop: deadlock in orders
Traceback of the deadlock
{T.format(3)} INFO shop: done
"""


@pytest.fixture
def logs(installation, store, now):
    """Indexes what a test writes into logs of tries."""
    made = {}

    def write(dag_id, task_id, text, epoch=1):
        if dag_id not in made:
            run = dags.trigger(installation, dag_id, run_id=RUN).run
            store.apply(
                Changes(runs=[msgspec.structs.replace(run, state=RunState.SUCCESS, started_at=now, ended_at=now)]), now
            )
            made[dag_id] = run
        tried = Try(made[dag_id].run, task_id, -1, epoch, epoch, "local", now, outcome=Outcome.SUCCESS)
        store.apply(Changes(tries=[tried]), now)
        path = log_path(installation.settings.logs_folder, dag_id, RUN, TaskKey(tried.run, task_id), epoch)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        os.utime(path, (now.timestamp(), now.timestamp()))
        search = LogSearch.make(store, installation.settings.state_folder)
        log_indexer(installation, search).step()
        search.close()
        return path

    (installation.settings.state_folder).mkdir(exist_ok=True)
    return write


def found(installation, *words, **options):
    hits = search_logs(installation, words, **options)
    return [hit.text for hit in hits.items]


def test_a_line_is_found_with_where_it_is(installation, logs, now):
    logs("sales", "extract", TEXT)
    (hit,) = search_logs(installation, ["orders", "begins"]).items
    assert (hit.dag_id, hit.run_id, hit.task_id, hit.map_index, hit.dispatch) == ("sales", RUN, "extract", -1, 1)
    assert (hit.offset, hit.level, hit.source, hit.text) == (25, "info", "shop.orders", "load_orders_3 begins")
    assert hit.time.isoformat() == "2026-03-01T12:00:01+00:00"
    assert found(installation, "deadlock") == [
        "Traceback of the deadlock",
        "deadlock in orders",
        "DeadlockDetected at once",
    ]
    assert found(installation, '"deadlock in"') == ["deadlock in orders"]
    assert found(installation, "deadlock", "begins") == [], "the words are in one chunk, and in no line"
    result = search_logs(installation, ["nothing"])
    assert (result.items, result.next, result.searched_days, result.days, result.since) == ((), "", 1, 1, now)


def test_level_and_time_choose_lines_and_what_was_printed_after_them(installation, logs):
    logs("sales", "extract", TEXT)
    grave = ["Traceback of the deadlock", "deadlock in orders"]
    assert found(installation, "deadlock", level="error") == grave
    (third,) = search_logs(installation, ["done"]).items
    assert found(installation, "deadlock", since=third.time) == ["DeadlockDetected at once"], (
        "when it was indexed, for want of a time"
    )
    assert found(installation, "deadlock", until=third.time) == grave


def test_other_teams_logs_are_not_found(installation, logs):
    logs("sales", "extract", "secret of sales\n")
    logs("stock", "count", "secret of stock\n")
    assert found(installation, "secret") == ["secret of stock", "secret of sales"]
    assert (
        found(installation, "secret", dag_id="sales")
        == found(installation, "secret", task_id="extract")
        == ["secret of sales"]
    )
    viewer = installation.seen_by(Principal("ann", (Grant(Role.VIEWER, dags=("sales",)),)))
    assert found(viewer, "secret") == ["secret of sales"]
    assert found(viewer, "secret", dag_id="stock") == []
    tagged = installation.seen_by(Principal("bob", (Grant(Role.VIEWER, tags=("daily",)),)))
    assert found(tagged, "secret") == ["secret of sales"]
    with pytest.raises(ForbiddenError):
        found(installation.seen_by(Principal("eve", ())), "secret")


@pytest.mark.parametrize("limit", [1, 3, 7])
def test_parts_go_on_where_the_last_one_has_stopped(installation, logs, limit, monkeypatch):
    monkeypatch.setattr(log_search, "_BATCH", 2)
    monkeypatch.setattr(log_search, "MOST_CHUNKS", 3)
    for epoch in (1, 2):
        logs("sales", "extract", "".join(f"order {epoch} {n}\n" for n in range(200)), epoch)
    texts, cursor, parts = [], "", 0
    while cursor or not parts:
        part = search_logs(installation, ["order"], limit=limit, after=cursor)
        texts += [hit.text for hit in part.items]
        cursor, parts = part.next, parts + 1
    assert texts == [f"order {epoch} {n}" for epoch in (2, 1) for n in reversed(range(200))]
    assert parts > 400 // limit // 2


def test_a_log_that_is_deleted_is_counted_and_not_shown(installation, logs):
    logs("sales", "extract", TEXT).unlink()
    result = search_logs(installation, ["deadlock"])
    assert (result.items, result.unread) == ((), 1)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"level": "loud"}, "level: 'loud' is none"),
        ({"limit": 0}, "out of range"),
        ({"after": "1.2"}, "after: '1.2' is what no page of this list ended with"),
    ],
)
def test_what_makes_no_sense_is_refused(installation, logs, options, told):
    with pytest.raises(RequestError, match=told):
        search_logs(installation, ["x"], **options)


def test_an_installation_without_index_says_how_to_have_one(installation):
    with pytest.raises(RequestError, match=r"logs are not indexed here\. Set `index = true` in \[logs\]"):
        search_logs(installation, ["x"])
