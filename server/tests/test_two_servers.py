"""Two servers side by side on one PostgreSQL, as machines behind a load balancer: whatever one knows, the other does."""

import pytest
from argon2 import PasswordHasher

from penstock.model.access.permission import Role
from penstock.model.access.principal import Grant
from penstock.model.source import ParsedFile
from penstock.plugins.host import PluginHost
from penstock.service.access.grants import grant
from penstock.service.access.principals import Principals
from penstock.service.access.users import add_user_with_password, set_disabled
from penstock.service.installation import Installation
from penstock.settings import load_settings
from penstock.store import Keyring, LoaderCatalog, Store, new_key
from penstock.testing import FakeClock
from penstock.tries.vault import Vault
from penstock.tries.vault_sources import StoreSource
from penstock_server.access.login import Login
from penstock_server.access.passwords import Passwords
from penstock_server.access.user_authenticator import UserAuthenticator
from penstock_server.http.application import application
from penstock_server.http.authenticator import OwnerToken

PASSWORD = "four words of tests"
CHEAP = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)
OWN = {"sec_fetch_site": "same-origin"}
RUNS = "/api/v1/dags/sales/runs"


@pytest.fixture
def clock(now):
    return FakeClock(now)


@pytest.fixture
def two(postgres_url, tmp_path, caller, clock, dags):
    """A caller of each server; each has a state folder and connections to the database of its own."""
    keyring, calls, stores = Keyring([new_key()], "test"), [], []
    for name in ("first", "second"):
        store = Store.open(postgres_url, keyring)
        stores.append(store)
        folder = tmp_path / name
        found = Installation(
            load_settings({}, folder),
            clock,
            open_store=lambda _, store=store: store,
            find_plugins=lambda: PluginHost([]),
            open_vault=lambda store: Vault([StoreSource(store)]),
        )
        principals = Principals(found)
        authenticator = UserAuthenticator(principals, OwnerToken(name), store.name)
        login = Login(found, principals, authenticator, Passwords())
        calls.append(caller(application(found, authenticator, more=login.routes()), ""))
    catalog = LoaderCatalog(store, store.config.variable_values, found.now)
    catalog.save(ParsedFile("sales.py", "snapshot", {}, {}, None, found.now(), 0.1, dags, ()))
    catalog.close()
    add_user_with_password(found, "ann", CHEAP)
    grant(found, "ann", Grant(Role.OPERATOR, dags=("sales",)))
    yield *calls, found
    for each in stores:
        each.close()


def sign_in(call, password=PASSWORD):
    return call("POST", "/auth/login", {"user": "ann", "password": password})


def test_who_signed_in_at_one_is_known_to_the_other_until_signed_out_at_either(two):
    first, second, _ = two
    cookie = sign_in(first).headers["set-cookie"].partition(";")[0]
    assert [call("GET", "/api/v1/me", cookie=cookie).json["user"] for call in (first, second)] == ["ann", "ann"]
    assert second("POST", "/auth/logout", cookie=cookie, **OWN).status == 204
    assert second("GET", "/api/v1/me", cookie=cookie).status == 401


def test_what_one_forbids_the_other_forbids_within_a_second(two, clock):
    first, second, installation = two
    cookie = sign_in(first).headers["set-cookie"].partition(";")[0]
    assert second("GET", "/api/v1/me", cookie=cookie).status == 200
    set_disabled(installation, "ann", disabled=True)
    clock.advance(1.1)
    assert [call("GET", "/api/v1/me", cookie=cookie).status for call in (first, second)] == [401, 401]


def test_a_change_that_is_asked_for_again_at_the_other_is_answered_and_not_made_again(two):
    first, second, installation = two
    cookie = sign_in(first).headers["set-cookie"].partition(";")[0]
    answers = [call("POST", RUNS, {}, cookie=cookie, idempotency_key="one", **OWN) for call in (first, second)]
    assert [each.status for each in answers] == [200, 200]
    assert answers[0].body == answers[1].body
    assert len(installation.store.runs.page(dag_id="sales")) == 1


def test_failures_to_sign_in_are_counted_together(two):
    first, second, _ = two
    statuses = [sign_in(call, "wrong").status for call in (first, second) * 4]
    assert statuses.count(429) == 3, statuses
    assert sign_in(first).status == sign_in(second).status == 429
