"""Where a cluster is and who we are is read as the official client reads it."""

import base64
import json
import os
import ssl
from pathlib import Path

import pytest
import trustme
import yaml
from kubernetes import client as sdk
from kubernetes import config as sdk_config

from penstock.errors import ErrorKind, ProviderError
from penstock_kubernetes.connections import KubernetesFields
from penstock_kubernetes.hooks import access
from penstock_kubernetes.hooks.access import Credential, access_of, of_kubeconfig
from penstock_kubernetes.hooks.clients import KubeClient, _tls_of

AUTHORITY = trustme.CA()
PEM = AUTHORITY.cert_pem.bytes().decode()
CLIENT = AUTHORITY.issue_cert("ann@shop.example")


def encoded(text):
    return base64.b64encode(text.encode()).decode()


def written(folder, name="config", user=None, cluster=None, **more):
    """A kubeconfig with one cluster, user and context."""
    file = folder / name
    file.write_text(yaml.safe_dump({
        "apiVersion": "v1", "kind": "Config", "current-context": "here",
        "clusters": [{"name": "c", "cluster": {"server": "https://kube.example:6443", **(cluster or {})}}],
        "users": [{"name": "u", "user": user or {"token": "t0ken"}}],
        "contexts": [{"name": "here", "context": {"cluster": "c", "user": "u", "namespace": "sales"}}], **more,
    }))  # fmt: skip
    return file


def by_plugin(version="v1", **status):
    answer = {"apiVersion": f"client.authentication.k8s.io/{version}", "kind": "ExecCredential", "status": status}
    return {
        "apiVersion": answer["apiVersion"],
        "command": "echo",
        "args": [json.dumps(answer)],
        "interactiveMode": "Never",
    }


@pytest.mark.parametrize(
    "user",
    [
        {"token": "t0ken"},
        {"tokenFile": "token"},
        {"username": "ann", "password": "secret"},
        {"exec": by_plugin(token="fr0m-plugin")},
        {"exec": by_plugin("v1beta1", token="fr0m-plugin", expirationTimestamp="2099-01-01T00:00:00Z")},
    ],
)
def test_a_kubeconfig_means_what_it_means_to_the_official_client(tmp_path, user):
    (tmp_path / "token").write_text("fr0m-file\n")
    (tmp_path / "ca.pem").write_text(PEM)
    file = written(tmp_path, user=user, cluster={"certificate-authority": "ca.pem", "tls-server-name": "other.example"})
    official = sdk.Configuration()
    sdk_config.load_kube_config(str(file), client_configuration=official, persist_config=False)

    found = of_kubeconfig([file])

    header = (
        next((each["value"] for each in official.auth_settings().values()), None) or official.get_basic_auth_token()
    )
    assert found.credential.header() == header.strip()
    assert (found.server, found.ca_file) == (official.host, official.ssl_ca_cert)
    assert (found.verify, found.tls_server_name) == (official.verify_ssl, official.tls_server_name)
    assert found.namespace == "sales"


def test_certificates_within_a_kubeconfig_are_taken(tmp_path):
    own = {
        "client-certificate-data": encoded(CLIENT.cert_chain_pems[0].bytes().decode()),
        "client-key-data": encoded(CLIENT.private_key_pem.bytes().decode()),
    }
    file = written(tmp_path, user=own, cluster={"certificate-authority-data": encoded(PEM)})

    found = of_kubeconfig([file])

    assert found.ca_data == PEM
    assert KubeClient(found, 1.0, 1.0).server == "https://kube.example:6443"
    assert found.credential.header() == ""


def test_a_client_that_is_asked_for_its_certificate_shows_it(tmp_path):
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    AUTHORITY.issue_cert("127.0.0.1").configure_cert(server)
    AUTHORITY.configure_trust(server)
    server.verify_mode = ssl.CERT_REQUIRED
    pem = CLIENT.cert_chain_pems[0].bytes().decode()
    context = _tls_of(
        access.Access(
            "https://127.0.0.1",
            Credential(),
            ca_data=PEM,
            client_certificate=pem,
            client_key=CLIENT.private_key_pem.bytes().decode(),
        )
    )
    there, back = ssl.MemoryBIO(), ssl.MemoryBIO()
    ours, theirs = (
        context.wrap_bio(back, there, server_hostname="127.0.0.1"),
        server.wrap_bio(there, back, server_side=True),
    )
    for _ in range(4):
        for side in (ours, theirs):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue

    assert theirs.getpeercert()["subjectAltName"] == (("email", "ann@shop.example"),)


