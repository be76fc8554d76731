"""The token that lets programs of this machine in."""

import pytest

from penstock_server.http.application import application
from penstock_server.http.authenticator import TOKEN_FILE, OwnerToken


def test_the_token_is_in_a_file_that_only_its_user_reads_and_stays_over_starts(tmp_path, installation, caller):
    first = OwnerToken.of(tmp_path)
    file = tmp_path / TOKEN_FILE
    old = file.read_text()
    assert file.stat().st_mode & 0o777 == 0o600
    assert caller(application(installation, first), old)("GET", "/api/v1/dags").status == 200
    assert caller(application(installation, OwnerToken.of(tmp_path)), old)("GET", "/api/v1/dags").status == 200
    file.unlink()
    other = caller(application(installation, OwnerToken.of(tmp_path)), old)
    assert other("GET", "/api/v1/dags").status == 401
    assert [each.name for each in tmp_path.iterdir() if each.name.startswith("server")] == [TOKEN_FILE]


@pytest.mark.parametrize(
    ("text", "mode"),
    [
        pytest.param("a" * 43, 0o640, id="the group may have read it"),
        pytest.param("a" * 43, 0o604, id="others may have read it"),
        pytest.param("", 0o600, id="a disk that was full"),
        pytest.param("a" * 42, 0o600, id="half of it"),
        pytest.param("a" * 43 + "\n", 0o600, id="edited"),
        pytest.param("\x00" * 43, 0o600, id="zeros after a crash"),
    ],
)
def test_a_token_that_is_no_secret_or_no_token_is_replaced(tmp_path, text, mode):
    file = tmp_path / TOKEN_FILE
    file.write_text(text)
    file.chmod(mode)
    OwnerToken.of(tmp_path)
    assert (len(file.read_text()), file.read_text() != text) == (43, True)
    assert file.stat().st_mode & 0o777 == 0o600


def test_a_token_behind_a_symbolic_link_is_replaced_and_its_target_is_left_alone(tmp_path):
    target = tmp_path / "elsewhere"
    target.write_text("a" * 43)
    (tmp_path / TOKEN_FILE).symlink_to(target)
    OwnerToken.of(tmp_path)
    assert not (tmp_path / TOKEN_FILE).is_symlink()
    assert target.read_text() == "a" * 43
