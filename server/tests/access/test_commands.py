"""``penstock users`` and ``penstock tokens``: over the database of a folder."""

import io
import re
import shutil

import pytest

from penstock.errors import NotFoundError, RequestError
from penstock_server.access import access_commands as commands
from penstock_server.opened import opened


@pytest.fixture(autouse=True)
def folder(tmp_path, database, monkeypatch):
    monkeypatch.chdir(tmp_path)
    tmp_path.joinpath(".penstock").mkdir()
    shutil.copy(database, tmp_path / ".penstock" / "penstock.db")
    monkeypatch.setattr("sys.stdin", io.StringIO("four words of tests\n"))


def test_a_user_is_added_granted_listed_and_deleted(capsys):
    assert commands.add_user("ann", role="admin") == 0
    assert commands.add_user("bot", service=True) == 0
    assert commands.grant("bot", "operator", dags=["sales_*"], tags=["daily"]) == 0
    capsys.readouterr()
    assert commands.list_users() == 0
    assert capsys.readouterr().out.splitlines() == [
        "ann  user",
        "  grant 1: admin on DAGs *, connections *, Variables *, pools *, the installation",
        "bot  service account",
        "  grant 2: operator on DAGs sales_*, tags daily",
    ]
    assert commands.revoke_grant(2) == 0
    assert commands.disable_user("bot") == 0
    capsys.readouterr()
    assert commands.list_users() == 0
    assert capsys.readouterr().out.splitlines()[2:] == ["bot  service account, disabled"]
    assert commands.enable_user("bot") == 0
    assert commands.delete_user("bot") == 0
    with opened() as installation:
        found = {each.subject for each in installation.store.audit.page() if each.person}
        assert "user 'ann'" in found


def test_a_team_is_made_granted_joined_listed_left_and_deleted(capsys):
    commands.add_user("bot", service=True)
    assert commands.create_team("sales", description="Who sells") == 0
    assert commands.grant_team("sales", "editor", tags=["sales"], variables=["sales_*"]) == 0
    capsys.readouterr()
    assert [commands.add_member("sales", "bot") for _ in range(2)] == [0, 0]
    assert commands.list_teams() == 0
    assert capsys.readouterr().out.splitlines() == [
        "put bot into team sales",
        "bot is in team sales already",
        "sales  Who sells",
        "  members: bot",
        "  grant 1: editor on tags sales, Variables sales_*",
    ]
    assert [commands.remove_member("sales", "bot") for _ in range(2)] == [0, 0]
    assert commands.delete_team("sales") == 0
    assert capsys.readouterr().out.splitlines() == [
        "took bot out of team sales",
        "bot is not in team sales",
        "deleted team sales",
    ]
    assert commands.list_teams() == 0
    assert capsys.readouterr().out == ""


def test_a_password_is_set_from_standard_input(monkeypatch):
    commands.add_user("ann")
    with opened() as installation:
        before = installation.store.access.users.password_hash("ann")
    monkeypatch.setattr("sys.stdin", io.StringIO("other words of tests\n"))
    assert commands.set_password("ann") == 0
    with opened() as installation:
        assert installation.store.access.users.password_hash("ann") != before


def test_a_link_for_a_new_password_is_printed_alone(capsys):
    commands.add_user("ann")
    capsys.readouterr()
    assert commands.reset_password("ann", url="https://penstock.example.com/") == 0
    assert re.fullmatch(r"https://penstock\.example\.com/reset#[\w-]{43}\n", capsys.readouterr().out)


def test_a_token_whose_secret_a_file_has_is_made_once(tmp_path, capsys):
    (tmp_path / "secret").write_text(f"penstock_{'a' * 43}\n")
    for _ in range(2):
        assert commands.ensure_token("workers", "compose", "secret", role="viewer") == 0
    assert capsys.readouterr().out.splitlines() == ["made token compose of workers", "kept token compose of workers"]


def test_a_token_is_made_listed_without_its_secret_and_revoked(capsys):
    commands.add_user("bot", service=True)
    capsys.readouterr()
    assert commands.create_token("bot", "ci", permissions=["dags:read"], days=30) == 0
    secret = capsys.readouterr().out.strip()
    assert secret.startswith("penstock_")
    assert commands.list_tokens() == 0
    listed = capsys.readouterr().out
    assert "bot  ci: dags:read, ends " in listed
    assert secret not in listed
    assert commands.revoke_token(listed.partition(" ")[0]) == 0
    assert commands.list_tokens(user="bot") == 0
    assert capsys.readouterr().out.endswith("\n")


@pytest.mark.parametrize(
    ("call", "error", "told"),
    [
        pytest.param(
            lambda: commands.add_user("ann", role="king"), RequestError, "no role 'king'. Roles: viewer", id="role"
        ),
        pytest.param(lambda: commands.grant("ann", "viewer"), RequestError, "names no DAG", id="grant of nothing"),
        pytest.param(lambda: commands.set_password("ann"), NotFoundError, "ann", id="no such user"),
        pytest.param(lambda: commands.reset_password("ann"), NotFoundError, "ann", id="no such user to reset"),
        pytest.param(lambda: commands.revoke_grant(7), NotFoundError, "7", id="no such grant"),
        pytest.param(lambda: commands.create_token("ann", "ci"), NotFoundError, "ann", id="token of nobody"),
        pytest.param(
            lambda: commands.create_token("ann", "ci", permissions=["all"]),
            RequestError,
            "no permission 'all'",
            id="permission",
        ),
        pytest.param(
            lambda: commands.ensure_token("bot", "ci", "nowhere"), RequestError, "nowhere cannot be read", id="no file"
        ),
        pytest.param(lambda: commands.revoke_token("x"), NotFoundError, "x", id="no such token"),
    ],
)
def test_what_cannot_be_is_a_sentence(call, error, told):
    with pytest.raises(error, match=told):
        call()
