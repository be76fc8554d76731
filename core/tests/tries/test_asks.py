"""What tries ask, answered or refused; user code chooses every argument."""

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from penstock.author.runtime import BaseRuntime
from penstock.clock import SystemClock
from penstock.errors import RequestError
from penstock.model.assets.event import NewAssetEvent
from penstock.model.changes import Changes
from penstock.model.dag import DagSpec, ParamSpec, TaskSpec
from penstock.model.request import ClearTasks, TriggerDagRun
from penstock.model.run import NewRun, RunKind, TaskInstance, TaskKey, Try, XCom
from penstock.model.source import ParsedFile
from penstock.model.state import RunState, TaskState
from penstock.spec.wire import Ask, Reply
from penstock.store import Keyring, LoaderCatalog, Store
from penstock.tries.asks import PAGE, PAGE_BYTES, Asks, answered, checked_arguments, read_instant
from penstock.tries.vault import Vault, finished
from penstock.tries.vault_sources import StoreSource
from penstock_testkit.nightly import at_night

KEY, OTHER, NOW = TaskKey(1, "t"), TaskKey(9, "t"), datetime(2026, 3, 1, tzinfo=UTC)


def reply_of(asks, key, ask):
    begun = asks.begin(key, 1, ask)
    return begun if isinstance(begun, Reply) else answered(finished, begun)


@pytest.fixture
def store(tmp_path):
    with Store.open(f"sqlite:///{tmp_path}/penstock.db", Keyring.of_file(tmp_path / "key")) as opened:
        yield opened


@pytest.fixture
def asks(store):
    return Asks(store, SystemClock(), Vault([StoreSource(store)]))


def test_every_method_of_the_runtime_but_opening_stores_is_answered(asks):
    wanted = {name for name in vars(BaseRuntime) if not name.startswith("_") and callable(getattr(BaseRuntime, name))}
    assert set(asks._methods) == wanted - {"object_store"}


@pytest.mark.parametrize(
    ("ask", "told"),
    [
        (Ask("variable", (None,)), "variable(key=None): key must be str"),
        (Ask("variable", (5,)), "key must be str"),
        (Ask("variable", ([1],)), "key must be str"),
        (Ask("variable", ()), "takes 1 arguments, key; it got 0"),
        (Ask("xcom", ("t", "k", "x")), "map_index must be"),
        (Ask("xcom", ("t", "k", 2**70)), ""),
        (Ask("xcom_page", ("t", "k", -1)), "it must be 0 or more"),
        (Ask("xcom_page", ("t", "k", 2**70)), "it must be 0 or more"),
        (Ask("xcom_page", ("t", "k", None)), "first must be int"),
        (Ask("set_variable", ("k", 1)), "value must be"),
        (Ask("set_variable", ("k\0", "v")), "printable characters"),
        (Ask("trigger_dag", ("d", "r", [], "")), "conf must be"),
        (Ask("connection", ({},)), "conn_id must be str"),
        (Ask("connection", ("gone",)), "'gone'"),
        (Ask("trigger_dag", ("gone", "r", {}, "")), "'gone'"),
        (Ask("fly", ()), "'fly', which this scheduler does not know"),
        (Ask("__init__", ()), "does not know"),
    ],
)
def test_a_question_that_cannot_be_answered_gets_a_sentence(asks, ask, told):
    reply = reply_of(asks, KEY, ask)
    assert told in reply.error
    assert bool(reply.error) == bool(told)


