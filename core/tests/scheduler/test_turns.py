"""No input stops the house: what cannot be handled is put aside with its reason, and all else goes on."""

from datetime import UTC, datetime

import pytest
from msgspec.structs import replace
from sqlalchemy import select, text

from penstock.errors import NotFoundError, RequestError
from penstock.model.attempt import TryEnd, Value
from penstock.model.dag import DagSpec, TaskSpec
from penstock.model.history.quarantine import Quarantined, QuarantineKind
from penstock.model.request import CancelRun, MarkTask, TriggerDagRun, decode
from penstock.model.run import TaskKey
from penstock.model.schedule import Schedule, ScheduleKind
from penstock.model.state import Outcome
from penstock.spec.executor import LOCAL, Heartbeat, TryFinished, TryStarted
from penstock.store.sql import tables
from penstock.store.sql.notices import read

from .conftest import NOW, SUCCESS, House

BROKEN_SHAPE = DagSpec("broken", "broken.py", (TaskSpec("a", upstream=("nobody",)),))
BROKEN_TIMES = DagSpec("unreadable", "unreadable.py", schedule=Schedule(ScheduleKind.CRON, crons=("nonsense",)))


def told(house):
    """What is in quarantine: kind and subject of each."""
    return sorted((thing.kind.value, thing.subject) for thing in house.store.quarantine.all())


def test_a_request_that_cannot_be_carried_out_is_put_aside_and_its_neighbours_are_not(house):
    house.define(house.simple())
    house.trigger(run_id="before")
    with house.store.transaction() as tx:
        tx.submit([decode(b"garbage"), decode(b'{"type":"fly","n":[' + b"[" * 5000)], NOW)
    house.trigger(run_id="n\0l")
    house.submit(MarkTask(1, "count", 2**40, "success"), CancelRun(99))
    house.trigger(run_id="x" * 10)
    house.schedule()
    assert house.states() == {"before": "success", "x" * 10: "success"}
    assert [kind for kind, _ in told(house)] == ["request"] * 3
    assert house.store.requests.pending() == []
    reasons = " ".join(thing.reason for thing in house.store.quarantine.all())
    assert "cannot be read" in reasons
    assert "NUL character" in reasons or "\\u0000" in reasons
    house.schedule()
    assert len(told(house)) == 3, "nothing is tried again by itself"


def test_a_dag_that_cannot_be_handled_is_put_aside_until_it_changes_and_its_neighbours_run(house):
    house.define(house.simple(), BROKEN_TIMES)
    house.trigger()
    house.schedule()
    assert house.states() == {"one": "success"}
    assert told(house) == [("DAG", "DAG 'unreadable'")]
    house.trigger(run_id="two")
    house.schedule()
    assert (house.states(), told(house)) == ({"one": "success", "two": "success"}, [("DAG", "DAG 'unreadable'")])
    house.define(replace(house.simple("unreadable"), file="unreadable.py"))
    house.trigger("unreadable", run_id="three")
    house.schedule()
    assert (house.states()["three"], told(house)) == ("success", [])


def test_a_run_that_cannot_be_handled_fails_with_the_reason(house):
    house.define(house.simple(), BROKEN_SHAPE)
    house.trigger("broken", run_id="bad")
    house.trigger()
    house.schedule()
    assert house.states()["one"] == "success"
    assert house.states().get("bad", "never made") in ("failed", "never made")
    assert house.store.quarantine.all()
    house.schedule()


