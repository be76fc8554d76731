"""The package's page and that of the docs tell what is there, and their DAGs run."""

import re
import tomllib
from pathlib import Path

import pytest

import penstock_gcp
from penstock.model.connection import parse_connection
from penstock.spec.fields import read_fields
from penstock.testing import run_dag
from penstock_gcp.connections import GcpFields
from penstock_gcp.secrets import CloudSecretManagerBackend

README = (Path(__file__).parents[1] / "README.md").read_text()
PAGE = (Path(__file__).parents[3] / "docs" / "providers" / "gcp.md").read_text()
MANIFEST = tomllib.loads((Path(penstock_gcp.__file__).parent / "provider.toml").read_text())
DAG, COPY, DAY, TOLD = re.findall(r"^```python\n(.*?)^```", README + PAGE, re.MULTILINE | re.DOTALL)


def executed(snippet):
    names = {}
    exec(compile(snippet, "README.md", "exec"), names)
    return names


def test_its_dag_runs(gcs, connection):
    gcs.create_bucket("mirror")
    gcs.put("gs://clicks/raw/_SUCCESS", "")
    gcs.put("gs://clicks/raw/part.csv", "b\na\n")
    names = executed(DAG.replace("schedule=None):", "schedule=None) as dag:"))

    run_dag(names["dag"], connections={"gcp_default": connection}).check()

    assert gcs.content("gs://mirror/sorted/part.csv") == b"a\nb\n"


def test_its_copy_passes_to_another_store(gcs, connection, tmp_path):
    gcs.put("gs://clicks/sorted/a", "one")
    names = executed(COPY.replace("schedule=None):", "schedule=None) as dag:").replace("/tmp/sorted", str(tmp_path)))

    run_dag(names["dag"], connections={"gcp_default": connection}).check()

    assert (tmp_path / "a").read_bytes() == b"one"


def test_the_day_of_the_page_runs(gcs, connection, tmp_path):
    for name in ("in/a", "in/b"):
        gcs.put(f"gs://clicks/{name}", name)
    names = executed(
        DAY.replace("schedule=None):", "schedule=None) as dag:").replace("/tmp/penstock-gcp", str(tmp_path))
    )

    run_dag(names["dag"], connections={"gcp_default": connection}).check()

    assert sorted(gcs.buckets["clicks"].objects) == ["kept/a", "kept/b"]


def test_the_sensor_of_the_page_is_told(gcs, pubsub, subscription, connection):
    gcs.put("gs://clicks/raw/_SUCCESS", "")
    text = TOLD.replace("schedule=None):", "schedule=None) as dag:")
    names = executed(text.replace("projects/shop/subscriptions/clicks-sensors", subscription))

    run_dag(names["dag"], connections={"gcp_default": connection}).check()

    assert not pubsub.subscriptions[subscription].waiting


def test_the_settings_of_the_page_make_the_backend(manager_options):
    assert CloudSecretManagerBackend(**manager_options).connection("another") is None


@pytest.fixture
def manager_options():
    """The options of the page's table of the settings, as the core calls the class with them."""
    settings = tomllib.loads(re.search(r"^```toml\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)[1])
    options = settings["secrets"]["google"]
    assert options.pop("type") == MANIFEST["secrets_backends"][0]["id"]
    return options


def test_its_connections_are_read():
    uris = re.findall(r"^PENSTOCK_CONN_\w+='(.+)'$", README, re.MULTILINE)

    first, second = (read_fields(parse_connection("c", uri), GcpFields) for uri in uris)

    assert (first.project, first.key_path) == ("shop", "/etc/keys/shop.json")
    assert second.accounts == ("lake@shop.iam.gserviceaccount.com",)


def test_it_names_every_field_and_every_capability():
    fields = {field["name"] for connection in MANIFEST["connections"] for field in connection["fields"]}
    objects = {
        entry["object"].rpartition(":")[2] for kind in ("hooks", "operators", "sensors") for entry in MANIFEST[kind]
    } | {each["name"] for each in MANIFEST["secrets_backends"][0]["parameters"]}

    assert [name for name in sorted(fields | objects) if f"`{name}`" not in README + PAGE] == []
