"""A cluster that is reached by TLS alone, by executor and hook."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
import trustme

from penstock import Connection
from penstock.errors import ProviderError
from penstock.spec.remote import RemoteContext
from penstock_dask.executors import DaskExecutor
from penstock_dask.executors.ticket_run import RUN, TicketEnd, packed
from penstock_dask.hooks import DaskHook
from penstock_dask.hooks.dask_cluster import Cluster, DaskTask
from penstock_dask.hooks.dask_hook import _clients


@pytest.fixture
def certificates(tmp_path):
    authority, files = trustme.CA(), [tmp_path / name for name in ("ca.pem", "cert.pem", "key.pem")]
    issued = authority.issue_cert("127.0.0.1")
    authority.cert_pem.write_to_path(files[0])
    issued.cert_chain_pems[0].write_to_path(files[1])
    issued.private_key_pem.write_to_path(files[2])
    return tuple(map(str, files))


@pytest.fixture
def cluster(tmp_path, certificates, local_dask):
    words = [
        word for pair in zip(("--tls-ca-file", "--tls-cert", "--tls-key"), certificates, strict=True) for word in pair
    ]
    made = local_dask(tmp_path, scheduler=("--protocol", "tls", *words), worker=("--protocol", "tls", *words))
    made.start_worker()
    yield made
    made.close()


def test_a_cluster_with_certificates_is_reached_with_them_and_not_without(cluster, certificates):
    assert cluster.address.startswith("tls://")
    ended = []
    line = Cluster(cluster.address, certificates, 10.0)
    line.submit(
        [DaskTask("t-1", RUN, {"packed": packed("t-1", {}, ["sh", "-c", "echo here"])}, {})],
        lambda *found: ended.append(found),
    )
    assert [each.threads for each in line.workers()] == [2]
    names = dict(zip(("tls_ca", "tls_cert", "tls_key"), certificates, strict=True))
    connection = Connection("d", "dask", host="127.0.0.1", port=cluster.port, extra=names)
    told = (lambda: datetime.now(UTC), lambda *_: None, lambda *_, **__: None)
    executor = DaskExecutor(RemoteContext("far", {}, "", "i", Path("unused"), *told, connection))
    assert executor.slots() == 4
    executor.stop()
    report = DaskHook(connection=connection).test_connection()
    assert report.ok, report.detail
    for client in _clients._clients.values():
        client.close()
    _clients._clients.clear()
    plain = DaskHook(
        connection=Connection("d", "dask", host="127.0.0.1", port=cluster.port, extra={"connect_timeout_s": 2})
    )
    with pytest.raises(ProviderError):
        plain.get_client()
    while not ended:
        line.states(["t-1"])
    assert ended == [("t-1", TicketEnd(0, "here\n"))]
    line.close()
