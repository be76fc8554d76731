"""What the pages on deploying type into other tools is run by them, as far as that goes without a cluster, an engine or an account."""

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import botocore.loaders
import pytest
import yaml

from house.pages import blocks_of
from penstock.service.starts.starts import add_helm

from .test_compose import resolved
from .test_terraform import PARSE

PAGES = Path(__file__).parents[2] / "docs" / "how-to"


def typed(page):
    """The command lines of a page, by words."""
    blocks = blocks_of((PAGES / f"{page}.md").read_text())
    return [shlex.split(line) for block in blocks if block.language == "sh" for line in block.text.splitlines()]


def test_compose_is_told_of_services_and_files_that_are_there(deploy):
    services = resolved((deploy / "compose" / "compose.yaml").read_text())["services"]
    lines = typed("deploy-with-compose")
    assert len(lines) >= 5
    for words in lines:
        assert words[:4] == ["docker", "compose", "--file", "compose/compose.yaml"]
        assert {each.partition("=")[0] for each in words if "=" in each} <= set(services)
        if words[4] == "exec":
            assert words[5] in services


@pytest.fixture
def project(tmp_path):
    add_helm(tmp_path)
    blocks = blocks_of((PAGES / "deploy-on-kubernetes.md").read_text())
    for block in blocks:
        if block.title:
            (tmp_path / block.title).write_text(block.text)
    return tmp_path


def test_helm_and_kubectl_do_what_the_page_types(tools, project, monkeypatch):
    monkeypatch.chdir(project)
    made, asked = set(), set()
    for words in typed("deploy-on-kubernetes"):
        if words[:2] == ["helm", "upgrade"]:
            text = tools.run(tools.helm, "template", *words[3:])
            objects = [each for each in yaml.safe_load_all(text) if each]
            made |= {f"{each['kind'].lower()}/{each['metadata']['name']}" for each in objects}
            asked |= set(re.findall(r"(?:secretName|name): (penstock-(?:database|broker|git))\n", text))
        elif words[:2] == ["kubectl", "create"]:
            [secret] = yaml.safe_load_all(tools.run(tools.kubectl, *words[1:], "--dry-run=client", "--output=yaml"))
            made.add(f"secret/{secret['metadata']['name']}")
    assert {f"secret/{each}" for each in asked} <= made
    assert asked == {"penstock-database", "penstock-broker", "penstock-git"}
    lines = [word for words in typed("deploy-on-kubernetes") for word in words]
    named = {each.replace("deploy/", "deployment/") for each in lines if re.match(r"(deploy|service)/", each)}
    assert named <= made
    assert "scaledobject/penstock-worker-default" in made
    beside = [word for name in ("many.yaml", "metrics.yaml") for word in ("--values", name)]
    text = tools.run(tools.helm, "template", "penstock", "helm/penstock", "--values", "helm/values.yaml", *beside)
    assert {"HorizontalPodAutoscaler", "PrometheusRule"} <= {each["kind"] for each in yaml.safe_load_all(text) if each}


def test_outputs_of_the_first_stack_become_variables_of_the_second(tmp_path):
    outputs = {name: {"sensitive": False, "type": "string", "value": {"a": name}} for name in ("network", "data")}
    (tmp_path / "outputs.json").write_text(json.dumps(outputs))
    [words] = [each for each in typed("deploy-on-aws") if each[:2] == ["python3", "-c"]]
    made = subprocess.run(
        [sys.executable, *words[1:3]], cwd=tmp_path, capture_output=True, text=True, check=True, timeout=60
    )
    assert json.loads(made.stdout) == {"network": {"a": "network"}, "data": {"a": "data"}}
    assert words[3:] == [">", "outputs.tfvars.json"]


def test_the_task_of_migrations_is_what_ecs_is_asked_to_run(tools, deploy):
    [parsed] = json.loads(
        tools.run(sys.executable, "-c", PARSE, tools.packages, deploy / "terraform" / "services" / "outputs.tf")
    )
    [given] = [each['"migrate"']["value"] for each in parsed["output"] if '"migrate"' in each]
    asked = botocore.loaders.Loader().load_service_model("ecs", "service-2")["shapes"]
    assert {each for each in given if not each.startswith("__")} <= set(asked["RunTaskRequest"]["members"])
    network = given["networkConfiguration"]["awsvpcConfiguration"]
    assert {each for each in network if not each.startswith("__")} <= set(asked["AwsVpcConfiguration"]["members"])


@pytest.mark.parametrize(("file", "stack"), [("network.tfvars", "network-and-data"), ("services.tfvars", "services")])
def test_variables_are_those_of_the_stack_and_none_is_missing(tools, deploy, tmp_path, file, stack):
    blocks = {block.title: block.text for block in blocks_of((PAGES / "deploy-on-aws.md").read_text())}
    (tmp_path / "given.tf").write_text(blocks[file])
    files = [tmp_path / "given.tf", deploy / "terraform" / stack / "variables.tf"]
    given, variables = json.loads(tools.run(sys.executable, "-c", PARSE, tools.packages, *files))
    known = {name.strip('"'): body for each in variables["variable"] for name, body in each.items()}
    names = {name for name in given if not name.startswith("__")}
    assert names <= set(known)
    exported = set(re.findall(r"TF_VAR_(\w+)=", (PAGES / "deploy-on-aws.md").read_text()))
    needed = {name for name, body in known.items() if "default" not in body}
    assert needed - names == (exported if stack == "network-and-data" else {"network", "data"})
