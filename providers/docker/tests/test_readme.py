"""The package's page tells what is there, and its snippets run."""

import re
import tomllib
from pathlib import Path

import penstock_docker
from penstock.model.connection import parse_connection
from penstock.spec.fields import read_fields
from penstock.testing import run_dag
from penstock_docker.connections import DockerFields

README = (Path(__file__).parents[1] / "README.md").read_text()
MANIFEST = tomllib.loads((Path(penstock_docker.__file__).parent / "provider.toml").read_text())


def test_its_dag_runs(connection, engine, tmp_path):
    for image in ("busybox:1.37", "python:3.13-slim"):
        engine.have(image, Cmd=["sh"])
    (snippet,) = re.findall(r"^```python\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
    folder = Path(tmp_path, "readme.py")
    folder.write_text(snippet)  # a function in a container is read from its file
    names = {}
    exec(compile(snippet, str(folder), "exec"), names)

    result = run_dag(names["dag"], connections={"docker_default": connection}).check()

    assert result.value("rows") == {"rows": 3}
    assert result.value("told") == "3 rows"


def test_its_connections_are_read():
    uris = re.findall(r"^PENSTOCK_CONN_\w+='(.+)'$", README, re.MULTILINE)

    here, far, tls = [read_fields(parse_connection("c", uri), DockerFields) for uri in uris]

    assert here == DockerFields()
    assert (far.docker_url, far.registry, far.registry_port, far.username, far.password) == (
        "ssh://deploy@far.example", "registry.example", 5000, "ann", "token",
    )  # fmt: skip
    assert (tls.docker_url, tls.is_tls, tls.tls_key) == ("tcp://far.example:2376", True, "/certs/key.pem")


def test_it_names_every_field_and_every_capability():
    fields = {field["name"] for connection in MANIFEST["connections"] for field in connection["fields"]}
    objects = {entry["object"].rpartition(":")[2] for kind in ("hooks", "sensors") for entry in MANIFEST[kind]}

    assert [name for name in sorted(fields | objects) if f"`{name}`" not in README] == []


def test_what_airflows_users_write_is_taken_or_named():
    (row,) = re.findall(r"^\| `DockerOperator\((.+?)\)`", README, re.MULTILINE)
    (operator,) = MANIFEST["sensors"]
    assert set(re.findall(r"(\w+)=", row)) <= {each["name"] for each in operator["parameters"]}
