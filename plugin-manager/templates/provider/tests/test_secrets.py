"""The secrets backend against the stand-in of the service."""

import pytest
from penstock import Connection
from penstock.testing import SecretsBackendSuite, runtime

from penstock_sample.secrets import SampleSecretsBackend


class TestSampleSecretsBackend(SecretsBackendSuite):
    @pytest.fixture
    def connections(self):
        return {"warehouse": Connection("warehouse", "postgres", host="db", login="ann", password="a-secret-of-ours")}

    @pytest.fixture
    def variables(self):
        return {"region": "eu-central"}

    @pytest.fixture
    def backend(self, service, connection, connections, variables):
        service.items.update({f"connections/{name}": each.to_uri().encode() for name, each in connections.items()})
        service.items.update({f"variables/{name}": text.encode() for name, text in variables.items()})
        with runtime({"sample_default": connection}):
            yield SampleSecretsBackend()

    @pytest.fixture
    def away(self, connection):
        from msgspec.structs import replace

        with runtime({"away": replace(connection, port=9)}):
            yield SampleSecretsBackend(sample_conn_id="away")
