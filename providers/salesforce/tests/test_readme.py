"""The package's page tells what is there."""

import re
import tomllib
from pathlib import Path

import penstock_salesforce
from penstock.model.connection import parse_connection
from penstock.spec.fields import read_fields
from penstock.testing import run_dag
from penstock_salesforce.connections import SalesforceFields

README = (Path(__file__).parents[1] / "README.md").read_text()
MANIFEST = tomllib.loads((Path(penstock_salesforce.__file__).parent / "provider.toml").read_text())


def test_its_dag_runs_and_moves_the_watermark(salesforce, fill, connection, tmp_path):
    fill(3)
    salesforce.organisation.fields["Account"]["Phone"] = {"name": "Phone", "type": "phone", "length": 40}
    (tmp_path / "scores.csv").write_text("Key__c,Employees\nk1,7\n")
    (snippet,) = re.findall(r"^```python\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
    found = {}
    exec(compile(snippet.replace("}):\n", "}) as dag:\n"), "README.md", "exec"), found)

    result = run_dag(
        found["dag"], connections={"salesforce_default": connection}, conf={"lake": f"file://{tmp_path}"}
    ).check()

    (part,) = tmp_path.glob("account/*/part-00000.csv")
    assert part.read_text().count("\n") == 4
    assert result.variables["salesforce_account"] == result.value("extract")["until"]
    assert salesforce.organisation.records["Account"][1]["Employees"] == "7"


def test_its_connections_are_read():
    uris = re.findall(r"^PENSTOCK_CONN_\w+='(.+)'$", README, re.MULTILINE)
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
    assert [name for name in sorted(fields | objects) if f"`{name}`" not in README] == []
