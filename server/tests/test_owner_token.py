"""The token that lets programs of this machine in."""

from penstock_server.http.application import application
from penstock_server.http.authenticator import TOKEN_FILE, OwnerToken


def test_the_token_is_in_a_file_that_only_its_user_reads_and_is_new_at_each_start(tmp_path, installation, caller):
    first = OwnerToken.of(tmp_path)
    file = tmp_path / TOKEN_FILE
    old = file.read_text()
    assert file.stat().st_mode & 0o777 == 0o600
    assert caller(application(installation, first), old)("GET", "/api/v1/dags").status == 200
    second = caller(application(installation, OwnerToken.of(tmp_path)), old)
    assert second("GET", "/api/v1/dags").status == 401
    assert [each.name for each in tmp_path.iterdir() if each.name.startswith("server")] == [TOKEN_FILE]