HOSTILE = [
    lambda key, epoch: TryStarted(key, epoch, 2**70, NOW),
    lambda key, epoch: TryStarted(key, epoch, 7, datetime(2026, 1, 1)),  # noqa: DTZ001 - hostile on purpose
    lambda key, epoch: TryFinished(key, epoch, datetime(1, 1, 1), SUCCESS),  # noqa: DTZ001 - hostile on purpose
    lambda key, epoch: TryFinished(key, epoch, NOW, TryEnd(Outcome.SUCCESS, xcoms={"\udcff": Value(b"1")})),
    lambda key, epoch: TryFinished(key, epoch, NOW, TryEnd(Outcome.SUCCESS, xcoms={5: Value(b"1")})),
    lambda key, epoch: TryFinished(key, epoch, NOW, TryEnd(Outcome.SUCCESS, follow=7)),
    lambda key, epoch: TryFinished(key, epoch, NOW, TryEnd("done")),
    lambda key, epoch: TryFinished(key, epoch, NOW, TryEnd(Outcome.FAILED, 5)),
    lambda key, epoch: TryFinished(key, epoch, NOW, TryEnd(Outcome.FAILED, retry_after_s="soon")),
    lambda key, epoch: TryFinished(key, epoch, NOW, None),
]


def test_what_a_try_tells_and_nobody_can_handle_fails_that_try_alone(house):
    house.define(house.simple(), DagSpec("mad", "mad.py", tuple(TaskSpec(f"t{n:02}") for n in range(len(HOSTILE)))))
    sound = house.answer

    def answer(request):
        if request.facts.dag_id == "stock":
            return sound(request)
        return [
            Heartbeat("local", ((request.key, request.epoch),), NOW),
            HOSTILE[int(request.facts.task_id[1:])](request.key, request.epoch),
        ]

    house.answer = answer
    house.trigger("mad", run_id="bad")
    house.trigger()
    house.schedule()
    assert house.states() == {"one": "success", "bad": "failed"}
    states = {task.task_id: task.state.value for task in house.store.runs.tasks(1)}
    assert set(states.values()) == {"failed"}, states
    assert {kind for kind, _ in told(house)} == {"try"}
    assert all(each.attempt.outcome is not None for each in house.store.runs.tries(1))


def test_a_request_is_tried_again_or_forgotten_on_demand_and_a_dag_only_tried_again(house):
    house.define(house.simple(), BROKEN_TIMES)
    house.trigger(run_id="n\0l")
    house.schedule()
    things = {thing.kind.value: thing for thing in house.store.quarantine.all()}
    assert set(things) == {"request", "DAG"}
    with pytest.raises(RequestError, match="stays in quarantine"):
        house.store.quarantine.drop(things["DAG"].number)
    with pytest.raises(NotFoundError, match="no thing in quarantine"):
        house.store.quarantine.retry(99, NOW)
    for thing in things.values():
        house.store.quarantine.retry(thing.number, NOW)
    assert (told(house), len(house.store.requests.pending())) == ([], 2)
    house.schedule()
    assert [kind for kind, _ in told(house)] == ["DAG", "request"]
    request = next(thing for thing in house.store.quarantine.all() if thing.body)
    house.store.quarantine.drop(request.number)
    assert [kind for kind, _ in told(house)] == ["DAG"]


def test_a_row_that_cannot_be_read_fails_its_own_run(house):
    house.define(house.simple())
    house.trigger(run_id="bad")
    house.schedule()
    spec = b'{"dag_id":"stock","file":"stock.py","tasks":[{"task_id":5}]}'
    with house.store.transaction() as tx:
        tx.execute(text("UPDATE dag_spec SET data = :data"), {"data": spec})
        tx.execute(text("UPDATE run SET state = 'running'"))
    house.define(house.simple("other"))
    house.submit(TriggerDagRun("other", "good"))
    house.schedule()
    assert house.states()["good"] == "success"
    assert house.states()["bad"] == "failed"
    assert ("DAG", "DAG 'stock'") in told(house)


def test_a_triggered_run_has_the_data_interval_of_one_by_hand(house):
    daily = Schedule(ScheduleKind.INTERVAL, every_s=86400.0)
    house.define(replace(house.simple(), schedule=daily, paused_upon_creation=True))
    at = datetime(2026, 2, 7, 12, tzinfo=UTC)
    house.trigger(logical_date=at)
    house.trigger(run_id="undated")
    house.settled = lambda: not house.store.requests.pending()
    house.schedule()
    dated, undated = (house.store.runs.find("stock", run_id) for run_id in ("one", "undated"))
    assert (dated.logical_date, dated.interval_start, dated.interval_end) == (at, *daily.manual_interval(at))
    assert dated.interval_start < dated.interval_end
    assert (undated.logical_date, undated.interval_start, undated.interval_end) == (None, None, None)


