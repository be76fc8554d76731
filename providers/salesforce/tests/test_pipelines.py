"""Pipelines over many objects: extraction, load and watermark of each, whatever becomes of the others."""

from urllib.parse import urlsplit

import msgspec
import psycopg
import pytest

from penstock import DAG, Connection
from penstock.testing import run_dag
from penstock_salesforce.transfers import salesforce_to_postgres, salesforce_to_redshift

ROWS = "SELECT id, name, employees FROM account ORDER BY employees"


@pytest.fixture
def connections(connection, postgres_url):
    """The organisation, and an empty database."""
    url = urlsplit(postgres_url)
    postgres = Connection(
        "postgres_default", "postgres", host=url.hostname, port=url.port, login=url.username, password=url.password or "x",
        schema=url.path[1:], extra={"sslmode": "disable"},
    )  # fmt: skip
    hasty = msgspec.structs.replace(connection, extra={**connection.extra, "max_attempts": 1})
    return {"salesforce_default": hasty, "postgres_default": postgres}


@pytest.fixture
def run(connections, tmp_path):
    """A function that runs a pipeline into PostgreSQL."""

    def running(objects, variables=None, **arguments):
        with DAG("d", schedule=None) as dag:
            salesforce_to_postgres(objects, lake=f"file://{tmp_path}/lake", schema="public", **arguments)
        return run_dag(dag, connections=connections, variables=variables or {})

    return running


@pytest.fixture
def select(postgres_url):
    """A function that gives the rows of a query."""

    def selected(query):
        with psycopg.connect(postgres_url) as connection:
            return connection.execute(query).fetchall()

    return selected


def test_objects_are_loaded_and_then_only_what_has_changed(salesforce, fill, run, select):
    fill(3)
    salesforce.organisation.add("Deal__c", {"Name": {"type": "string", "length": 80}})
    salesforce.organisation.insert("Deal__c", {"Name": "won"})
    objects = {"Account": {"exclude_fields": ["Key__c"]}, "Deal__c": {"table": "deals", "deletes": "mark"}}
    first = run(objects).check()

    assert [row[1:] for row in select(ROWS)] == [("name 0", 0), ("name 1", 1), ("name 2", 2)]
    assert select("SELECT name, isdeleted FROM deals") == [("won", False)]
    names = ("salesforce_to_postgres.public.account", "salesforce_to_postgres.public.deals")
    assert {*first.variables} == {*names}

    account, moment = salesforce.organisation.records["Account"][1], max(first.variables.values())
    salesforce.organisation.moment = moment.replace("Z", ".000+0000")
    salesforce.organisation.change(account, {"Name": "changed"})
    salesforce.organisation.change(salesforce.organisation.records["Deal__c"][0], {"IsDeleted": True})
    second = run(objects, variables=first.variables, extract={"lag_s": -60}).check()
    assert second.value("salesforce_to_postgres.Account.extract")["rows"] == 1
    assert [row[1] for row in select(ROWS)] == ["name 0", "changed", "name 2"]
    assert select("SELECT name, isdeleted FROM deals") == [("won", True)], "deletes='mark'"
    assert second.variables[names[0]] > moment


def test_rows_that_are_read_twice_are_there_once(salesforce, fill, run, select):
    fill(3)
    for _ in range(2):  # without the watermark of the first, all is read again
        run(["Account"]).check()
        salesforce.organisation.moment = "2026-11-21T00:00:00.000+0000"
        salesforce.organisation.change(salesforce.organisation.records["Account"][0], {"Name": "newer"})
    assert [row[1:] for row in select(ROWS)] == [("newer", 0), ("name 1", 1), ("name 2", 2)]


def test_a_load_that_fails_moves_no_watermark_and_holds_no_other_object_up(salesforce, fill, run, select):
    fill(1)
    salesforce.organisation.add("Deal__c", {"Name": {"type": "string", "length": 80}})
    result = run({"Account": {"newer_by": "NoSuchField"}, "Deal__c": {}})

    states = {name.removeprefix("salesforce_to_postgres."): task.state for name, task in result.tasks.items()}
    assert states["Account.load"] == "failed"
    assert states["Account.commit"] == "upstream_failed"
    assert states["Deal__c.commit"] == "success"
    assert {*result.variables} == {"salesforce_to_postgres.public.deal__c"}


def test_a_whole_table_follows_what_salesforce_has(salesforce, fill, run, select):
    fill(2)
    run(["Account"], incremental=False).check()
    salesforce.organisation.records["Account"].pop()
    result = run(["Account"], incremental=False).check()
    assert [row[2] for row in select(ROWS)] == [0]
    assert result.variables == {}


def test_a_pipeline_into_redshift_names_its_load_by_id_alone():
    with DAG("d", schedule=None) as dag:
        salesforce_to_redshift({"Account": {"table": "accounts"}}, lake="s3://lake/", load={"iam_role": "default"})
    load = dag.get_task("salesforce_to_redshift.Account.load")
    assert load.capability == "redshift.table_files_to_redshift"
    assert load.plan_arguments == {
        "folder": "s3://lake/accounts/{{ run_id }}/", "table": "accounts", "schema": "salesforce", "upsert_keys": ["Id"],
        "incremental_key": "SystemModstamp", "iam_role": "default",
    }  # fmt: skip
