"""Variables of the environment may name a file that has their value, as secrets of containers do."""

import pytest

from penstock.errors import ConfigError
from penstock.processes.environ import with_secret_files, withheld, without_secrets
from penstock.settings import load_settings


@pytest.fixture
def secret(tmp_path):
    def written(text):
        path = tmp_path / "secret"
        path.write_text(text)
        return str(path)

    return written


def test_the_value_is_what_the_file_has_without_its_last_line_end(secret):
    found = with_secret_files({"PENSTOCK_TOKEN_FILE": secret("penstock_x\n"), "HOME": "/h"})
    assert found == {"PENSTOCK_TOKEN": "penstock_x", "HOME": "/h"}


def test_settings_keys_and_connections_may_lie_in_files(secret, tmp_path):
    name = secret("postgresql://penstock:geheim@db/penstock")
    settings = load_settings({"PENSTOCK_DATABASE__URL_FILE": name, "PENSTOCK_CONN_WAREHOUSE_FILE": name}, tmp_path)
    assert settings.database_url == "postgresql://penstock:geheim@db/penstock"
    assert settings.connections["warehouse"].password == "geheim"


@pytest.mark.parametrize(
    "name", ["PENSTOCK_VAR_REPORT_FILE", "PENSTOCK_CONN_MY_FILE", "SSL_CERT_FILE", "PENSTOCK_TOKENFILE"]
)
def test_what_else_ends_so_is_no_file(name):
    environ = {name: "sftp://host"}
    assert with_secret_files(environ) == environ


def test_a_file_that_is_not_there_and_a_value_that_is_given_twice_are_refused(secret, tmp_path):
    missing = str(tmp_path / "missing")
    with pytest.raises(ConfigError, match=r"PENSTOCK_SECRET_KEY_FILE: .*missing cannot be read"):
        with_secret_files({"PENSTOCK_SECRET_KEY_FILE": missing})
    with pytest.raises(ConfigError, match="PENSTOCK_TOKEN_FILE and PENSTOCK_TOKEN are both set"):
        with_secret_files({"PENSTOCK_TOKEN": "a", "PENSTOCK_TOKEN_FILE": secret("a")})


def test_what_is_no_text_is_refused(tmp_path):
    (tmp_path / "secret").write_bytes(b"\xff")
    with pytest.raises(ConfigError, match="cannot be read"):
        with_secret_files({"PENSTOCK_TOKEN_FILE": str(tmp_path / "secret")})


def test_what_a_file_has_is_hidden_in_logs_and_its_name_from_tasks(secret):
    environ = {
        "PENSTOCK_DATABASE__URL_FILE": secret("postgresql://penstock:geheim@db/penstock"),
        "PENSTOCK_TOKEN_FILE": secret("x"),
    }
    assert "geheim" in withheld({"PENSTOCK_DATABASE__URL_FILE": secret("postgresql://penstock:geheim@db/penstock")})
    assert without_secrets({**environ, "HOME": "/h"}) == {"HOME": "/h"}
