"""Certificates: what browsers would refuse is refused at the start, and one that is renewed is served without a restart."""

import ssl
from datetime import datetime, timedelta

import pytest
import trustme
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from penstock.errors import ConfigError
from penstock_server.http.reach.tls import Tls

NAME = "penstock.example.com"
NOW = datetime.fromisoformat("2026-03-01T12:30Z")


@pytest.fixture(scope="module")
def authority():
    return trustme.CA()


@pytest.fixture
def pair(tmp_path, authority):
    """Writes a certificate and its key."""
    certificate, key = tmp_path / "cert.pem", tmp_path / "key.pem"

    def written(*names, key_mode=0o600, **more):
        issued = authority.issue_cert(*(names or (NAME,)), **more)
        certificate.write_bytes(b"".join(each.bytes() for each in issued.cert_chain_pems))
        key.write_bytes(issued.private_key_pem.bytes())
        key.chmod(key_mode)
        return str(certificate), str(key)

    return written


def subject_names(tls, authority):
    """The names of the certificate that a client of this authority is shown."""
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = trusting.wrap_bio(to_client, to_server, server_hostname=NAME)
    server = tls.context.wrap_bio(to_server, to_client, server_side=True)
    for _ in range(4):
        for side in (client, server):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
    return {value for _, value in client.getpeercert()["subjectAltName"]}


def served(pair, name=NAME, now=NOW):
    return Tls(*pair, name, lambda: now)


@pytest.mark.parametrize(
    ("names", "name"),
    [
        ((NAME,), NAME),
        (("*.example.com",), NAME),
        (("a.example", NAME), NAME.upper()),
        (("192.0.2.1",), "192.0.2.1"),
        (("a",), ""),
    ],
)
def test_a_certificate_for_the_name_is_served(pair, names, name):
    assert served(pair(*names), name).problem == ""


@pytest.mark.parametrize(
    ("names", "name"),
    [
        (("other.example.com",), NAME),
        (("*.example.com",), "example.com"),
        (("*.example.com",), "a.penstock.example.com"),
        (("example.com",), NAME),
    ],
)
def test_a_certificate_for_another_name_is_refused(pair, names, name):
    with pytest.raises(ConfigError, match=rf"it is for {names[0].replace('*', '.')}.*, and public_url has {name}"):
        served(pair(*names), name)


def _another_key(certificate, key, authority):
    key.write_bytes(authority.issue_cert(NAME).private_key_pem.bytes())


def _locked_key(certificate, key, authority):
    made = load_pem_private_key(key.read_bytes(), None)
    key.write_bytes(
        made.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, BestAvailableEncryption(b"secret"))
    )


@pytest.mark.parametrize(
    ("harm", "told"),
    [
        pytest.param(_another_key, "it is not the key of the certificate", id="key of another"),
        pytest.param(_locked_key, "that needs no password", id="key with a password"),
        pytest.param(lambda c, k, a: k.write_text("no key"), "no private key in PEM", id="no key"),
        pytest.param(lambda c, k, a: k.write_bytes(c.read_bytes()), "no private key in PEM", id="certificate as key"),
        pytest.param(lambda c, k, a: k.unlink(), "cannot be read: No such file", id="key is not there"),
        pytest.param(lambda c, k, a: k.chmod(0o604), "chmod 600", id="others read the key"),
        pytest.param(lambda c, k, a: k.chmod(0o660), "chmod 600", id="a group writes the key"),
        pytest.param(lambda c, k, a: c.write_text("no certificate"), "no certificate in PEM", id="no certificate"),
        pytest.param(lambda c, k, a: c.write_bytes(k.read_bytes()), "no certificate in PEM", id="key as certificate"),
        pytest.param(lambda c, k, a: c.unlink(), "cannot be read: No such file", id="certificate is not there"),
        pytest.param(lambda c, k, a: (c.unlink(), c.mkdir()), "cannot be read: Is a directory", id="a folder"),
    ],
)
def test_what_is_no_pair_is_refused_in_a_sentence_that_names_the_file(pair, authority, tmp_path, harm, told):
    files = pair()
    harm(tmp_path / "cert.pem", tmp_path / "key.pem", authority)
    with pytest.raises(ConfigError) as refused:
        served(files)
    assert told in str(refused.value)
    assert str(tmp_path) in str(refused.value)


@pytest.mark.parametrize(
    ("begins", "ends"), [(timedelta(-9), timedelta(0)), (timedelta(seconds=1), timedelta(9))], ids=["over", "to come"]
)
def test_a_certificate_that_does_not_count_now_is_refused(pair, begins, ends):
    with pytest.raises(ConfigError, match="and now is 2026-03-01 12:30"):
        served(pair(not_before=NOW + begins, not_after=NOW + ends))


def test_a_certificate_that_ends_soon_is_told_until_it_is_renewed(pair, authority):
    tls = served(pair(not_before=NOW - timedelta(80), not_after=NOW + timedelta(10)))
    assert tls.problem.endswith("ends on 2026-03-11. Renew it.")
    pair(not_before=NOW, not_after=NOW + timedelta(90))
    tls.refresh()
    assert tls.problem == ""


def test_a_renewed_certificate_is_served_to_whoever_connects_from_then_on(pair, authority, tmp_path):
    tls = served(pair())
    assert subject_names(tls, authority) == {NAME}
    pair(NAME, "new.example.com", key_type=trustme.KeyType.RSA)
    assert subject_names(tls, authority) == {NAME}
    tls.refresh()
    assert subject_names(tls, authority) == {NAME, "new.example.com"}


def test_while_half_of_a_pair_is_written_the_one_of_before_is_served(pair, authority, tmp_path):
    tls = served(pair())
    key = tmp_path / "key.pem"
    old = key.read_bytes()
    pair(NAME, "new.example.com")
    new = key.read_bytes()
    key.write_bytes(old)
    tls.refresh()
    assert "the certificate of before is served: " in tls.problem
    assert subject_names(tls, authority) == {NAME}
    key.write_bytes(new)
    tls.refresh()
    assert (tls.problem, subject_names(tls, authority)) == ("", {NAME, "new.example.com"})