@pytest.mark.parametrize(
    ("size", "first", "count"),
    [(10, 0, PAGE), (10, 120, 30), (10, 150, 0), (PAGE_BYTES // 4, 0, 4), (PAGE_BYTES * 2, 3, 1)],
    ids=["a full page", "the last one", "beyond the last", "few large values", "one that is larger than a page"],
)
def test_a_page_of_values_holds_what_fits_and_at_least_one(asks, store, size, first, count):
    run = store.apply(Changes(new_runs=[NewRun("d", "r", RunKind.MANUAL, None, None, None)]), NOW)[0].run
    values = [XCom(run, "m", index, "k", b'"%s"' % (b"x" * (size - 2))) for index in range(150 if size == 10 else 6)]
    store.apply(Changes(xcoms=values), NOW)
    reply = reply_of(asks, TaskKey(run, "t"), Ask("xcom_page", ("m", "k", first)))
    assert len(json.loads(reply.value)) == count


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@settings(max_examples=at_night(200, 50), deadline=None)
@given(
    method=st.sampled_from(
        [
            "connection",
            "variable",
            "set_variable",
            "checkpoint",
            "set_checkpoint",
            "kept_state",
            "set_kept_state",
            "xcom",
            "xcom_page",
            "trigger_dag",
            "clear_run",
            "run_state",
            "nonsense",
        ]
    ),
    args=st.lists(ANYTHING, max_size=5),
)
def test_no_argument_that_a_task_can_make_raises_in_the_scheduler(method, args):
    try:
        checked_arguments(Ask(method, tuple(args)))
    except RequestError:
        pass
    except AttributeError:
        assert method == "nonsense"  # refused by name before its arguments are looked at


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2026-01-31", datetime(2026, 1, 31, tzinfo=UTC)),
        ("2026-01-31T06:00:00", datetime(2026, 1, 31, 6, tzinfo=UTC)),
        ("2026-01-31T06:00:00+02:00", datetime(2026, 1, 31, 4, tzinfo=UTC)),
        ("2026-01-31T06:00:00Z", datetime(2026, 1, 31, 6, tzinfo=UTC)),
    ],
)
def test_a_logical_date_is_read_as_airflow_reads_it(text, instant):
    assert read_instant(text) == instant


@pytest.mark.parametrize("text", ["soon", "2026-02-31", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "\0"])
def test_a_logical_date_that_is_none_is_refused_with_the_value(text):
    with pytest.raises(RequestError, match="logical_date="):
        read_instant(text)


@pytest.mark.parametrize(
    ("run_id", "date", "told"),
    [
        ("r\0", "", "printable characters"),
        ("", "", "printable characters"),
        (" r", "", "printable characters"),
        ("r" * 300, "", "printable characters"),
        ("r", "soon", "logical_date='soon'"),
    ],
)
def test_nothing_is_stored_of_a_trigger_that_cannot_be_carried_out(asks, store, run_id, date, told):
    assert told in reply_of(asks, KEY, Ask("trigger_dag", ("d", run_id, {}, date))).error
    assert list(store.requests.pending(0)) == []


def saved(store, spec):
    catalog = LoaderCatalog(store, store.config.variable_values, lambda: NOW)
    catalog.save(ParsedFile("d.py", "snapshot", {}, {}, None, NOW, 0.1, (spec,)))
    catalog.close()


def test_a_task_that_asks_for_a_run_is_told_what_is_wrong_with_its_parameters(asks, store):
    saved(store, DagSpec("d", "d.py", params={"n": ParamSpec(1, schema={"type": "integer"})}))
    told = reply_of(asks, KEY, Ask("trigger_dag", ("d", "r", {"n": "x"}, ""))).error
    assert "the param 'n' of DAG 'd' should be of type integer, and 'x' was given" in told
    assert not any(isinstance(each, TriggerDagRun) for _, each in store.requests.pending(0))


def test_a_run_that_is_to_run_again_has_not_ended_for_whoever_asks_for_that(asks, store):
    saved(store, DagSpec("d", "d.py"))
    assert reply_of(asks, OTHER, Ask("clear_run", ("d", "r"))).value is False
    store.apply(Changes(new_runs=[NewRun.manual("d", "r", None, None)]), NOW)
    run = store.runs.find("d", "r")
    ended = replace(run, state=RunState.SUCCESS, version="old")
    store.apply(Changes(runs=[ended]), NOW)
    assert reply_of(asks, OTHER, Ask("run_state", ("d", "r"))).value == "success"
    assert reply_of(asks, OTHER, Ask("clear_run", ("d", "r"))).value is True
    ((number, request),) = [each for each in store.requests.pending() if isinstance(each[1], ClearTasks)]
    assert request == ClearTasks(run.run, version=store.dags.state("d").version)
    assert reply_of(asks, OTHER, Ask("run_state", ("d", "r"))).value == "queued"
    store.apply(Changes(handled=[number]), NOW)
    assert reply_of(asks, OTHER, Ask("run_state", ("d", "r"))).value == "success"


