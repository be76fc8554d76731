"""Connections and Variables come from Secret Manager: each under its own id, and nothing for what may not be read."""

import msgspec
import pytest

from penstock import Connection
from penstock.errors import ErrorKind, ProviderError
from penstock.testing import SecretsBackendSuite, runtime
from penstock_gcp.hooks import SecretManagerHook
from penstock_gcp.secrets import CloudSecretManagerBackend
from penstock_testkit.gcs import SecretManager

VARIABLES = {"threshold": "42-and-more", "names": '["a", "b"]'}


@pytest.fixture
def manager(saas, tokens):
    """Secret Manager, with a few secrets of ours and one of another."""
    fake = saas.serve(SecretManager(tokens))
    fake.put("penstock-connections-warehouse", "postgres://ann:s3cr3t-word@db.example:5432/sales")
    fake.put(
        "penstock-connections-team_shop", '{"conn_type": "http", "host": "shop.example", "password": "an0ther-word"}'
    )
    for key, text in VARIABLES.items():
        fake.put(f"penstock-variables-{key}", text)
    fake.put("of-another-penstock-variables-x", "no")
    return fake


@pytest.fixture
def backend(manager, connection):
    """A backend that lists, with a connection of the environment."""
    with runtime({"gcp_default": connection}):
        yield CloudSecretManagerBackend(gcp_conn_id="gcp_default", list_names=True)


class TestCloudSecretManagerBackend(SecretsBackendSuite):
    @pytest.fixture
    def connections(self):
        return {
            "warehouse": Connection(
                "warehouse",
                "postgres",
                host="db.example",
                port=5432,
                login="ann",
                password="s3cr3t-word",
                schema="sales",
            ),
            "team_shop": Connection("team_shop", "http", host="shop.example", password="an0ther-word"),
        }

    @pytest.fixture
    def variables(self):
        return VARIABLES

    @pytest.fixture
    def away(self, saas, manager, connection):
        manager.faults.server_error(None)
        impatient = msgspec.structs.replace(connection, extra={"max_attempts": 1})
        with runtime({"gcp_default": impatient}):
            yield CloudSecretManagerBackend(gcp_conn_id="gcp_default")


def test_a_secret_that_is_disabled_is_no_text_or_arrives_damaged_is_an_error(backend, manager):
    manager.put("penstock-variables-bytes", b"\xff")
    manager.disabled.add("penstock-variables-threshold")

    for key, says, kind in (
        ("bytes", "holds bytes and no text", ErrorKind.INVALID),
        ("threshold", "DISABLED", ErrorKind.INVALID),
    ):
        with pytest.raises(ProviderError, match=says) as raised:
            backend.variable(key)
        assert raised.value.kind is kind
        assert raised.value.service == "secretmanager"
    manager.damage = 1
    with pytest.raises(ProviderError, match="was damaged"):
        backend.variable("names")


def test_the_connection_test_asks_for_no_more_than_a_list(manager, connection):
    report = SecretManagerHook(connection=connection).test_connection()

    assert (report.ok, report.identity) == (True, "robot@a-project.iam.gserviceaccount.com")


def test_a_project_and_a_connection_exclude_each_other():
    with pytest.raises(ValueError, match="one of the two"):
        CloudSecretManagerBackend(gcp_conn_id="c", project="p")
