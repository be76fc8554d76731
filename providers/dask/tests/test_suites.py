"""The executor and the hook keep what every executor and every hook must keep, on a real cluster."""

import msgspec
import pytest

from penstock import Connection
from penstock.testing import HookSuite, RemoteExecutorSuite
from penstock_dask.hooks import DaskHook
from penstock_dask.hooks.dask_hook import _clients

pytestmark = pytest.mark.xdist_group("dask_cluster")


class TestDaskExecutor(RemoteExecutorSuite):
    @pytest.fixture(scope="class")
    @classmethod
    def executor_table(cls, dask):
        return f'type = "dask.executor"\nserver = "{{url}}"\naddress = "{dask.address}"\n'


def test_a_host_that_is_an_address_is_refused():
    wrong = Connection("dask_default", "dask", host="inproc://10.0.0.1/7/1")
    report = DaskHook(connection=wrong).test_connection()
    assert not report.ok
    assert "inproc:// are of one process and reached from no other" in report.detail


class TestDaskHook(HookSuite):
    hook = DaskHook
    refuses_wrong_secrets = False  # a cluster knows certificates, and no secrets

    @pytest.fixture
    def connection(self, dask):
        yield Connection("dask_default", "dask", host="127.0.0.1", port=dask.port)
        for client in _clients._clients.values():
            client.close()
        _clients._clients.clear()

    def impatient(self, connection):
        return msgspec.structs.replace(connection, extra={**connection.extra, "connect_timeout_s": 1.0})
