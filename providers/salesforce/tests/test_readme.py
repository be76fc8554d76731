"""The package's page and the provider's pages say what is there, and their DAGs run."""

import re
import tomllib
from pathlib import Path

import pytest

import penstock_salesforce
from penstock.model.connection import parse_connection
from penstock.spec.fields import read_fields
from penstock.testing import load_dags, run_dag
from penstock_salesforce.connections import SalesforceFields

PACKAGE = Path(__file__).parents[1]
DOCS = PACKAGE.parents[1] / "docs"
README = (PACKAGE / "README.md").read_text()
GUIDE = (DOCS / "providers" / "salesforce.md").read_text()
HOW_TO = (DOCS / "how-to" / "extract-salesforce-incrementally.md").read_text()
MANIFEST = tomllib.loads((Path(penstock_salesforce.__file__).parent / "provider.toml").read_text())


@pytest.fixture
def run_block(connection, tmp_path):
    """A function that runs the DAG of a page's n-th block of Python, with the lake in a folder of the test's."""

    def running(page, number=0, **variables):
        file = tmp_path / "page.py"
        blocks = re.findall(r"^```python[^\n]*\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
        file.write_text(blocks[number])
        (dag,) = load_dags(file).values()
        lake = {"lake": f"file://{tmp_path}"} if "params.lake" in blocks[number] else {}
        return run_dag(dag, connections={"salesforce_default": connection}, conf=lake, variables=variables)

    return running


def test_the_dag_of_the_readme_runs_and_moves_the_watermark(salesforce, fill, run_block, tmp_path):
    fill(3)
    salesforce.organisation.fields["Account"]["Phone"] = {"name": "Phone", "type": "phone", "length": 40}
    result = run_block(README).check()

    (part,) = tmp_path.glob("account/*/part-00000.csv")
    assert part.read_text().count("\n") == 4
    assert result.variables["salesforce_account"] == result.value("extract")["until"]


def test_the_dags_of_the_guide_run(salesforce, fill, run_block, tmp_path):
    fill(2)
    salesforce.organisation.add("Opportunity", {"Name": "string", "IsClosed": "boolean"})
    salesforce.organisation.insert("Opportunity", {"Name": "big", "IsClosed": False})
    (tmp_path / "scores.csv").write_text("Key__c,Employees\nk1,7\n")

    read = run_block(GUIDE, 0).check()
    assert (read.value("opportunities")["rows"], read.value("report")["rows"]) == (1, 1)
    assert "Account.Revenue__c is not there, or hidden" in run_block(GUIDE, 1).tasks["fields"].errors[0]
    assert run_block(GUIDE, 2).check().value("scores")["processed"] == 1
    assert salesforce.organisation.records["Account"][1]["Employees"] == "7"


def test_the_pipelines_of_the_guide_are_made(tmp_path):
    (tmp_path / "page.py").write_text(re.findall(r"^```python[^\n]*\n(.*?)^```", GUIDE, re.MULTILINE | re.DOTALL)[3])
    (dag,) = load_dags(tmp_path / "page.py").values()
    assert len(dag.task_ids) == 8


def test_an_object_that_fails_holds_up_no_other(salesforce, fill, run_block):
    fill(2)
    for name in ("Campaign", "Contact", "Lead", "Opportunity"):  # and no User
        salesforce.organisation.add(name, {"Birthdate": "date", "MobilePhone": "phone"})
    salesforce.organisation.insert("Lead", {"MobilePhone": "1"})
    result = run_block(HOW_TO, salesforce_lead="2026-11-20T12:00:00Z", salesforce_user="2026-11-01T00:00:00Z")

    assert result.tasks["extract_user"].state == "failed"
    assert result.variables["salesforce_user"] == "2026-11-01T00:00:00Z"
    assert result.value("extract_account")["rows"] == 2
    assert result.value("extract_lead")["rows"] == 0
    for name in ("account", "campaign", "contact", "lead", "opportunity"):
        assert result.variables[f"salesforce_{name}"] == result.value(f"extract_{name}")["until"]


def test_its_connections_are_read():
    uris = re.findall(r"^PENSTOCK_CONN_\w+='(.+)'$", GUIDE, re.MULTILINE)
    fields = [read_fields(parse_connection("c", uri), SalesforceFields) for uri in uris]

    assert [(each.auth, each.host) for each in fields] == [
        ("client_credentials", "acme.my.salesforce.com"), ("jwt", "acme.my.salesforce.com"),
    ]  # fmt: skip
    assert fields[0].client_secret == "s/cret"
    assert fields[1].username == "ada@acme.example"


def test_it_names_every_field_and_every_capability():
    fields = {field["name"] for connection in MANIFEST["connections"] for field in connection["fields"]}
    objects = {
        entry["object"].rpartition(":")[2] for kind in ("hooks", "operators", "sensors") for entry in MANIFEST[kind]
    }
    assert [name for name in sorted(fields | objects) if f"`{name}`" not in GUIDE + README] == []


def test_the_tests_that_it_names_for_known_defects_are_there():
    table = GUIDE.partition("## Known defects elsewhere")[2]
    named = set(re.findall(r"`(test_\w+)`", table))
    there = {
        name
        for path in PACKAGE.glob("tests/test_*.py")
        for name in re.findall(r"^def (test_\w+)", path.read_text(), re.MULTILINE)
    }
    assert len(named) > 5
    assert named - there == set()
