"""The hook, the operators and the backend keep what all of their kind must keep."""

import msgspec
import pytest

from penstock import Connection
from penstock.testing import HookSuite, SecretsBackendSuite, SensorSuite, runtime
from penstock_kubernetes.hooks import KubernetesHook
from penstock_kubernetes.operators import KubernetesJobOperator, KubernetesPodOperator
from penstock_kubernetes.secrets import KubernetesSecretsBackend


def with_extra(connection, **extra):
    return msgspec.structs.replace(connection, extra={**connection.extra, **extra})


class TestKubernetesHook(HookSuite):
    hook = KubernetesHook

    def impatient(self, connection):
        return with_extra(connection, read_timeout_s=0.2, deadline_s=1.0, max_attempts=1)

    def moved(self, connection, host, port):
        return with_extra(connection, server=f"http://{host}:{port}")


class WithConnection:
    """What the suites of both operators share."""

    @pytest.fixture
    def connections(self, connection):
        return {"kubernetes_default": connection}


class TestKubernetesPodOperator(WithConnection, SensorSuite):
    operator = KubernetesPodOperator

    @pytest.fixture
    def arguments(self, python):
        return python("print('done')")

    @pytest.fixture
    def waiting(self, python):
        return python("import time; time.sleep(60)", termination_grace_s=0)


class TestKubernetesJobOperator(WithConnection, SensorSuite):
    operator = KubernetesJobOperator

    @pytest.fixture
    def arguments(self, python):
        return python("print('done')")

    @pytest.fixture
    def waiting(self, python):
        return python("import time; time.sleep(60)", pod_patch={"spec": {"terminationGracePeriodSeconds": 0}})


class TestKubernetesSecretsBackend(SecretsBackendSuite):
    backend_class = KubernetesSecretsBackend

    @pytest.fixture
    def connections(self):
        shop = Connection("team.shop", "http", host="shop.example", password="an0ther-word")
        sales = Connection(
            "warehouse", "postgres", host="db.example", login="ann", password="s3cr3t-word", schema="sales"
        )
        return {"warehouse": sales, "team.shop": shop}

    @pytest.fixture
    def variables(self):
        return {"threshold": "42-and-more", "names": '["a", "b"]'}

    @pytest.fixture
    def environment(self, connection):
        with runtime({"kubernetes_default": connection}):
            yield

    @pytest.fixture
    def backend(self, cluster, environment, variables):
        cluster.secret(
            "penstock-connections",
            **{
                "warehouse": "postgres://ann:s3cr3t-word@db.example/sales",
                "team.shop": '{"conn_type": "http", "host": "shop.example", "password": "an0ther-word"}',
            },
        )
        cluster.secret("penstock-variables", **variables)
        return KubernetesSecretsBackend(kubernetes_conn_id="kubernetes_default", list_names=True)

    @pytest.fixture
    def away(self, cluster, environment):
        cluster.faults.server_error(None)
        return KubernetesSecretsBackend(kubernetes_conn_id="kubernetes_default")
