"""The package's pages tell what is there, and their snippets run."""

import re
import tomllib
from datetime import UTC, datetime
from pathlib import Path

import pytest

import penstock_dask
from penstock import Connection
from penstock.model.connection import parse_connection
from penstock.spec.fields import read_fields
from penstock.spec.remote import RemoteContext
from penstock.testing import run_dag
from penstock_dask.connections import DaskFields
from penstock_dask.executors import DaskExecutor

README = (Path(__file__).parents[1] / "README.md").read_text()
PAGE = (Path(__file__).parents[3] / "docs" / "how-to" / "scale-out-with-dask.md").read_text()
MANIFEST = tomllib.loads((Path(penstock_dask.__file__).parent / "provider.toml").read_text())


def blocks(text, language):
    return re.findall(rf"^```{language}\b[^\n]*\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


@pytest.mark.xdist_group("dask_cluster")
def test_their_dags_run(dask):
    connection = Connection("dask_default", "dask", host="127.0.0.1", port=dask.port)
    for snippet in (*blocks(README, "python"), blocks(PAGE, "python")[1]):
        names = {}
        exec(snippet.replace('DAG("sums"):', 'DAG("sums") as dag:'), names)
        assert run_dag(names["dag"], connections={"dask_default": connection}).check().value("total") == 6


def test_their_executors_can_be_made():
    for text in (*blocks(README, "toml"), *blocks(PAGE, "toml")):
        options = tomllib.loads(text)["executors"]["cluster"]
        assert options.pop("type") == "dask.executor"
        server = options.pop("server")
        context = RemoteContext(
            "cluster", options, server, "i", Path("unused"), lambda: datetime.now(UTC), lambda *_: None, lambda *_, **__: None,
        )  # fmt: skip
        DaskExecutor(context).stop()


def test_its_connections_are_read():
    uris = re.findall(r"^PENSTOCK_CONN_\w+='(.+)'$", README, re.MULTILINE)
    plain, tls = [read_fields(parse_connection("c", uri), DaskFields) for uri in uris]
    assert (plain.address, plain.connect_timeout_s) == ("tcp://scheduler.example:8786", 10.0)
    assert (tls.address, tls.tls_key) == ("tls://scheduler.example:8786", "/certs/key.pem")


def test_it_names_every_field_and_every_option():
    [connection], [executor] = MANIFEST["connections"], MANIFEST["executors"]
    names = {each["name"] for each in (*connection["fields"], *executor["parameters"])}
    assert [name for name in sorted(names) if f"`{name}`" not in README] == []
