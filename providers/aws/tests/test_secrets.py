"""Connections and Variables come from AWS: each under its own id, and nothing for what may not be read."""

import pytest
from botocore.exceptions import ClientError

from penstock import Connection
from penstock.errors import ErrorKind, ProviderError
from penstock.testing import SecretsBackendSuite
from penstock_aws.errors import provider_error
from penstock_aws.secrets import SecretsManagerBackend, SsmParameterBackend

CONNECTIONS = {
    "warehouse": "postgres://ann:s3cr3t-word@db.example:5432/sales",
    "team/shop": '{"conn_type": "http", "host": "shop.example", "password": "an0ther-word"}',
}
VARIABLES = {"threshold": "42-and-more", "names": '["a", "b"]'}


class WithEnvironment:
    """What the suites of both backends share: an account that holds some secrets."""

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
            "team/shop": Connection("team/shop", "http", host="shop.example", password="an0ther-word"),
        }

    @pytest.fixture
    def variables(self):
        return VARIABLES

    @pytest.fixture
    def backend(self, account):
        account()
        return self.backend_class(aws_conn_id="aws_default", list_names=True)

    @pytest.fixture
    def away(self, away_runtime):
        return self.backend_class(aws_conn_id="aws_default")


@pytest.fixture
def secrets(s3, runtime):
    """A client of Secrets Manager."""
    client = s3.client("secretsmanager")
    yield client
    client.close()


@pytest.fixture
def parameters(s3, runtime):
    """A client of the Parameter Store."""
    client = s3.client("ssm")
    yield client
    client.close()


class TestSecretsManagerBackend(WithEnvironment, SecretsBackendSuite):
    backend_class = SecretsManagerBackend

    @pytest.fixture
    def account(self, secrets):
        def fill():
            for kind, known in (("connections", CONNECTIONS), ("variables", VARIABLES)):
                for name, text in known.items():
                    secrets.create_secret(Name=f"penstock/{kind}/{name}", SecretString=text)
            secrets.create_secret(Name="penstock/connections-of-another/x", SecretString="no")

        return fill


class TestSsmParameterBackend(WithEnvironment, SecretsBackendSuite):
    backend_class = SsmParameterBackend

    @pytest.fixture
    def account(self, parameters):
        def fill():
            for kind, known in (("connections", CONNECTIONS), ("variables", VARIABLES)):
                for name, text in known.items():
                    parameters.put_parameter(Name=f"/penstock/{kind}/{name}", Value=text, Type="SecureString")
            parameters.put_parameter(Name="/penstock/other/x", Value="no", Type="String")

        return fill


def test_only_ids_of_the_pattern_are_asked_for(secrets):
    secrets.create_secret(Name="penstock/connections/aws_default", SecretString="aws://")
    secrets.create_secret(Name="penstock/connections/sales_db", SecretString="postgres://db")
    backend = SecretsManagerBackend(aws_conn_id="aws_default", connections_lookup_pattern="^sales_")

    assert backend.connection("sales_db") == "postgres://db"
    assert backend.connection("aws_default") is None


def test_without_a_prefix_nothing_is_asked_for():
    backend = SecretsManagerBackend(variables_prefix="", region_name="eu-west-1", list_names=True)

    assert backend.variable("threshold") is None
    assert backend.variable_keys() == []


def test_a_secret_of_bytes_and_one_that_is_being_deleted_are_errors(secrets):
    secrets.create_secret(Name="penstock/variables/bytes", SecretBinary=b"\x00")
    secrets.create_secret(Name="penstock/variables/going", SecretString="x")
    secrets.delete_secret(SecretId="penstock/variables/going")
    backend = SecretsManagerBackend(aws_conn_id="aws_default")

    for key, says in (("bytes", "holds bytes and no text"), ("going", "marked for deletion|marked deleted")):
        with pytest.raises(ProviderError, match=says) as raised:
            backend.variable(key)
        assert raised.value.kind is ErrorKind.INVALID


def test_a_refusal_is_an_error_that_names_the_action_and_no_missing_connection():
    for operation, service in (("GetSecretValue", "secretsmanager"), ("GetParameter", "ssm")):
        answer = {
            "Error": {"Code": "AccessDeniedException", "Message": "no"},
            "ResponseMetadata": {"HTTPStatusCode": 400},
        }
        error = provider_error(ClientError(answer, operation), operation=operation, service=service, conn_id="c")

        assert error.kind is ErrorKind.PERMISSION
        assert f"{service}:{operation}" in str(error)


@pytest.mark.parametrize("prefixes", [("a", "a/b"), ("a/b/", "a"), ("a", "a")])
def test_prefixes_within_each_other_are_refused(prefixes):
    with pytest.raises(ValueError, match="within the other"):
        SsmParameterBackend(connections_prefix=prefixes[0], variables_prefix=prefixes[1])


def test_a_region_and_a_connection_exclude_each_other():
    with pytest.raises(ValueError, match="one of the two"):
        SsmParameterBackend(aws_conn_id="c", region_name="eu-west-1")
