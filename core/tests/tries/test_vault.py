"""The vault: one order of sources, whatever they are."""

from datetime import UTC, datetime

import pytest

from penstock.errors import ConfigError, NotFoundError, StoreError
from penstock.model.connection import Connection
from penstock.store import Keyring, Store, new_key
from penstock.tries.asks import answered, connection_reply
from penstock.tries.vault import EnvironmentSource, StoreSource, Vault

NOW = datetime(2026, 3, 1, tzinfo=UTC)


class Backend:
    """A secrets backend as a provider may bring it; it may be away."""

    name = "acme secrets"

    def __init__(self, connections=(), variables=()):
        self.held, self.texts, self.away = {c.conn_id: c for c in connections}, dict(variables), False

    def _check(self):
        if self.away:
            raise TimeoutError("no answer")

    def connection(self, conn_id):
        self._check()
        return self.held.get(conn_id)

    def connection_ids(self):
        self._check()
        return list(self.held)

    def variables(self, keys):
        self._check()
        return {key: self.texts[key] for key in keys if key in self.texts}

    def variable_keys(self):
        self._check()
        return list(self.texts)


@pytest.fixture
def store(tmp_path):
    with Store.open(f"sqlite:///{tmp_path}/penstock.db", Keyring([new_key()], "test")) as store:
        store.config.put_connection(Connection("db", "postgres", password="ppp"), NOW)
        store.config.put_connection(Connection("lake", "aws"), NOW)
        store.config.put_variable("key", "stored", NOW)
        yield store


@pytest.fixture
def backend():
    return Backend([Connection("db", "oracle", password="bbb")], {"key": "backend", "token": "ttt"})


@pytest.fixture
def vault(store, backend):
    environment = EnvironmentSource({"db": Connection("db", "mysql", password="eee")}, {"region": "eu"})
    return Vault([environment, backend, StoreSource(store)])


def test_the_first_source_that_has_a_connection_gives_it_with_its_secrets(vault):
    found = vault.connection("DB")
    assert (found.value.conn_id, found.value.conn_type, found.secrets, found.source) == (
        "DB",
        "mysql",
        ("eee",),
        "environment",
    )
    assert vault.connection("lake").source == "database"
    assert vault.sources("db") == ("environment", "acme secrets", "database")


def test_the_first_source_that_has_a_variable_gives_it_with_its_secrets(vault):
    assert (vault.variable("key").value, vault.variable("REGION").source) == ("backend", "environment")
    assert vault.variable("token") == ("ttt", ("ttt",), "acme secrets", False)
    assert vault.variable("nowhere") == (None, (), "", False)
    assert vault.variables(["key", "region", "nowhere"]) == {"key": "backend", "region": "eu", "nowhere": None}
    assert vault.variable_keys() == {"key", "token", "region"}


def test_everything_is_listed_and_what_is_not_used_is_marked(vault):
    listed = [(each.value.conn_id, each.source, each.shadowed) for each in vault.all_connections()]
    assert listed == [
        ("db", "environment", False),
        ("db", "acme secrets", True),
        ("db", "database", True),
        ("lake", "database", False),
    ]
    shadowed = [(key, each.source) for key, each in vault.all_variables() if each.shadowed]
    assert shadowed == [("key", "database")]


def test_a_connection_that_no_source_has_is_told_with_the_nearest_of_all_sources(vault):
    with pytest.raises(NotFoundError, match=r"no connection is named 'dbx'. Did you mean 'db'\? Create it with"):
        vault.connection("dbx")
    with pytest.raises(NotFoundError, match="Set PENSTOCK_CONN_X, or make a project"):
        Vault([EnvironmentSource({}, {})]).connection("x")


@pytest.mark.parametrize(
    "ask",
    [
        lambda vault: vault.connection("lake"),
        lambda vault: vault.variable("key"),
        lambda vault: vault.variables(["key"]),
        lambda vault: vault.sources("lake"),
        lambda vault: list(vault.all_connections()),
        lambda vault: vault.variable_keys(),
    ],
)
def test_a_source_that_fails_is_named_and_no_later_one_is_asked(vault, backend, ask):
    backend.away = True
    with pytest.raises(ConfigError, match=r"the source 'acme secrets' .* failed at .*: TimeoutError: no answer"):
        ask(vault)
    assert vault.connection("db").source == "environment", "a source before it still answers"


def test_a_failing_database_keeps_its_own_error(vault, store):
    store.database.engine.dispose()
    store.database.path.write_bytes(b"no database" * 1000)
    with pytest.raises(StoreError):
        vault.connection("lake")


def test_a_variable_is_set_in_the_database_and_deleted_there(vault, store):
    vault.set_variable("fresh", "1", NOW)
    assert vault.variable("fresh").source == "database"
    vault.set_variable("fresh", None, NOW)
    vault.set_variable("never there", None, NOW)
    assert store.config.variable("fresh") is None
    with pytest.raises(ConfigError, match="there is no database"):
        Vault([]).set_variable("fresh", "1", NOW)


def test_a_reply_carries_the_value_with_its_secrets_or_the_error(vault):
    assert answered(connection_reply, vault, "db").secrets == ("eee",)
    assert answered(connection_reply, vault, "dbx").error_type == "NotFoundError"
