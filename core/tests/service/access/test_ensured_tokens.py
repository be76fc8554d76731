"""What deploys an installation makes the secret of a token, and has it counted, as often as it likes."""

import pytest

from penstock.errors import RequestError
from penstock.model.access.permission import Permission, Role
from penstock.model.access.principal import everywhere
from penstock.service.access.principals import Principals
from penstock.service.access.tokens import ensure_token, list_tokens
from penstock.service.access.users import add_user, set_disabled, show_user

SECRET, OTHER = "penstock_" + "a" * 43, "penstock_" + "b" * 43
VIEWER = everywhere(Role.VIEWER)


@pytest.fixture
def principals(installation):
    return Principals(installation)


def test_account_and_token_are_made_once(installation, principals):
    assert ensure_token(installation, "workers", "compose", SECRET, given=VIEWER)
    assert not ensure_token(installation, "workers", "compose", SECRET, given=VIEWER)
    assert show_user(installation, "workers").service
    assert principals.of_token(SECRET).may(Permission.INSTALLATION_READ)
    assert [each.name for each in list_tokens(installation, user="workers").items] == ["compose"]


def test_a_token_is_limited_to_what_it_is_for(installation, principals):
    admin, only = everywhere(Role.ADMIN), [Permission.WORKERS_RUN]
    ensure_token(installation, "workers", "compose", SECRET, given=admin, permissions=only)
    found = principals.of_token(SECRET)
    assert (found.may(Permission.WORKERS_RUN), found.may(Permission.INSTALLATION_READ)) == (True, False)


def test_another_secret_takes_the_place_of_the_one_of_before(installation, principals):
    ensure_token(installation, "workers", "compose", SECRET, given=VIEWER)
    ensure_token(installation, "workers", "other", "penstock_" + "c" * 43)
    assert ensure_token(installation, "workers", "compose", OTHER)
    assert (principals.of_token(SECRET), principals.of_token(OTHER).name) == (None, "workers")
    assert sorted(each.name for each in list_tokens(installation, user="workers").items) == ["compose", "other"]


def test_an_account_that_was_disabled_is_let_in_by_no_deployment(installation, principals):
    ensure_token(installation, "workers", "compose", SECRET)
    set_disabled(installation, "workers", disabled=True)
    with pytest.raises(RequestError, match="'workers' is disabled"):
        ensure_token(installation, "workers", "compose", OTHER)
    assert principals.of_token(OTHER) is None


@pytest.mark.parametrize(
    "secret", ["", "penstock_", "a" * 60, "penstock_" + "a" * 42, "penstock_" + "a" * 43 + " ", "penstock_" + "a" * 201]
)
def test_what_could_be_guessed_is_no_secret(installation, secret):
    with pytest.raises(RequestError, match="its secret is none"):
        ensure_token(installation, "workers", "compose", secret)


def test_neither_who_signs_in_nor_a_secret_of_others_is_taken(installation):
    add_user(installation, "ann")
    with pytest.raises(RequestError, match="signs in"):
        ensure_token(installation, "ann", "compose", SECRET)
    ensure_token(installation, "workers", "compose", SECRET)
    with pytest.raises(RequestError, match="is that of a token of 'workers'"):
        ensure_token(installation, "scaler", "compose", SECRET)
