"""The package's README and its page tell what is there, and what they show runs."""

import re
import sys
import threading
import tomllib
from contextlib import contextmanager
from contextvars import copy_context
from pathlib import Path

import penstock_aws
from penstock import Connection
from penstock.model.connection import parse_connection
from penstock.spec.fields import read_fields
from penstock.spec.service import ServiceContext
from penstock.testing import run_dag
from penstock.testing.fake_runtime import runtime
from penstock_aws.connections import AwsFields
from penstock_aws.services import SwfActivityService, SwfDeciderService
from penstock_testkit.aws_jobs import AwsJobs
from penstock_testkit.aws_swf import AwsSwf
from penstock_testkit.saas import plain_http

README = (Path(__file__).parents[1] / "README.md").read_text()
PAGE = (Path(__file__).parents[3] / "docs" / "providers" / "aws.md").read_text()
MANIFEST = tomllib.loads((Path(penstock_aws.__file__).parent / "provider.toml").read_text())


def blocks(language):
    return re.findall(rf"^```{language}[^\n]*\n(.*?)^```", README + PAGE, re.MULTILINE | re.DOTALL)


def dag_of(text):
    """The DAG of the block that has this text."""
    names = {}
    exec(compile(next(each for each in blocks("python") if text in each), "aws.md", "exec"), names)
    return names["dag"]


def test_its_snippets_run():
    for snippet in blocks("python"):
        exec(compile(snippet, "README.md", "exec"), {})


def test_its_connections_are_read():
    uris = re.findall(r"^PENSTOCK_CONN_\w+='(.+)'$", README + PAGE, re.MULTILINE)

    fields = [read_fields(parse_connection("c", uri), AwsFields) for uri in uris]

    assert [each.secret_access_key for each in fields] == ["SE/CRET", "SE/CRET", "secret"]
    assert fields[2].endpoint_url == "http://minio:9000"


def test_it_names_every_field_and_every_capability():
    fields = {field["name"] for connection in MANIFEST["connections"] for field in connection["fields"]}
    objects = {
        entry["object"].rpartition(":")[2]
        for kind in ("hooks", "operators", "sensors", "secrets_backends", "notifiers", "metrics_sinks")
        for entry in MANIFEST[kind]
    }

    assert [name for name in sorted(fields | objects) if f"`{name}`" not in README + PAGE] == []


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
    aws = AwsJobs()
    aws.functions["tell"] = lambda payload: (payload, "")
    aws.streams["/shop", f"run/main/{1:032x}"] = ["loaded"]
    with plain_http(aws) as url:
        extra = {"endpoint_url": url, "region_name": "eu-west-1"}
        connection = Connection("aws_default", "aws", login="key", password="secret", extra=extra)
        result = run_dag(dag_of("EcsRunTaskOperator"), connections={"aws_default": connection}).check()

    (task,) = aws.tasks.values()
    assert task["asked"]["overrides"]["containerOverrides"][0]["command"] == ["load", result.run.run_id]
    assert result.value("tell") == {"job": result.value("report")}
    assert aws.problems == []


def test_its_objects_are_copied_transformed_and_deleted(s3, connection):
    s3.create_bucket("clicks")
    s3.put("s3://clicks/in/a.csv", "id\none\n")
    dag = dag_of("S3KeysUnchangedSensor")
    next(each for each in dag.tasks if each.task_id == "whole").inactivity_period = 0  # nobody waits for a minute here

    result = run_dag(dag, connections={"aws_default": connection}).check()

    assert result.value("found") == ["in/a.csv"]
    assert s3.keys("s3://clicks/") == ["kept/a.csv", "rows/a.csv"]
    assert s3.get("s3://clicks/rows/a.csv") == b"one\n"


def test_its_messages_are_handed_on_and_told_of(s3, connection):
    client = s3.client("sqs")
    orders, handled = (client.create_queue(QueueName=name)["QueueUrl"] for name in ("orders", "handled"))
    sent = client.send_message(QueueUrl=orders, MessageBody='{"kind": "refund"}')["MessageId"]
    client.send_message(QueueUrl=orders, MessageBody='{"kind": "other"}')

    run_dag(dag_of("SqsSensor"), connections={"aws_default": connection}).check()

    assert [each["Body"] for each in client.receive_message(QueueUrl=handled)["Messages"]] == [sent]
    assert [each["Body"] for each in client.receive_message(QueueUrl=orders)["Messages"]] == ['{"kind": "other"}']
    client.close()


def test_its_workflow_is_decided_about_and_done(tmp_path, monkeypatch):
    monkeypatch.setattr("sys.path", [*sys.path])
    (tmp_path / "shop_activities.py").write_text(next(each for each in blocks("python") if "def pack" in each))
    tables = tomllib.loads("".join(blocks("toml")))["services"]
    packers, orders = ({**tables[name]} for name in ("packers", "orders"))
    made = {"aws.swf_activity_worker": SwfActivityService, "aws.swf_decider": SwfDeciderService}
    services = [made[table.pop("type")](**table) for table in ({**packers, "folder": str(tmp_path)}, orders)]
    swf = AwsSwf()
    with plain_http(swf) as url:
        extra = {"endpoint_url": url, "region_name": "eu-west-1"}
        connections = {"aws_default": Connection("aws_default", "aws", login="key", password="secret", extra=extra)}
        with runtime(connections), running(services, tmp_path):
            result = run_dag(dag_of("SwfWorkflowOperator"), connections=connections).check()

    assert result.value("order") == "packed order 7"
    assert swf.executions[0].asked["workflowId"] == "order-7"
    assert swf.problems == []


@contextmanager
def running(services, folder):
    """Services that run in threads of this process, until the end of the block."""
    contexts = [ServiceContext("service", folder, lambda *_: None, lambda: 0) for _ in services]
    threads = [
        threading.Thread(target=copy_context().run, args=(service.run, context))
        for service, context in zip(services, contexts, strict=True)
    ]
    for each in threads:
        each.start()
    try:
        yield
    finally:
        for context in contexts:
            context.stop()
        for each in threads:
            each.join()
