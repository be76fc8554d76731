"""A broker over TLS: its certificate and its name are verified, whatever Celery does unless it is told to."""

import contextlib
import socket
import ssl
import threading

import pytest
import trustme

from penstock.errors import ConfigError, ProviderError
from penstock_celery.connections import read_options, verified_tls
from penstock_celery.hooks.broker import check_reachable, make_app

BEGINNINGS = {"rediss": b"*", "amqps": b"AMQP"}


@pytest.fixture(scope="module")
def authority():
    return trustme.CA()


@contextlib.contextmanager
def speaking_tls(certificate):
    """A port that speaks TLS, and what those who trust it say first."""
    context, heard = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), []
    certificate.configure_cert(context)
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def accept():
            with contextlib.suppress(OSError):  # it is closed at the end
                while True:
                    connection, _ = listening.accept()
                    connection.settimeout(10)
                    with contextlib.suppress(OSError), context.wrap_socket(connection, server_side=True) as spoken:
                        heard.append(spoken.recv(100))

        threading.Thread(target=accept, daemon=True).start()
        yield listening.getsockname()[1], heard
        listening.shutdown(socket.SHUT_RDWR)


def refusal(url):
    with pytest.raises(ProviderError) as caught:
        check_reachable(make_app(read_options({"broker": url}, "pool"), "pool"))
    return str(caught.value)


@pytest.mark.parametrize("scheme", BEGINNINGS)
def test_a_certificate_that_nobody_vouches_for_or_of_another_host_is_refused(authority, tmp_path, scheme):
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    with speaking_tls(authority.issue_cert("localhost")) as (port, heard):
        assert "CERTIFICATE_VERIFY_FAILED" in refusal(f"{scheme}://localhost:{port}/")
        told = refusal(f"{scheme}://127.0.0.1:{port}/?ssl_ca_certs={tmp_path}/ca.pem")
        assert "CERTIFICATE_VERIFY_FAILED" in told
        assert "named by ?ssl_ca_certs=/path" in told
        assert not any(heard)
        assert "CERTIFICATE" not in refusal(f"{scheme}://localhost:{port}/?ssl_ca_certs={tmp_path}/ca.pem")
        assert heard[-1].startswith(BEGINNINGS[scheme])
        heard.clear()
        assert "CERTIFICATE" not in refusal(f"{scheme}://127.0.0.1:{port}/?ssl_cert_reqs=none")
        assert heard[-1].startswith(BEGINNINGS[scheme])


def test_each_of_several_brokers_is_verified():
    assert verified_tls("amqps://a", "pool")[1]["server_hostname"] == "a"
    url, tls = verified_tls("amqps://a;amqps://b/?ssl_ca_certs=x", "pool")
    assert (url, tls) == ("amqps://a;amqps://b/", {"cert_reqs": ssl.CERT_REQUIRED, "server_hostname": None})
    assert verified_tls("rediss://a;rediss://b", "pool")[0].count("ssl_cert_reqs=required") == 2
    assert verified_tls("redis://a", "pool") == ("redis://a", None)


@pytest.mark.parametrize("text", ["none", "CERT_NONE"])
def test_how_it_is_verified_is_written_as_celery_has_it(text):
    assert verified_tls(f"amqps://a?ssl_cert_reqs={text}", "pool") == ("amqps://a", {"cert_reqs": ssl.CERT_NONE})


@pytest.mark.parametrize("wrong", ["ssl_cert_reqs=maybe", "ssl_ca_cert=/ca.pem"])
def test_an_option_of_tls_that_there_is_not_is_refused(wrong):
    with pytest.raises(
        ConfigError, match=rf"\[executors.pool\]: {wrong.partition('=')[0]} of the broker's URL is wrong"
    ):
        make_app(read_options({"broker": f"rediss://h/?{wrong}"}, "pool"), "pool")
