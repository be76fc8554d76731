"""A client over TLS: the certificate is verified, and what is wrong with it is told."""

import ssl
import threading
from contextlib import contextmanager

import pytest
import trustme
import uvicorn

from penstock.client.http_remote import ClientLimits, HttpRemote
from penstock.client.server_address import server_address
from penstock.errors import ServerError
from penstock.service import dags
from penstock.service.installation import Installation
from penstock.testing import FakeClock
from penstock_server.http.application import application
from penstock_server.http.authenticator import OwnerToken
from penstock_server.http.reach.address import Address, listen

SECRET = "a-secret-of-tests"


@pytest.fixture(scope="module")
def authority():
    return trustme.CA()


@contextmanager
def served(installation, certificate=None):
    """Serve an installation, by TLS if there is a certificate; gives the port."""
    listening = listen(Address(port=0))
    if certificate is not None:
        with certificate.private_key_and_cert_chain_pem.tempfile() as file:
            config = uvicorn.Config(application(installation, OwnerToken(SECRET)), ssl_certfile=file, log_config=None)
            config.load()
    else:
        config = uvicorn.Config(application(installation, OwnerToken(SECRET)), log_config=None)
    running = uvicorn.Server(config)
    thread = threading.Thread(target=running.run, args=([listening],))
    thread.start()
    try:
        yield listening.getsockname()[1]
    finally:
        running.should_exit = True
        thread.join()


def asking(url, authority=""):
    remote = HttpRemote(server_address(url, authority), SECRET, ClientLimits(timeout_s=60, pauses_s=()))
    return Installation.elsewhere(remote, FakeClock())


def refused(url):
    with asking(url) as far, pytest.raises(ServerError) as found:
        dags.list_dags(far)
    return str(found.value)


def test_a_server_whose_authority_is_named_is_asked(installation, authority, tmp_path, monkeypatch):
    with served(installation, authority.issue_cert("localhost", "127.0.0.1")) as port:
        authority.cert_pem.write_to_path(tmp_path / "ca.pem")
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
        for host in ("localhost", "127.0.0.1"):
            with asking(f"https://{host}:{port}") as far:
                assert [each.dag_id for each in dags.list_dags(far).items] == ["health", "sales"]
                assert dags.trigger(far, "sales", run_id=host).created
        told = refused(f"http://127.0.0.1:{port}")
        assert "does not answer: " in told
        assert "if it is one of TLS, its URL begins with https://" in told


def test_an_authority_of_its_own_vouches_for_the_server_beside_those_of_the_machine(
    installation, authority, monkeypatch
):
    own, other = (each.cert_pem.bytes().decode() for each in (authority, trustme.CA()))
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    with served(installation, authority.issue_cert("localhost")) as port:
        url = f"https://localhost:{port}"
        with asking(url, own) as far:
            assert dags.trigger(far, "sales", run_id="own").created
        with asking(url, other) as far, pytest.raises(ServerError, match="is not who it says it is"):
            dags.list_dags(far)
        trusted = len(ssl.create_default_context().get_ca_certs())
        connection = server_address(url, own).connection(1.0)
        assert len(connection._context.get_ca_certs()) == trusted + 1


def test_a_certificate_that_is_not_good_is_told_with_what_to_do(installation, authority, tmp_path, monkeypatch):
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    with served(installation, authority.issue_cert("other.example")) as port:
        url = f"https://localhost:{port}"
        monkeypatch.delenv("SSL_CERT_FILE", raising=False)
        told = refused(url)
        assert f"{url} is not who it says it is: " in told
        assert "PENSTOCK_SERVER_AUTHORITY_FILE names a file with another one" in told
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
        told = refused(url)
        assert "not valid for 'localhost'" in told
        assert "Name the server as its certificate does, in PENSTOCK_SERVER." in told


def test_a_server_without_tls_is_told(installation):
    with served(installation) as port:
        assert "speaks no TLS that is understood here: " in refused(f"https://127.0.0.1:{port}")
