"""What a project begins with in containers is written once, with secrets of its own that nobody else may read."""

import os
import socket
import ssl
import stat
import threading
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509

from penstock.errors import ConfigError
from penstock.service.starts.own_certificate import own_certificate
from penstock.service.starts.starts import add_compose, add_helm, lacking

NOW = datetime.now(UTC)


def test_compose_is_written_with_secrets_for_their_owner_alone(tmp_path):
    made = {os.path.relpath(each, tmp_path) for each in add_compose(tmp_path, NOW)}
    assert {
        "compose/compose.yaml",
        "compose/penstock.toml",
        "compose/Containerfile",
        "requirements.txt",
        ".dockerignore",
    } <= made
    secrets = tmp_path / "compose" / "secrets"
    assert stat.S_IMODE(secrets.stat().st_mode) == 0o700
    assert {stat.S_IMODE(each.stat().st_mode) for each in secrets.iterdir()} == {0o600}
    [owner] = {each.stat().st_uid for each in secrets.iterdir()}
    assert (tmp_path / "compose" / ".env").read_text() == f"PENSTOCK_UID={owner}\n"
    assert owner != 0
    assert "/secrets/" in (tmp_path / "compose" / ".gitignore").read_text()
    assert "**/secrets" in (tmp_path / ".dockerignore").read_text()


def test_what_two_files_say_is_the_same_and_no_two_projects_share_a_secret(tmp_path):
    found = []
    for name in ("one", "two"):
        add_compose(tmp_path / name, NOW)
        found.append({each.name: each.read_text() for each in (tmp_path / name / "compose" / "secrets").iterdir()})
    for each in found:
        assert each["database_password"] in each["database_url"]
        assert each["broker_conf"].split("requirepass ")[1].split()[0] in each["broker_url"]
    assert set(found[0].values()) & set(found[1].values()) == set()


def test_what_is_there_is_kept(tmp_path):
    add_compose(tmp_path, NOW)
    add_helm(tmp_path)
    (tmp_path / "compose" / "compose.yaml").write_text("mine")
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert add_compose(tmp_path, NOW) + add_helm(tmp_path) == []
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


def test_requirements_that_were_there_are_kept_and_what_they_lack_is_known(tmp_path):
    (tmp_path / "requirements.txt").write_text("# ours\npandas>=2\nPenstock_Core[postgres]>=0.1  # pinned\n")
    add_compose(tmp_path, NOW)
    lacks = [each.partition("==")[0] for each in lacking(tmp_path)]
    assert "penstock-server" in lacks
    assert [each for each in lacks if each.startswith("penstock-providers-")]
    assert not [each for each in lacks if each.startswith("penstock-core")]
    (tmp_path / "requirements.txt").unlink()
    add_helm(tmp_path)
    assert lacking(tmp_path) == []


def test_the_chart_is_written_whole(tmp_path):
    made = {os.path.relpath(each, tmp_path) for each in add_helm(tmp_path)}
    assert {
        "helm/penstock/Chart.yaml",
        "helm/penstock/templates/scheduler.yaml",
        "helm/values.yaml",
        "helm/Containerfile",
    } <= made
    assert (
        f"repository: registry.example.com/{tmp_path.name.replace('_', '-')}\n"
        in (tmp_path / "helm" / "values.yaml").read_text()
    )


def test_what_is_installed_is_what_containers_have(tmp_path):
    add_helm(tmp_path)
    names = [each.partition("==")[0] for each in (tmp_path / "requirements.txt").read_text().split()]
    assert {"penstock-core[postgres]", "penstock-server"} <= set(names)
    assert names == sorted(names)


def test_a_folder_that_cannot_be_made_is_told(tmp_path):
    (tmp_path / "compose").write_text("a file")
    with pytest.raises(ConfigError, match="compose"):
        add_compose(tmp_path, NOW)


@pytest.mark.parametrize(("name", "trusted"), [("scheduler", True), ("127.0.0.1", True), ("other", False)])
def test_a_strict_client_believes_the_certificate_for_its_names_alone(tmp_path, name, trusted):
    made = own_certificate(["scheduler", "127.0.0.1"], NOW)
    (tmp_path / "pair.pem").write_text(made.certificate + made.key)
    server, client = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context(cadata=made.authority)
    server.load_cert_chain(tmp_path / "pair.pem")
    client.verify_flags |= ssl.VERIFY_X509_STRICT
    ours, theirs = socket.socketpair()
    errors = []

    def serve():
        try:
            server.wrap_socket(theirs, server_side=True).close()
        except OSError as error:
            errors.append(error)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        client.wrap_socket(ours, server_hostname=name).close()
    except ssl.SSLCertVerificationError:
        errors.append("refused")
    ours.close()
    thread.join(60)
    assert (not errors) is trusted


def test_it_counts_for_ten_years():
    found = x509.load_pem_x509_certificate(own_certificate(["a"], NOW).certificate.encode())
    assert found.not_valid_after_utc - NOW > timedelta(days=3000)