def test_a_run_that_would_reset_itself_is_refused(asks, store):
    saved(store, DagSpec("d", "d.py"))
    [run] = store.apply(Changes(new_runs=[NewRun.manual("d", "r", None, None)]), NOW)
    told = reply_of(asks, TaskKey(run.run, "t"), Ask("clear_run", ("d", "r")))
    assert told.error.startswith("run 'r' of DAG 'd' cannot reset itself: it would begin anew for ever.")
    assert not any(isinstance(each, ClearTasks) for _, each in store.requests.pending(0))


def test_a_run_that_is_triggered_now_has_the_present_as_its_logical_date(asks, store):
    saved(store, DagSpec("d", "d.py"))
    before = SystemClock().now()
    for run_id, date in (("now", "now"), ("dated", "2026-01-31"), ("undated", "")):
        assert not reply_of(asks, KEY, Ask("trigger_dag", ("d", run_id, {}, date))).error
    now, dated, undated = (each for _, each in store.requests.pending(0) if isinstance(each, TriggerDagRun))
    assert before <= now.logical_date <= SystemClock().now()
    assert (dated.logical_date, undated.logical_date) == (datetime(2026, 1, 31, tzinfo=UTC), None)


@pytest.fixture
def waits(store):
    """The epoch of a task instance's current try."""
    [run] = store.apply(Changes(new_runs=[NewRun("d", "r", RunKind.MANUAL, None, None, None)]), NOW)
    task, current = TaskInstance(*KEY, TaskState.RUNNING, epoch=1), Try(*KEY, 1, 1, "local", NOW)
    store.apply(Changes(tasks=[task], tries=[current]), NOW)
    assert run.run == KEY.run


def test_a_checkpoint_is_kept_found_and_deleted(asks, waits):
    assert reply_of(asks, KEY, Ask("checkpoint", ("page",))) == Reply(None)
    assert reply_of(asks, KEY, Ask("set_checkpoint", ("page", '{"at":7}'))) == Reply()
    assert reply_of(asks, KEY, Ask("checkpoint", ("page",))) == Reply('{"at":7}')
    reply_of(asks, KEY, Ask("set_checkpoint", ("page", None)))
    assert reply_of(asks, KEY, Ask("checkpoint", ("page",))) == Reply(None)


@pytest.mark.parametrize(
    ("key", "value", "told"),
    [
        ("page", '"' + "x" * 65_535 + '"', "has 65,537 bytes of JSON; at most 65,536 are kept"),
        ("page", "{", "Keep what has a JSON form"),
        ("page", "\ud800", "Keep what has a JSON form"),
        ("a\0b", "1", "printable characters"),
        ("", "1", "printable characters"),
        ("page", {"at": 7}, "value must be"),
    ],
)
def test_a_checkpoint_that_cannot_be_kept_is_refused_with_a_sentence(asks, waits, key, value, told):
    assert told in reply_of(asks, KEY, Ask("set_checkpoint", (key, value))).error


def test_state_of_the_task_and_of_an_asset_is_kept_under_a_number(asks, waits):
    assert reply_of(asks, KEY, Ask("kept_state", ("", "page"))) == Reply(None)
    assert reply_of(asks, KEY, Ask("set_kept_state", ("", "page", '{"at":7}', 0))) == Reply(True)
    assert reply_of(asks, KEY, Ask("set_kept_state", ("", "page", "8", 0))) == Reply(False)
    number, text = reply_of(asks, KEY, Ask("kept_state", ("", "page"))).value
    assert text == '{"at":7}'
    assert reply_of(asks, KEY, Ask("kept_state", ("s3://lake", "page"))) == Reply(None)
    assert reply_of(asks, KEY, Ask("set_kept_state", ("", "page", None, number))) == Reply(True)
    assert reply_of(asks, KEY, Ask("kept_state", ("", "page"))) == Reply(None)
    assert "is over" in asks.begin(KEY, 0, Ask("set_kept_state", ("", "page", "1", None))).error


