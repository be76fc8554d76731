"""Who may do what."""

import pytest

from penstock.model.access.permission import MEANINGS, ROLES, SCOPES, Permission, Role
from penstock.model.access.principal import OWNER, Grant, Principal, everywhere

SALES = Grant(Role.OPERATOR, dags=("sales_*",), tags=("sales",), connections=("sales_*",))


def test_each_permission_has_a_scope_and_a_meaning():
    assert set(SCOPES) == set(MEANINGS) == set(Permission)


def test_each_role_may_all_that_the_one_before_it_may():
    assert ROLES[Role.VIEWER] < ROLES[Role.OPERATOR] < ROLES[Role.EDITOR] < ROLES[Role.ADMIN] == frozenset(Permission)


def test_without_a_grant_nothing_is_allowed():
    nobody = Principal("ann")
    assert not any(nobody.may(each, "x") or nobody.may_somewhere(each) for each in Permission)


def test_the_owner_may_everything():
    assert all(OWNER.may(each, "x") and OWNER.may_somewhere(each) for each in Permission)


@pytest.mark.parametrize(
    ("permission", "name", "tags", "allowed"),
    [
        (Permission.DAGS_READ, "sales_daily", (), True),
        (Permission.RUNS_WRITE, "sales_daily", (), True),
        (Permission.RUNS_WRITE, "stock", ("sales", "daily"), True),
        (Permission.RUNS_WRITE, "stock", ("sale", "daily"), False),
        (Permission.RUNS_WRITE, "SALES_daily", (), False),
        (Permission.RUNS_WRITE, "xsales_daily", (), False),
        (Permission.HISTORY_DELETE, "sales_daily", (), False),
        (Permission.CONNECTIONS_READ, "sales_db", (), False),
        (Permission.VARIABLES_READ, "sales_key", (), False),
        (Permission.POOLS_READ, "sales_pool", (), False),
        (Permission.INSTALLATION_READ, "", (), False),
        (Permission.USERS_WRITE, "", (), False),
    ],
)
def test_a_grant_gives_its_role_on_what_it_names(permission, name, tags, allowed):
    assert Principal("ann", (SALES,)).may(permission, name, tags) is allowed


def test_a_role_is_not_carried_from_one_grant_to_the_things_of_another():
    both = Principal("ann", (SALES, Grant(Role.ADMIN, dags=("stock",))))
    assert both.may(Permission.HISTORY_DELETE, "stock")
    assert not both.may(Permission.HISTORY_DELETE, "sales_daily")


def test_a_token_allows_no_more_than_its_permissions_and_no_more_than_its_user():
    token = Principal("ann", (SALES,), only=frozenset({Permission.DAGS_READ, Permission.HISTORY_DELETE}))
    assert token.may(Permission.DAGS_READ, "sales_daily")
    assert not token.may(Permission.RUNS_WRITE, "sales_daily")
    assert not token.may(Permission.HISTORY_DELETE, "sales_daily")
    assert not token.may_somewhere(Permission.RUNS_WRITE)


def test_a_role_everywhere_counts_for_the_installation_too():
    assert Principal("ann", (everywhere(Role.VIEWER),)).may(Permission.INSTALLATION_READ)
    assert not Principal("ann", (everywhere(Role.VIEWER),)).may(Permission.AUDIT_READ)