DAMAGE = [
    "UPDATE run SET conf = '{{' WHERE {}",
    "UPDATE run SET kind = 'odd' WHERE {}",
    "UPDATE task_instance SET state = 'odd' WHERE {}",
    "UPDATE try SET outcome = NULL, late_outcome = 'odd' WHERE {}",
]
DAMAGE_OF_SQLITE = [
    "UPDATE run SET created_at = 9000000000000000000 WHERE {}",
    "UPDATE task_instance SET ended_at = 'soon' WHERE {}",
    "UPDATE task_instance SET epoch = 'many', state = 'scheduled' WHERE {}",
    "UPDATE try SET queued_at = 9000000000000000000, outcome = NULL WHERE {}",
    "UPDATE task_instance SET map_index = 'x', state = 'odd' WHERE {}",
]


def test_whatever_cannot_be_read_of_a_run_costs_that_run_and_can_be_read_afterwards(house):
    sqlite = house.store.database.sqlite
    for number, statement in enumerate(DAMAGE + DAMAGE_OF_SQLITE * sqlite):
        house.define(house.simple())
        house.trigger(run_id="bad")
        house.schedule()
        with house.store.database.write() as connection:
            connection.exec_driver_sql(statement.format("run = (SELECT run FROM run WHERE run_id = 'bad')"))
            connection.exec_driver_sql("UPDATE run SET state = 'running' WHERE run_id = 'bad'")
        house.trigger(run_id=f"good{number}")
        house.schedule()
        bad, good = house.states().pop("bad"), house.states()[f"good{number}"]
        assert good == "success", statement
        if "late_outcome" not in statement:
            assert bad == "failed", statement
            assert [thing.kind.value for thing in house.store.quarantine.all()] == ["run"], statement
        for run in house.store.runs.page(limit=100):
            house.store.runs.tasks(run.run)
            if "late_outcome" not in statement:
                house.store.runs.tries(run.run)
        with house.store.transaction() as tx:
            tx.execute(text("DELETE FROM quarantine"))
            tx.execute(text("UPDATE run SET run_id = :name WHERE run_id = 'bad'"), {"name": f"old{number}"})


def test_a_dag_whose_row_cannot_be_read_is_put_aside_and_its_neighbours_are_not(tmp_path):
    house = House(f"sqlite:///{tmp_path}/penstock.db", tmp_path)
    house.define(house.simple(), house.simple("odd"))
    with house.store.database.write() as connection:
        connection.exec_driver_sql("UPDATE dag SET cursor = 9000000000000000000 WHERE dag_id = 'odd'")
    house.trigger()
    house.trigger("odd", run_id="two")
    house.schedule()
    assert (house.states(), told(house)[0]) == ({"one": "success"}, ("DAG", "DAG 'odd'"))
    house.close()


def test_listeners_are_told_of_a_run_that_is_put_aside(house):
    house.define(house.simple())
    house.trigger(run_id="bad")
    house.answer = lambda request: [TryStarted(request.key, request.epoch, 7, NOW)]
    house.settled = lambda: bool(house.workers.requests)
    house.schedule()
    thing = Quarantined(QuarantineKind.RUN, "run 1", "odd", NOW)
    assert house.store.quarantine.fail_run(thing, 1, notify=True) == [(LOCAL, TaskKey(1, "count"), 1)]
    with house.store.database.read() as connection:
        notices = [read(body) for body in connection.execute(select(tables.notice.c.body)).scalars()]
    assert [(each.previous, each.state, each.reason) for each in notices] == [
        ("running", "cancelled", "odd"),
        ("running", "failed", "odd"),
    ]