def test_several_kubeconfigs_are_one_and_the_first_of_a_name_counts(tmp_path, monkeypatch):
    first = written(tmp_path, "first", user={"token": "first"})
    second = written(tmp_path, "second", user={"token": "second"})
    other = tmp_path / "other"
    other.write_text(yaml.safe_dump({"contexts": [{"name": "there", "context": {"cluster": "c", "user": "u"}}]}))
    monkeypatch.setenv("KUBECONFIG", os.pathsep.join(map(str, (first, tmp_path / "none", second, other))))

    assert access_of(KubernetesFields()).credential.header() == "Bearer first"
    assert access_of(KubernetesFields(context="there")).namespace == ""


@pytest.mark.parametrize(
    ("content", "context", "says"),
    [
        (None, "", "no kubeconfig with a context is at"),
        ({}, "nowhere", "has no context 'nowhere'. It has here"),
        ({"users": []}, "", "has no user 'u', which its context 'here' names"),
        ("[", "", "cannot be read"),
        ("text", "", "is no mapping"),
    ],
)
def test_a_kubeconfig_that_cannot_be_followed_says_why(tmp_path, content, context, says):
    file = tmp_path / "config"
    if isinstance(content, str):
        file.write_text(content)
    elif content is not None:
        written(tmp_path, **content)

    with pytest.raises(ProviderError, match=says) as raised:
        of_kubeconfig([file], context)
    assert raised.value.kind is ErrorKind.INVALID


@pytest.mark.parametrize(
    ("plugin", "says"),
    [
        ({"command": "false"}, "returned non-zero exit status"),
        ({"command": "no-such-plugin"}, "no-such-plugin"),
        ({"command": "echo", "args": ["{}"]}, "KeyError"),
        ({"command": "sh", "args": ["-c", "echo log in first >&2; exit 1"]}, "log in first"),
    ],
)
def test_a_plugin_that_gives_no_token_is_told(plugin, says):
    credential = Credential(
        plugin={"apiVersion": "client.authentication.k8s.io/v1", "installHint": "Install it", **plugin}
    )

    with pytest.raises(ProviderError, match=says) as raised:
        credential.header()
    assert raised.value.kind is ErrorKind.AUTH
    assert "Install it" in str(raised.value)


def test_a_plugin_is_asked_again_only_once_its_token_has_run_out(tmp_path):
    script = f"echo x >> {tmp_path}/asked; echo '%s'"
    status = {"token": "a", "expirationTimestamp": "2000-01-01T00:00:00Z"}
    for expired, times in ((False, 1), (True, 2)):
        (tmp_path / "asked").write_text("")
        answer = json.dumps({"status": status if expired else {"token": "a"}})
        version = "client.authentication.k8s.io/v1"
        credential = Credential(plugin={"apiVersion": version, "command": "sh", "args": ["-c", script % answer]})
        assert [credential.header(), credential.header()] == ["Bearer a", "Bearer a"]
        assert (tmp_path / "asked").read_text().count("x") == times


def test_a_pod_takes_its_own_account(tmp_path, monkeypatch):
    for name, content in (("token", "p0d-token\n"), ("namespace", "sales"), ("ca.crt", PEM)):
        Path(tmp_path, name).write_text(content)
    monkeypatch.setattr(access, "ACCOUNT", tmp_path)
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "fd00::1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "443")

    found = access_of(KubernetesFields())

    assert (found.server, found.namespace, found.credential.header()) == (
        "https://[fd00::1]:443",
        "sales",
        "Bearer p0d-token",
    )
    assert KubeClient(found, 1.0, 1.0).namespace == "sales"
