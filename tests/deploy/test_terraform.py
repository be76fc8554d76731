"""The stacks are held to what the provider of AWS knows of each resource; at night, Terraform itself validates and applies them."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent / "terraform"
STACKS = ["network-and-data", "services"]
FACTS = json.loads((HERE / "aws_schema.json").read_text())
META = {"for_each", "count", "depends_on", "provider", "lifecycle"}
PARSE = (
    "import json, sys; sys.path.append(sys.argv[1]); import hcl2\n"
    "print(json.dumps([hcl2.load(open(each)) for each in sys.argv[2:]]))"
)


@pytest.fixture
def parsed(tools):
    def read(folder):
        return json.loads(tools.run(sys.executable, "-c", PARSE, tools.packages, *sorted(folder.glob("*.tf"))))

    return read


def resources(files):
    """Type, name and body of each resource."""
    for file in files:
        for each in file.get("resource", ()):
            for kind, named in each.items():
                yield from ((kind.strip('"'), name.strip('"'), body) for name, body in named.items())


def blocks_of(given):
    """The blocks of a body by name, those of `dynamic` among them."""
    blocks = {
        name: value
        for name, value in given.items()
        if isinstance(value, list) and value and isinstance(value[0], dict) and "__is_block__" in value[0]
    }
    for dynamic in blocks.pop("dynamic", ()):
        for name, made in dynamic.items():
            if not name.startswith("__"):
                blocks[name.strip('"')] = [*blocks.get(name.strip('"'), ()), *made["content"]]
    return {name: each for name, each in blocks.items() if name not in META}


def faults(body, facts, where):
    """What of a block the provider does not know, and what it misses."""
    given = {name: value for name, value in body.items() if not name.startswith("__") and name not in META}
    blocks = blocks_of(given)
    for name in blocks.keys() & facts["blocks"].keys():
        _, _, most, known = facts["blocks"][name]
        if most and len(blocks[name]) > most:
            yield f"{where}: more than {most} {name}"
        for each in blocks[name]:
            yield from faults(each, known, f"{where}.{name}")
    yield from (f"{where}: there is no block {name}" for name in blocks.keys() - facts["blocks"].keys())
    own = given.keys() - blocks.keys() - {"dynamic"}
    yield from (f"{where}: there is no {name}" for name in own - facts["attributes"].keys())
    computed = {name for name, (_, *flags) in facts["attributes"].items() if flags == ["computed"]}
    yield from (f"{where}: {name} is not for us to say" for name in own & computed)
    needed = {name for name, (_, *flags) in facts["attributes"].items() if "required" in flags}
    needed |= {name for name, (_, least, _, _) in facts["blocks"].items() if least}
    yield from (f"{where}: {name} is missing" for name in sorted(needed - own - blocks.keys()))


@pytest.mark.parametrize("stack", STACKS)
def test_each_resource_is_as_the_provider_knows_it(parsed, deploy, stack):
    found = list(resources(parsed(deploy / "terraform" / stack)))
    assert len(found) > 10
    strange = [each for kind, name, body in found for each in faults(body, FACTS["resources"][kind], f"{kind}.{name}")]
    assert strange == []


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ("storage_encrypted", "encrypted", "there is no encrypted"),
        ("identifier                      = var.name", 'arn = "x"', "arn is not for us to say"),
        ('family      = "postgres17"', "", "family is missing"),
        ("abort_incomplete_multipart_upload {", "abort {", "there is no block abort"),
    ],
)
def test_a_resource_that_is_not_so_would_be_seen(parsed, deploy, tmp_path, before, after, told):
    text = (deploy / "terraform" / "network-and-data" / "data.tf").read_text()
    assert before in text
    (tmp_path / "data.tf").write_text(text.replace(before, after))
    found = [
        each
        for kind, name, body in resources(parsed(tmp_path))
        for each in faults(body, FACTS["resources"][kind], name)
    ]
    assert [each for each in found if told in each] == found != []


def test_what_one_stack_says_is_what_the_other_takes(parsed, deploy):
    said, taken = (parsed(deploy / "terraform" / each) for each in STACKS)
    outputs = {
        name.strip('"'): set(made["value"])
        for file in said
        for each in file.get("output", ())
        for name, made in each.items()
    }
    variables = {
        name.strip('"'): made["type"]
        for file in taken
        for each in file.get("variable", ())
        for name, made in each.items()
    }
    for name in ("network", "data"):
        keys = {each for each in outputs[name] if not each.startswith("__")}
        assert all(f"{key} = " in variables[name] for key in keys), (keys, variables[name])


def test_workers_are_given_neither_the_database_nor_the_key(parsed, deploy):
    found = resources(parsed(deploy / "terraform" / "services"))
    [text] = [
        body["container_definitions"] for _, name, body in found if name == "worker" and "container_definitions" in body
    ]
    assert "worker-token" in text
    assert [word for word in ("database-url", "secret-key", "opens_database", "scaler-token") if word in text] == []


@pytest.fixture
def terraform(tools, deploy, tmp_path):
    """Runs Terraform in a copy of a stack, with a provider that knows the resources and does nothing."""
    program = shutil.which("terraform")
    assert program, "terraform is not there. Install Terraform 1.11 or newer: it validates deploy/terraform."
    version = FACTS["version"]
    place = tmp_path / "mirror" / "registry.terraform.io" / FACTS["provider"] / version / "linux_amd64"
    place.mkdir(parents=True)
    provider = place / f"terraform-provider-aws_v{version}"
    provider.write_text(f"#!/bin/sh\nexec {sys.executable} {HERE / 'provider.py'} {tools.packages}\n")
    provider.chmod(0o755)
    (tmp_path / "rc").write_text(
        f'provider_installation {{\n  filesystem_mirror {{\n    path = "{tmp_path / "mirror"}"\n  }}\n}}\n'
    )
    environ = os.environ | {
        "HOME": str(tmp_path),
        "TF_CLI_CONFIG_FILE": str(tmp_path / "rc"),
        "CHECKPOINT_DISABLE": "1",
    }

    def run(stack, *words, ok=True):
        folder = tmp_path / stack
        if not folder.exists():
            shutil.copytree(deploy / "terraform" / stack, folder)
            run(stack, "init", "-input=false")
        ended = subprocess.run(
            [program, *words, "-no-color"],
            cwd=folder,
            env=environ,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert (ended.returncode == 0) is ok, ended.stdout + ended.stderr
        return ended.stdout + ended.stderr

    return run


@pytest.mark.nightly
@pytest.mark.timeout(300)
@pytest.mark.parametrize("stack", STACKS)
def test_terraform_validates_formats_and_tests_a_stack(terraform, tmp_path, stack):
    assert "The configuration is valid" in terraform(stack, "validate")
    terraform(stack, "fmt", "-check", "-recursive")
    assert " 0 failed" in terraform(stack, "test")
    with (tmp_path / stack / "versions.tf").open("a") as file:
        file.write('resource "aws_eip" "x" {\n  dominion = "vpc"\n}\n')
    assert "dominion" in terraform(stack, "validate", ok=False)
