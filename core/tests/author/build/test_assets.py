from datetime import UTC, datetime, timedelta

import pytest

from penstock import (
    DAG,
    Asset,
    AssetAlias,
    AssetAll,
    AssetAny,
    AssetOrTimeSchedule,
    AssetWatcher,
    Dataset,
    EmptyOperator,
    FileDeleteTrigger,
    FileWatcher,
    Metadata,
    PythonOperator,
    task,
)
from penstock.author.build.build import build_dag
from penstock.errors import AuthoringError
from penstock.model.assets.asset_condition import AssetSpec
from penstock.model.assets.file_watch import FileWatch
from penstock.testing import run_dag

A, B, C = Asset("a"), Asset("b"), Asset("c")


@pytest.mark.parametrize(
    ("schedule", "text"),
    [
        (A, "a"),
        ([A], "a"),
        ([A, B], "a & b"),
        (A & B, "a & b"),
        ((A & B) | C, "(a & b) | c"),
        (AssetAny(A, AssetAll(B, C)), "a | (b & c)"),
        (AssetOrTimeSchedule(timetable="@daily", assets=A | B), "@daily | a | b"),
        (AssetOrTimeSchedule("@daily", [A, B]), "@daily | a & b"),
    ],
    ids=str,
)
def test_a_schedule_of_assets_is_stored_as_it_is_written(schedule, text):
    with DAG("d", schedule=schedule) as dag:
        EmptyOperator(task_id="t")
    found = build_dag(dag)
    assert found.schedule.text == text
    assert set(found.assets) == set(found.schedule.assets.assets())


def test_a_dag_holds_what_is_said_of_each_asset_that_it_names():
    orders = Asset("orders", uri="s3://lake/orders", group="sales", extra={"owner": "ada"})
    with DAG("d", schedule=A) as dag:
        made = EmptyOperator(task_id="made", outlets=[orders, B], inlets=[A])
        made >> PythonOperator.partial(task_id="each", python_callable=print, outlets=[Dataset("c")]).expand(
            op_args=[[1], [2]]
        )
    found = build_dag(dag)
    assert [(t.task_id, t.outlets, t.inlets) for t in found.tasks] == [
        ("made", ("b", "s3://lake/orders"), ("a",)),
        ("each", ("c",), ()),
    ]
    assert found.assets["s3://lake/orders"] == AssetSpec("s3://lake/orders", "orders", "sales", {"owner": "ada"})


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        (lambda: Asset(""), "names no asset"),
        (lambda: Asset("s3://köln"), "write ASCII"),
        (lambda: Asset("x" * 1501), "at most 1,500"),
        (lambda: AssetAny("a"), "write assets, such as"),
        (lambda: DAG("d", schedule=["a", A]), "the schedule is"),
        (lambda: DAG("d", schedule=AssetOrTimeSchedule("@daily", "a")), "waits for 'a'; write assets"),
        (lambda: EmptyOperator(task_id="t", outlets=["s3://b"]), r"outlets is \['s3://b'\]; write a list of assets"),
        (lambda: EmptyOperator(task_id="t", inlets=A | B), "inlets is"),
    ],
)
def test_what_names_no_asset_is_refused_with_what_to_write(wrong, sentence):
    def built():
        with DAG("outer") as dag:
            made = wrong()
        build_dag(made if isinstance(made, DAG) else dag)

    with pytest.raises(AuthoringError, match=sentence):
        built()


def test_a_task_reads_the_events_of_its_run_and_its_inlets_and_gives_its_own_what_they_carry():
    seen = {}

    with DAG("d", schedule=A) as dag:

        @task(outlets=[B], inlets=[A, C])
        def use(triggering_asset_events, inlet_events, outlet_events, outlets):
            events = triggering_asset_events[A]
            seen["rows"] = [event.extra["rows"] for event in events]
            seen["last"] = (len(events), events[-1].extra, inlet_events["a"][0].timestamp.tzinfo, len(inlet_events[C]))
            seen["names"] = (list(triggering_asset_events), outlets)
            outlet_events[B].extra["rows"] = sum(seen["rows"])

        use()

    result = run_dag(dag, asset_events={"a": [{"rows": 1}, {"rows": 2}]}).check()
    assert seen["rows"] == [1, 2]
    assert seen["last"] == (2, {"rows": 2}, UTC, 0)
    assert seen["names"] == ([A], [B])
    assert result.asset_events == [("b", {"rows": 3})]


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (lambda outlet_events: outlet_events["z"], "outlet_events has no asset 'z'. Name it in outlets="),
        (lambda triggering_asset_events: triggering_asset_events[B], "triggering_asset_events has no asset 'b'"),
        (lambda outlet_events: outlet_events[B].extra.update(x=object()), "what it gave the event of outlet 'b'"),
        (lambda outlet_events: outlet_events[B].extra.update(x="x" * 70_000), "at most 65,536 are kept"),
        (lambda outlet_events: setattr(outlet_events[B], "extra", [1]), "is [1]; write a dict"),
    ],
)
def test_what_cannot_be_carried_fails_the_task_and_makes_no_event(body, sentence):
    with DAG("d", start_date=datetime(2026, 1, 1, tzinfo=UTC)) as dag:
        PythonOperator(task_id="t", python_callable=body, outlets=[B])
    result = run_dag(dag)
    assert sentence in result.tasks["t"].errors[-1]
    assert result.asset_events == []


