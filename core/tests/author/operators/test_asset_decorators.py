"""Functions that are the task of a DAG of their own and make an asset."""

FILE = """
    @asset(uri="s3://b/one", schedule="@daily", start_date=START, group="g")
    def one(): return 1

    @asset(schedule=one, tags=["x"])
    def two(self, context, outlet_events, one, elsewhere, by=7):
        outlet_events[self].extra = {"by": by}
        return [self.uri, context["run_id"], one.uri, elsewhere.uri, [e.extra for e in context["inlet_events"][one]]]

    @asset.multi(outlets=[Asset("p"), Asset("q")], schedule=None)
    def both(self): return [each.uri for each in self.assets()]

    @asset(schedule=None)
    @task(retries=3)
    def decorated(): return 4
    """


def test_a_function_becomes_a_dag_of_one_task_and_the_asset_that_it_makes(built):
    result = built(FILE)
    assert result.problems == ()
    found = {
        dag.dag_id: (dag.tasks[0].task_id, dag.tasks[0].outlets, dag.tasks[0].inlets, dag.schedule.text)
        for dag in result.dags
    }
    assert found == {
        "one": ("one", ("s3://b/one",), (), "@daily"),
        "two": ("two", ("two",), ("elsewhere", "s3://b/one"), "s3://b/one"),
        "both": ("both", ("p", "q"), (), ""),
        "decorated": ("decorated", ("decorated",), (), ""),
    }
    by_id = {dag.dag_id: dag for dag in result.dags}
    assert (by_id["one"].assets["s3://b/one"].group, by_id["decorated"].tasks[0].retry.retries) == ("g", 3)


def test_its_function_gets_itself_and_the_assets_that_it_names(imported, tried, value, runtime, monkeypatch):
    monkeypatch.setattr(type(runtime), "asset_events", lambda *_: [])
    by_id = {dag.dag_id: dag for dag in imported(FILE).dags}
    ending = tried(by_id["two"], "two")
    assert value(ending) == ["two", "r1", "s3://b/one", "elsewhere", []]
    assert ending.extras == {"two": {"by": 7}}
    assert value(tried(by_id["both"], "both")) == ["p", "q"]
    assert value(tried(by_id["decorated"], "decorated")) == 4


def test_it_stands_in_no_other_dag(complained):
    complained(
        """
        with DAG("d"):
            @asset(schedule=None)
            def inner(): pass
        """,
        {2: ["@asset makes a DAG of its own, and stands outside of any other."]},
    )
