"""The pipeline from Salesforce into Redshift, with real processes: killed in the middle, read twice, and exact."""

import json
import os
import re
import shutil
import signal
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest
from fleet import WORKSPACE

from penstock.model.connection import parse_connection
from penstock.spec.fields import read_fields
from penstock.testing import load_dags
from penstock_aws.connections import AwsFields
from penstock_redshift.connections import RedshiftFields
from penstock_salesforce.connections import SalesforceFields
from penstock_testkit.beside import WITHOUT_SERVER
from penstock_testkit.commands.fork_server import penstock
from penstock_testkit.salesforce import HOST, Salesforce

EXAMPLE = WORKSPACE / "examples" / "salesforce_to_redshift"
PATIENCE_S = 240.0
PAGES = "/services/data/v62.0/query/0"  # of a query whose first page was given out
OBJECTS = {"Account": {"exclude_fields": ["Phone"]}, "Opportunity": {"table": "deals", "deletes": "mark"}}
TABLES = {"Account": "account", "Opportunity": "deals"}

pytestmark = [pytest.mark.timeout(900), pytest.mark.xdist_group("salesforce to redshift")]


@pytest.fixture
def salesforce(saas):
    """An organisation with seven records of each object, given out by two."""
    fake = Salesforce(page_rows=2)
    for sobject in OBJECTS:
        fake.organisation.add(sobject, {"Name": {"type": "string", "length": 80}, "Amount": "int", "Phone": "phone"})
        for number in range(7):
            fake.organisation.insert(sobject, {"Name": f"{sobject} {number}", "Amount": number, "Phone": "555"})
    return saas.serve(fake)


class Project:
    """A project with the example's DAG, and what works on it."""

    def __init__(self, folder: Path, redshift) -> None:
        self.folder, self.log, self.up = folder, folder / "up.log", None
        aws = {"endpoint_url": redshift.s3.endpoint_url, "region_name": "us-east-1", "addressing_style": "path"}
        warehouse = {
            "conn_type": "redshift", "host": redshift.host, "port": redshift.port, "login": redshift.user,
            "password": redshift.password, "schema": redshift.dbname, "extra": {"sslmode": "disable"},
        }  # fmt: skip
        keys = {"client_id": "the-consumer-key", "client_secret": "the-consumer-secret"}
        connections = {
            "AWS_DEFAULT": {"conn_type": "aws", "login": "testing", "password": "testing", "extra": aws},
            "REDSHIFT_DEFAULT": warehouse,
            "SALESFORCE_DEFAULT": {"conn_type": "salesforce", "host": HOST, "extra": keys},
        }
        outside = {key: value for key, value in os.environ.items() if not key.startswith(("PENSTOCK_", "PYTHONPATH"))}
        self.environ = outside | {f"PENSTOCK_CONN_{name}": json.dumps(each) for name, each in connections.items()}
        self.environ |= {
            **WITHOUT_SERVER,
            "PENSTOCK_VAR_CRM_LAKE": f"s3://{redshift.s3.create_bucket()}/crm",
            "PENSTOCK_VAR_CRM_OBJECTS": json.dumps(OBJECTS),
        }
        self.penstock("init", "--no-example")
        shutil.copy(EXAMPLE / "dags" / "crm.py", folder / "dags")

    def penstock(self, *words: str) -> None:
        done = penstock().run(words, self.folder, self.environ, seconds=PATIENCE_S)
        assert done.code == 0, f"{words}: {done.code}\n{done.out}{done.err}"

    def start(self) -> None:
        with self.log.open("ab") as log:
            self.up = penstock().start(["up"], self.folder, self.environ, output=log)

    def until(self, found, what: str):
        end = time.monotonic() + PATIENCE_S
        while not (value := found()):
            assert self.up.poll() is None, f"penstock up ended\n{self.log.read_text()}"
            assert time.monotonic() < end, f"{what}: not in {PATIENCE_S:g} s\n{self.log.read_text()}"
            time.sleep(0.2)  # real processes are waited for, from outside
        return value

    def run(self, run_id: str) -> None:
        """Run the DAG to its end."""
        self.penstock("dags", "trigger", "crm", "--run-id", run_id)
        self.until(lambda: self.ended(run_id), f"the end of {run_id}")

    def ended(self, run_id: str) -> bool:
        """Whether a run of such an id has succeeded; one that failed fails the test."""
        states = self.rows("SELECT state FROM run WHERE run_id LIKE ?", run_id)
        assert ("failed",) not in states, self.log.read_text()
        return ("success",) in states

    def rows(self, query: str, *values: str) -> list[tuple]:
        with closing(sqlite3.connect(self.folder / ".penstock" / "penstock.db", timeout=30)) as database:
            return database.execute(query, values).fetchall()

    def kill(self) -> None:
        """End it and its children at once."""
        os.killpg(self.up.pid, signal.SIGKILL)
        self.up.wait(PATIENCE_S)

    def close(self) -> None:
        if self.up is not None and self.up.poll() is None:
            self.up.send_signal(signal.SIGINT)
            self.up.wait(PATIENCE_S)