@pytest.mark.parametrize(
    ("key", "value", "told"),
    [
        ("", "1", "state ''"),
        ("page", "{", "Keep what has a JSON form"),
        ("page", f'"{"x" * 65_535}"', "at most 65,536 are kept"),
    ],
)
def test_state_that_cannot_be_kept_is_refused_with_a_sentence(asks, waits, key, value, told):
    assert told in reply_of(asks, KEY, Ask("set_kept_state", ("", key, value, None))).error


def test_who_is_no_try_has_no_checkpoints(asks, waits):
    reply = asks.begin(KEY, 0, Ask("checkpoint", ("page",)))
    assert reply.error_type == "SupersededError"


def test_events_are_told_page_by_page(asks, store):
    store.apply(Changes(asset_events=[NewAssetEvent("a", {"n": n}) for n in range(PAGE + 5)]), NOW)
    reply = reply_of(asks, KEY, Ask("asset_events", ("a", 0, 10**6)))
    found = json.loads(reply.value)
    assert [(each["number"], each["extra"]["n"]) for each in (found[0], found[-1])] == [(1, 0), (PAGE, PAGE - 1)]
    assert found[0]["timestamp"] == NOW.isoformat()
    assert len(json.loads(reply_of(asks, KEY, Ask("asset_events", ("a", PAGE, 10**6))).value)) == 5
    assert "0 or more" in reply_of(asks, KEY, Ask("asset_events", ("a", -1, 5))).error


def test_the_state_of_another_dag_is_that_of_the_newest_run_of_the_date_and_the_sensor_is_poked_when_it_ends(
    asks, store
):
    spec = DagSpec("d", "d.py", (TaskSpec("t"), TaskSpec("g.u"), TaskSpec("g.v")), groups={"g": ("g.u",)})
    catalog = LoaderCatalog(store, store.config.variable_values, lambda: NOW)
    catalog.save(ParsedFile("d.py", "s", {}, {}, None, NOW, 0.1, (spec,)))
    catalog.close()
    version = store.dags.state("d").version
    new = [NewRun("d", name, RunKind.MANUAL, NOW, None, None, version=version) for name in ("old", "new")]
    _, run = store.apply(Changes(new_runs=new), NOW)
    rows = [TaskInstance(run.run, task, -1, TaskState.SUCCESS) for task in ("t", "g.u")]
    store.apply(Changes(tasks=rows), NOW)

    def state(*wanted):
        return reply_of(asks, KEY, Ask("external_states", wanted))

    at = NOW.isoformat()
    assert json.loads(state("d", ["t"], "", [at]).value)[0]["tasks"] == {"t": ["success"]}
    assert json.loads(state("d", [], "g", [at]).value)[0] == {
        "date": at, "run": "queued", "tasks": {"g.u": ["success"], "g.v": []},
    }  # fmt: skip
    ended = Changes(tasks=[TaskInstance(run.run, "g.v", -1, TaskState.FAILED)])
    assert (asks.watch.poked_by(ended), asks.watch.poked_by(ended)) == ([(KEY, 1)], [])
    assert json.loads(state("gone", [], "", [at]).value)[0]["run"] is None
    assert "no task of DAG 'd' is named 'x'" in state("d", ["x"], "", [at]).error
    assert "no task group of DAG 'd' is named" in state("d", [], "x", [at]).error
    assert "at most 1,000" in state("d", [], "", [at] * 1001).error
    assert "is no instant" in state("d", [], "", ["soon"]).error
