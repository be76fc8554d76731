"""The package's page tells what is there."""

import re
import tomllib
from pathlib import Path

import penstock_aws
from penstock import Connection
from penstock.model.connection import parse_connection
from penstock.spec.fields import read_fields
from penstock.testing import run_dag
from penstock_aws.connections import AwsFields
from penstock_testkit.aws_jobs import AwsJobs
from penstock_testkit.saas import plain_http

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
        entry["object"].rpartition(":")[2]
        for kind in ("hooks", "operators", "sensors", "secrets_backends", "notifiers", "metrics_sinks")
        for entry in MANIFEST[kind]
    }

    assert [name for name in sorted(fields | objects) if f"`{name}`" not in README] == []


def test_its_settings_name_what_there_is():
    settings = tomllib.loads("".join(blocks("toml")))
    entries = {
        entry["id"]: {each["name"] for each in entry["parameters"]}
        for kind in ("secrets_backends", "notifiers", "metrics_sinks")
        for entry in MANIFEST[kind]
    }

    tables = [settings["secrets"]["aws"], *settings["notifiers"].values(), *settings["metrics"].values()]

    for table in tables:
        assert table.keys() - {"type", "cache_s"} <= entries[table["type"]]


def test_its_jobs_run():
    aws, names = AwsJobs(), {}
    aws.functions["tell"] = lambda payload: (payload, "")
    aws.streams["/shop", f"run/main/{1:032x}"] = ["loaded"]
    exec(compile(blocks("python")[1], "README.md", "exec"), names)
    with plain_http(aws) as url:
        extra = {"endpoint_url": url, "region_name": "eu-west-1"}
        connection = Connection("aws_default", "aws", login="key", password="secret", extra=extra)
        result = run_dag(names["dag"], connections={"aws_default": connection}).check()

    (task,) = aws.tasks.values()
    assert task["asked"]["overrides"]["containerOverrides"][0]["command"] == ["load", result.run.run_id]
    assert result.value("tell") == {"job": result.value("report")}
    assert aws.problems == []