@pytest.fixture
def project(tmp_path, redshift, salesforce):
    """The project, at rest."""
    made = Project(tmp_path, redshift)
    yield made
    made.close()


def rows_of(redshift, name):
    with redshift.connect() as connection:
        return connection.execute(f"SELECT name, amount FROM crm.{name} ORDER BY 2, 1").fetchall()


@pytest.mark.nightly
def test_each_record_is_in_its_table_once_whatever_is_killed_or_read_twice(project, salesforce, redshift):
    held = salesforce.faults.hold(when=lambda request: request.path.startswith(PAGES))
    project.start()
    held.reached(PATIENCE_S)
    project.kill()
    held.release()
    project.start()
    project.until(lambda: project.ended("scheduled__%"), "the end of the run that was killed")

    for sobject, name in TABLES.items():
        assert rows_of(redshift, name) == [(f"{sobject} {number}", number) for number in range(7)]

    organisation = salesforce.organisation
    organisation.moment = "2026-11-21T00:00:00.000+0000"
    organisation.change(organisation.records["Account"][3], {"Name": "changed"})
    organisation.insert("Opportunity", {"Name": "new", "Amount": 7})
    organisation.change(organisation.records["Opportunity"][2], {"IsDeleted": True})
    for name in TABLES.values():  # all is read again, and is there already
        project.penstock("variables", "delete", f"salesforce_to_redshift.crm.{name}")
    project.run("second")

    accounts = [(f"Account {number}" if number != 3 else "changed", number) for number in range(7)]
    assert rows_of(redshift, "account") == accounts
    assert rows_of(redshift, "deals") == [*((f"Opportunity {number}", number) for number in range(7)), ("new", 7)]
    with redshift.connect() as connection:
        columns = connection.execute("SELECT column_name FROM svv_columns WHERE table_name = 'account'").fetchall()
        deleted = connection.execute("SELECT name FROM crm.deals WHERE isdeleted").fetchall()
    assert deleted == [("Opportunity 2",)]
    assert ("phone",) not in columns
    assert ("systemmodstamp",) in columns


def test_each_object_of_the_list_has_its_tasks():
    (dag,) = load_dags(EXAMPLE / "dags" / "crm.py").values()
    assert [each.removeprefix("salesforce_to_redshift.") for each in sorted(dag.task_ids)] == [
        *(
            f"{sobject}.{step}"
            for sobject in ("Account", "Contact", "Opportunity")
            for step in ("commit", "extract", "load")
        ),
        "schema",
    ]


def test_the_connections_of_its_page_are_complete():
    found = dict(
        re.findall(
            r"^PENSTOCK_CONN_(\w+)_DEFAULT='(.+?)'$", (EXAMPLE / "README.md").read_text(), re.MULTILINE | re.DOTALL
        )
    )
    fields = {"SALESFORCE": SalesforceFields, "REDSHIFT": RedshiftFields, "AWS": AwsFields}
    assert found.keys() == fields.keys()
    for name, text in found.items():
        assert read_fields(parse_connection(name, text), fields[name])
