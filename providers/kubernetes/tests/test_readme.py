"""The package's page, and the project's about it, tell what is there."""

import re
import tomllib
from pathlib import Path

import penstock_kubernetes
from penstock.model.connection import parse_connection
from penstock.spec.fields import read_fields
from penstock.testing import run_dag
from penstock_kubernetes.connections import KubernetesFields
from penstock_kubernetes.secrets import KubernetesSecretsBackend

README = (Path(__file__).parents[1] / "README.md").read_text()
PAGE = (Path(__file__).parents[3] / "docs" / "providers" / "kubernetes.md").read_text()
MANIFEST = tomllib.loads((Path(penstock_kubernetes.__file__).parent / "provider.toml").read_text())


def run_of(snippet, connections):
    names = {}
    exec(compile(snippet, "README.md", "exec"), names)
    result = run_dag(names["dag"], connections=connections).check()
    return {name: result.value(name) for name in result.tasks}


def snippets(text, language):
    return re.findall(rf"^```{language}.*?\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def test_its_dag_runs(cluster, connections):
    cluster.secret("warehouse", password="s3cr3t-word")
    (snippet,) = snippets(README, "python")

    assert run_of(snippet, connections)["rows"] == {"rows": 7}


def test_the_dags_of_its_page_run(cluster, connections):
    first, second = snippets(PAGE, "python")

    assert run_of(first, connections) == {"train": 0.93}
    assert run_of(second, connections)["load"].startswith("penstock-")


def test_the_settings_of_the_page_make_the_backend(cluster, runtime):
    (settings,) = snippets(PAGE, "toml")
    options = tomllib.loads(settings)["secrets"]["cluster"]
    assert options.pop("type") == MANIFEST["secrets_backends"][0]["id"]
    cluster.secret("penstock-variables", threshold="42")

    assert KubernetesSecretsBackend(kubernetes_conn_id="kubernetes_default", **options).variable("threshold") == "42"


def test_its_connections_are_read():
    uris = re.findall(r"^PENSTOCK_CONN_\w+='(.+)'$", README, re.MULTILINE)

    first, second = (read_fields(parse_connection("c", uri), KubernetesFields) for uri in uris)

    assert (first.kubeconfig, first.context) == ("/etc/penstock/kubeconfig", "shop")
    assert (second.server, second.token, second.namespace) == ("https://kube.example:6443", "t0ken", "night")


def test_it_names_every_field_and_every_capability():
    fields = {field["name"] for connection in MANIFEST["connections"] for field in connection["fields"]}
    objects = {entry["object"].rpartition(":")[2] for kind in ("hooks", "sensors") for entry in MANIFEST[kind]}
    arguments = {
        each["name"]
        for kind in ("sensors", "secrets_backends", "executors")
        for entry in MANIFEST[kind]
        for each in entry["parameters"]
    }

    assert [name for name in sorted(fields | objects | arguments) if f"`{name}`" not in README + PAGE] == []
