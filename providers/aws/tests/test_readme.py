"""The package's page tells what is there."""

import re
import tomllib
from pathlib import Path

import penstock_aws
from penstock.model.connection import parse_connection
from penstock.spec.fields import read_fields
from penstock_aws.connections import AwsFields

README = (Path(__file__).parents[1] / "README.md").read_text()
MANIFEST = tomllib.loads((Path(penstock_aws.__file__).parent / "provider.toml").read_text())


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


def test_its_snippets_run():
    for snippet in blocks("python"):
        exec(compile(snippet, "README.md", "exec"), {})


def test_its_connections_are_read():
    uris = re.findall(r"^PENSTOCK_CONN_\w+='(.+)'$", README, re.MULTILINE)

    fields = [read_fields(parse_connection("c", uri), AwsFields) for uri in uris]

    assert [each.secret_access_key for each in fields] == ["SE/CRET", "secret"]
    assert fields[1].endpoint_url == "http://minio:9000"


def test_it_names_every_field_and_every_capability():
    fields = {field["name"] for connection in MANIFEST["connections"] for field in connection["fields"]}
    objects = {
        entry["object"].rpartition(":")[2] for kind in ("hooks", "operators", "sensors") for entry in MANIFEST[kind]
    }

    assert [name for name in sorted(fields | objects) if f"`{name}`" not in README] == []