X = AssetAlias("x")


def test_an_alias_is_an_asset_of_its_own_in_schedules_and_tasks():
    with DAG("d", schedule=X | A) as dag:
        EmptyOperator(task_id="t", outlets=[X], inlets=[X])
    found = build_dag(dag)
    assert (found.schedule.text, found.tasks[0].outlets, found.tasks[0].inlets) == (
        "alias:x | a",
        ("alias:x",),
        ("alias:x",),
    )
    assert found.assets["alias:x"].name == "x"
    with pytest.raises(AuthoringError, match=r"write AssetAlias\('x'\)"):
        Asset("alias:x")
    with pytest.raises(AuthoringError, match="names no asset"):
        AssetAlias("")


def test_a_task_names_the_assets_for_which_its_alias_stands_when_it_runs():
    seen = []

    with DAG("d", schedule=X) as dag:

        @task(outlets=[X, B])
        def make(outlet_events, triggering_asset_events):
            seen.extend(event.extra for event in triggering_asset_events[X])
            outlet_events[X].add(A, {"rows": 1})
            outlet_events[X].add(A, {"more": 2})
            outlet_events[AssetAlias("x")].add(C)

        @task(outlets=[X])
        def yields():
            yield Metadata(C, {"z": 1}, alias=X)

        @task(outlets=[X])
        def nothing():
            pass

        make() >> yields() >> nothing()

    result = run_dag(dag, asset_events={"alias:x": [{"from": "outside"}]}).check()
    assert seen == [{"from": "outside"}]
    assert result.asset_events == [
        ("a", {"rows": 1, "more": 2}), ("alias:x", {"rows": 1, "more": 2}), ("c", {}), ("alias:x", {}), ("b", {}),
        ("c", {"z": 1}), ("alias:x", {"z": 1}),
    ]  # fmt: skip


@pytest.mark.parametrize("wrong", ["a", X, None, 3])
def test_an_alias_stands_for_nothing_but_assets(wrong):
    with DAG("d") as dag:
        PythonOperator(task_id="t", python_callable=lambda outlet_events: outlet_events[X].add(wrong), outlets=[X])
    result = run_dag(dag)
    assert "an alias stands for assets, and got" in result.tasks["t"].errors[-1]


def test_watchers_of_an_asset_are_stored_once_each_and_not_lost_to_a_second_mention():
    watched = Asset("a", watchers=[FileWatcher("in/*"), FileWatcher("in/*"), FileWatcher("s3://b/in/", conn_id="c")])
    deletes = AssetWatcher(name="n", trigger=FileDeleteTrigger(filepath="/in/x", poke_interval=1))
    with DAG("d", schedule=watched) as dag:
        EmptyOperator(task_id="t", outlets=[Asset("a"), Asset("b", watchers=[deletes])])
    found = build_dag(dag)
    assert found.assets["a"].watchers == (FileWatch("in/*"), FileWatch("s3://b/in/", 60.0, conn_id="c"))
    assert found.assets["b"].watchers == (FileWatch("/in/x", 1.0, delete=True),)


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        (lambda: FileWatcher(""), "path is ''; write the path of a file"),
        (lambda: FileWatcher("a\0b"), "write the path of a file"),
        (lambda: FileWatcher(3), "path is 3"),
        (lambda: FileWatcher("ä" * 501), "path has 1,002 bytes"),
        (lambda: FileWatcher("x", interval=0), "interval is 0; write 0.1 to 86,400 seconds"),
        (lambda: FileWatcher("x", settle=timedelta(days=2)), "settle is"),
        (lambda: FileWatcher("x", settle=float("nan")), "settle is nan"),
        (lambda: FileWatcher("x", interval="5"), "interval is '5'"),
        (lambda: FileWatcher("x", conn_id="c"), "conn_id='c' is for URLs of object stores"),
        (lambda: AssetWatcher("n", trigger=print), "what is watched for are files: write FileWatcher"),
        (lambda: Asset("a", watchers=["x"]), r"watchers is \['x'\]; write a list of them"),
        (lambda: Asset("a", watchers=FileWatcher("x")), "write a list of them"),
    ],
)
def test_what_cannot_be_watched_for_is_refused_with_what_to_write(wrong, sentence):
    with pytest.raises(AuthoringError, match=sentence):
        wrong()


def test_what_airflow_says_of_teams_is_taken_with_a_note_and_a_flag_of_a_folder_is_a_file(built):
    found = built(
        """
        flag = DirectoryFileDeleteTrigger(directory="/flags", filename="us.flag", poke_interval=1.5)
        shared = Asset("a", access_control=AssetAccessControl(producer_teams=["t"]), watchers=[AssetWatcher("n", trigger=flag)])
        with DAG("d", schedule=shared):
            EmptyOperator(task_id="t")
        """.replace(
            "flag =",
            "from penstock import AssetAccessControl, AssetWatcher, DirectoryFileDeleteTrigger\n        flag =",
            1,
        )
    )
    assert found.problems == ()
    assert "access_control has no effect: there are no teams" in found.notes[0]
    assert found.dags[0].assets["a"].watchers == (FileWatch("/flags/us.flag", 1.5, delete=True),)
